"""`on_unfit: empty`: a value that does not fit leaves its own field alone; the others of its row are written."""

import polars as pl
import pytest

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.ledger import complete, count_left_alone
from integration_center.sync.lines import build_lines
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec, record_id

ROWS = make_rows(
    {"User": ["1", "2", "3", "4"], "Score": ["Never", "Never", "7", ""], "Note": ["new", "old", "old", "old"]}
)
RECORDS = make_records(
    *({"Code__c": str(number), "Score__c": 1.0, "Note__c": "old", "Email": None} for number in range(1, 5))
)


def spec_with(*, on_unfit: str, when_null: str) -> IntegrationSpec:
    spec = make_spec({"Score": "Score__c", "Note": "Note__c"}, keys={"User": "Code__c"})
    score, note = spec.fields
    lenient = score.model_copy(update={"on_unfit": on_unfit, "when_null": when_null})
    return spec.model_copy(update={"fields": (lenient, note)})


@pytest.mark.parametrize("when_null", ["keep", "clear"])
def test_a_value_that_does_not_fit_leaves_its_field_alone(when_null: str) -> None:
    lines = build_lines(ROWS, RECORDS, spec_with(on_unfit="empty", when_null=when_null), LEAD)
    cleared = when_null == "clear"
    assert lines["outcome"].to_list() == ["planned", "unchanged", "planned", "planned" if cleared else "unchanged"]
    assert lines["changed.Score__c"].to_list() == [False, False, True, cleared]
    assert lines["changed.Note__c"].to_list() == [True, False, False, False]
    assert lines["after.Score__c"].to_list() == [1.0, 1.0, 7.0, None if cleared else 1.0]
    assert [reason and reason.split(":")[0] for reason in lines["reason"]] == ["left alone", "left alone", None, None]
    assert "Score → Score__c: 'Never' is not a number" in lines["reason"][0]
    assert count_left_alone(lines.lazy()) == 2


def test_the_reason_stays_when_the_rest_of_the_row_is_written() -> None:
    lines = build_lines(ROWS, RECORDS, spec_with(on_unfit="empty", when_null="keep"), LEAD)
    nothing = pl.lit(None, dtype=pl.String)
    results = pl.DataFrame({"Id": [record_id(0)], "outcome": ["updated"]}).with_columns(
        nothing.alias(name) for name in ("code", "message", "error_fields", "job_id")
    )
    done = complete(lines, results)
    assert done["outcome"][0] == "updated"
    assert done["reason"][0].startswith("left alone: ")
    assert count_left_alone(done.lazy()) == 2


@pytest.mark.parametrize("mapped", [("Score",), ("Score", "Note")])
def test_all_fields_of_an_integration_may_be_left_alone(mapped: tuple[str, ...]) -> None:
    spec = make_spec({name: f"{name}__c" for name in mapped}, keys={"User": "Code__c"})
    spec = spec.model_copy(
        update={"fields": tuple(each.model_copy(update={"on_unfit": "empty"}) for each in spec.fields)}
    )
    lines = build_lines(ROWS, RECORDS, spec, LEAD)
    first = "planned" if "Note" in mapped else "unchanged"
    assert lines["outcome"].to_list() == [first, "unchanged", "planned", "unchanged"]
    assert lines["changed.Score__c"].to_list() == [False, False, True, False]
    assert count_left_alone(lines.lazy()) == 2


def test_by_default_the_row_is_rejected() -> None:
    lines = build_lines(ROWS, RECORDS, spec_with(on_unfit="reject", when_null="keep"), LEAD)
    assert lines["outcome"].to_list() == ["rejected", "rejected", "planned", "unchanged"]
