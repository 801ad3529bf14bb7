"""Whether the org holds what a run that died meant to write."""

from typing import Any

import polars as pl
import pytest

from integration_center.sync.changes import verify_lines
from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import amend, complete
from integration_center.sync.lines import build_lines
from integration_center.sync.schema import SObjectSchema
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec, record_id

SPEC = make_spec({"Score": "Score__c", "Note": "Note__c", "Mail": "Email"}, keys={"User": "Code__c"})
BEFORE: list[dict[str, Any]] = [
    {"Code__c": "1", "Score__c": 1.0, "Note__c": "old", "Email": "a@x.org"},
    {"Code__c": "2", "Score__c": 2.0, "Note__c": "old", "Email": "b@x.org"},
    {"Code__c": "3", "Score__c": 3.0, "Note__c": "a\nb", "Email": "c@x.org"},
]
ROWS = make_rows(
    {
        "User": ["1", "2", "3", "4"],
        "Score": [1.5, 2.0, 3.0, 4.0],
        "Note": ["a\nb", "new", "a\nb", "x"],
        "Mail": ["A@x.org", "New@x.org", "c@x.org", "d@x.org"],
    }
)
LINES = build_lines(ROWS, make_records(*BEFORE), SPEC, LEAD)
RESULTS = {
    "Id": pl.String(),
    "outcome": OUTCOME,
    "code": pl.String(),
    "message": pl.String(),
    "error_fields": pl.String(),
    "job_id": pl.String(),
}


def verify(*records: dict[str, Any], lines: pl.DataFrame = LINES, schema: SObjectSchema = LEAD) -> dict[str, str]:
    results = verify_lines(lines, make_records(*records), schema)
    assert dict(results.schema) == RESULTS
    assert results["job_id"].null_count() == results.height
    return dict(results.select("Id", "outcome").iter_rows())


def test_plan_has_two_planned_lines() -> None:
    assert LINES["outcome"].to_list() == ["planned", "planned", "unchanged", "unmatched"]


def test_only_planned_lines_are_judged_each_once() -> None:
    assert verify(*BEFORE) == {record_id(0): "unprocessed", record_id(1): "unprocessed"}
    assert verify(*BEFORE, *({"Id": record_id(number), **record} for number, record in enumerate(BEFORE))) == {
        record_id(0): "unprocessed",
        record_id(1): "unprocessed",
    }


def test_a_line_is_updated_when_the_org_holds_every_value_sent_in_its_own_form() -> None:
    first = {"Id": record_id(0), "Score__c": 1.5, "Note__c": "a\r\nb", "Email": "somebody@else.org"}
    second = {"Id": record_id(1), "Score__c": 99.0, "Note__c": "new", "Email": "NEW@x.org"}
    assert verify(first, second) == {record_id(0): "updated", record_id(1): "updated"}


def test_one_value_that_is_not_there_makes_the_line_unprocessed() -> None:
    assert verify({"Id": record_id(0), "Score__c": 1.5, "Note__c": "old"})[record_id(0)] == "unprocessed"
    assert verify({"Id": record_id(0), "Score__c": None, "Note__c": "a\nb"})[record_id(0)] == "unprocessed"


def test_a_record_that_is_gone_is_unknown() -> None:
    assert verify({"Id": record_id(1), "Note__c": "new", "Email": "new@x.org"}) == {
        record_id(0): "unknown",
        record_id(1): "updated",
    }
    assert set(verify().values()) == {"unknown"}


def test_a_cleared_field_must_be_empty() -> None:
    spec = make_spec({"Score": "Score__c"}, keys={"User": "Code__c"}, when_null="clear")
    lines = build_lines(ROWS.with_columns(Score=pl.lit(None, pl.Float64)), make_records(*BEFORE), spec, LEAD)
    found = verify({"Id": record_id(0)}, {"Id": record_id(1), "Score__c": 2.0}, lines=lines)
    assert found == {record_id(0): "updated", record_id(1): "unprocessed", record_id(2): "unknown"}


@pytest.mark.parametrize("type_", [None, "string"])
def test_a_field_that_is_gone_or_of_another_type_by_now_leaves_its_lines_unknown(type_: str | None) -> None:
    fields = tuple(field for field in LEAD.fields if field.name != "Score__c")
    if type_:
        fields += (type(fields[0])("Score__c", "Score", type_, length=10),)
    schema = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=fields)
    records = make_records(*BEFORE[:1], {"Note__c": "new", "Email": "new@x.org"}, schema=schema)
    found = verify_lines(LINES, records, schema)
    assert dict(found.select("Id", "outcome").iter_rows()) == {record_id(0): "unknown", record_id(1): "updated"}


def test_with_no_field_left_to_compare_every_line_is_unknown() -> None:
    fields = tuple(field for field in LEAD.fields if field.name not in {"Score__c", "Note__c", "Email"})
    schema = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=fields)
    found = verify_lines(LINES, make_records(*BEFORE, schema=schema), schema)
    assert found["outcome"].to_list() == ["unknown", "unknown"]


def test_field_of_the_ledger_under_another_spelling_is_the_same_field() -> None:
    lines = LINES.rename(lambda name: name.replace("Note__c", "NOTE__C"))
    assert verify({"Id": record_id(1), "Note__c": "new", "Email": "new@x.org"}, lines=lines)[record_id(1)] == "updated"


def test_results_complete_the_ledger_and_say_why() -> None:
    results = verify_lines(LINES, make_records({"Score__c": 1.5, "Note__c": "a\nb"}), LEAD)
    amended = amend(LINES, results)
    assert amended.equals(complete(LINES, results))
    assert amended["outcome"].to_list() == ["updated", "unknown", "unchanged", "unmatched"]
    assert amended["reason"].to_list()[:2] == [
        "the run ended before Salesforce answered; the record holds the planned values",
        "the run ended before Salesforce answered, and the record could not be read afterwards",
    ]


def test_nothing_planned_has_no_results() -> None:
    assert verify(*BEFORE, lines=LINES.filter(pl.col("outcome") != "planned")) == {}
