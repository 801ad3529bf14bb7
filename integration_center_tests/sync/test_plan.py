from datetime import date
from typing import Any

import polars as pl
import pytest

from integration_center.errors import ConfigurationError, PlanError, SchemaMismatch
from integration_center.sync.columns import LEDGER_COLUMNS, OUTCOME
from integration_center.sync.lines import build_lines
from integration_center.sync.match import matching
from integration_center.sync.outcomes import Outcome
from integration_center.sync.values.pairs import find_all_places
from integration_center_tests.sync.builders import (
    ANN,
    BOB,
    DAY,
    LEAD,
    make_records,
    make_rows,
    make_spec,
    outcomes,
    plan,
    record_id,
    utc,
)


def test_frame_has_the_columns_of_the_ledger() -> None:
    spec = make_spec({"Score": "score__C", "When": "Last__c"})
    lines = plan(make_rows({"User": [ANN], "Score": [1.0], "When": [utc("2026-01-01T00:00:00")]}), make_records(), spec)
    moment = pl.Datetime("ms", "UTC")
    assert dict(lines.schema) == {
        **LEDGER_COLUMNS,
        "before.Score__c": pl.Float64(),
        "after.Score__c": pl.Float64(),
        "changed.Score__c": pl.Boolean(),
        "before.Last__c": moment,
        "after.Last__c": moment,
        "changed.Last__c": pl.Boolean(),
    }
    assert lines.schema["outcome"] == OUTCOME


def test_changed_value_is_planned_with_before_and_after() -> None:
    stamp = utc("2026-11-01T00:00:00")
    records = make_records({"Email": ANN, "Score__c": 1.0, "SystemModstamp": stamp})
    (line,) = plan(make_rows({"User": [" ANN@Example.org"], "Score": [2.345]}), records).to_dicts()
    assert line == {
        "row": 0, "day": DAY, "key": " ANN@Example.org", "record_id": record_id(0), "outcome": "planned",
        "reason": None, "code": None, "error_fields": None, "job_id": None, "modstamp": stamp,
        "before.Score__c": 1.0, "after.Score__c": 2.35, "changed.Score__c": True,
    }  # fmt: skip


def test_rows_without_key_and_without_record() -> None:
    lines = plan(make_rows({"User": [None, " \t", ANN], "Score": [1.0, 2.0, 3.0]}), make_records({"Email": None}))
    assert outcomes(lines) == ["no_key", "no_key", "unmatched"]
    assert lines["record_id"].null_count() == 3
    assert not lines["changed.Score__c"].any()


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("records", [0, 2])
def test_empty_frames(rows: int, records: int) -> None:
    report = make_rows({"User": ["u@x.org", "v@x.org"], "Score": [1.0, 2.0]}).head(rows)
    lines = plan(report, make_records({"Email": ANN}, {"Email": BOB}).head(records))
    assert outcomes(lines) == ["unmatched"] * rows
    assert lines.schema["after.Score__c"] == pl.Float64()


def test_a_record_read_twice_is_one_record_as_read_last() -> None:
    again = {"Id": record_id(0), "Email": ANN}
    lines = plan(
        make_rows({"User": [ANN], "Score": [5.0]}), make_records({**again, "Score__c": 1.0}, {**again, "Score__c": 5.0})
    )
    assert outcomes(lines) == ["unchanged"]


class TestManyMatches:
    rows = make_rows({"User": [ANN, BOB], "Score": [1.0, 2.0]})
    records = make_records({"Email": ANN}, {"Email": ANN.upper()}, {"Email": ANN}, {"Email": BOB})

    def test_update_all_writes_each_record(self) -> None:
        lines = plan(self.rows, self.records)
        assert lines["row"].to_list() == [0, 0, 0, 1]
        assert lines["record_id"].to_list() == [record_id(number) for number in range(4)]
        assert outcomes(lines) == ["planned"] * 4

    @pytest.mark.parametrize("options", [{"max_matches": 2}, {"when_many_match": "skip"}])
    def test_too_many_are_one_ambiguous_line(self, options: dict[str, Any]) -> None:
        lines = plan(self.rows, self.records, make_spec({"Score": "Score__c"}, **options))
        assert outcomes(lines) == ["ambiguous", "planned"]
        assert lines["record_id"].to_list() == [None, record_id(3)]
        assert lines["reason"][0].startswith("matches 3 records; at most ")

    @pytest.mark.parametrize("wrong", range(4))
    @pytest.mark.parametrize("sizes", [(1, 1), (1, 2), (2, 3), (9, 9)])
    def test_two_keys_with_one_number_are_told_apart(
        self, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int], wrong: int
    ) -> None:
        def mix(numbers: pl.Series, among: pl.Series) -> pl.DataFrame:
            found = find_all_places(numbers, among)
            other = 3 if found["row"][wrong] == 0 else 0
            return found.with_columns(found["place"].scatter(wrong, other))

        wanted = plan(self.rows, self.records)
        monkeypatch.setattr(matching, "find_all_places", mix)
        monkeypatch.setattr(matching, "COMPARED_AT_A_TIME", sizes[0])
        monkeypatch.setattr(matching, "MOST_COMPARED", sizes[1])
        assert plan(self.rows, self.records).equals(wanted)

    def test_fail_names_counts_and_no_key(self) -> None:
        with pytest.raises(PlanError, match=r"report 'Logins': 1 key matches .* \(up to 3\)") as caught:
            plan(self.rows, self.records, make_spec({"Score": "Score__c"}, when_many_match="fail"))
        assert ANN not in str(caught.value).lower()

    def test_fail_passes_where_each_key_matches_once(self) -> None:
        spec = make_spec({"Score": "Score__c"}, when_many_match="fail")
        assert outcomes(plan(self.rows.tail(1), self.records, spec)) == ["planned"]


class TestSeveralKeys:
    spec = make_spec({"Score": "Score__c"}, keys={"User": "Email", "Firm": "Company"})

    def test_all_pairs_must_match(self) -> None:
        rows = make_rows({"User": [ANN, ANN, ANN], "Firm": ["ACME", "Other", None], "Score": [1.0, 2.0, 3.0]})
        lines = plan(rows, make_records({"Email": ANN, "Company": "Acme"}), self.spec)
        assert outcomes(lines) == ["planned", "unmatched", "no_key"]
        assert lines["key"].to_list() == [f"{ANN} · ACME", f"{ANN} · Other", f"{ANN} · "]

    def test_parts_do_not_run_into_each_other(self) -> None:
        rows = make_rows({"User": ["a\x1fb"], "Firm": ["c"], "Score": [1.0]})
        spec = make_spec({"Score": "Score__c"}, keys={"User": "Title", "Firm": "Company"})
        assert outcomes(plan(rows, make_records({"Title": "a", "Company": "b\x1fc"}), spec)) == ["unmatched"]


def test_key_column_may_be_a_source_and_columns_may_have_any_name() -> None:
    spec = make_spec({"*": "Score__c", "^row$": "Title", "row": "Note__c"}, keys={"*": "Number__c"})
    rows = make_rows({"*": ["007", "8"], "^row$": ["a", "b"], "row": ["c", "d"], "record_id": [1, 2]})
    lines = plan(rows, make_records({"Number__c": 7.0}), spec)
    assert lines.row(0, named=True) | {"after.Score__c": 7.0, "after.Title": "a", "after.Note__c": "c"} == lines.row(
        0, named=True
    )
    assert outcomes(lines) == ["planned", "unmatched"]


@pytest.mark.parametrize(
    ("field", "key", "held"),
    [
        ("Id", "000000000000000", record_id(0)),
        ("Number__c", "7.0", 7.0),
        ("Code__c", "Ab", "Ab"),
        ("Since__c", "2026-11-22 10:00:00", date(2026, 11, 22)),
        ("Last__c", "2026-11-22 10:00", utc("2026-11-22T10:00:00")),
    ],
)
def test_keys_of_other_types(field: str, key: str, held: Any) -> None:
    spec = make_spec({"Score": "Score__c"}, keys={"User": field})
    lines = plan(make_rows({"User": [key], "Score": [1.0]}), make_records({"Id": record_id(0), field: held}), spec)
    assert outcomes(lines) == ["planned"]


def test_case_sensitive_key_field_minds_case() -> None:
    spec = make_spec({"Score": "Score__c"}, keys={"User": "Code__c"})
    assert outcomes(plan(make_rows({"User": ["ab"], "Score": [1.0]}), make_records({"Code__c": "AB"}), spec)) == [
        "unmatched"
    ]


def test_a_whole_number_with_decimals_is_said_to_be_no_text_of_the_org() -> None:
    rows = make_rows({"User": ["123.0", "124", "12.5"], "Score": [1.0] * 3})
    records = make_records({"Code__c": "123"})
    lines = plan(rows, records, make_spec({"Score": "Score__c"}, keys={"User": "Code__c"}))
    assert lines["outcome"].to_list() == ["unmatched"] * 3
    assert [reason and reason[:21] for reason in lines["reason"]] == ["the key ends in .0, a", None, None]


def test_a_hashed_user_id_is_said_to_match_no_address() -> None:
    hashed = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    rows = make_rows({"User": [hashed, ANN, BOB], "Score": [1.0] * 3})
    lines = plan(rows, make_records({"Email": ANN}))
    assert outcomes(lines) == ["unmatched", "planned", "unmatched"]
    assert lines["reason"].to_list() == [
        "the key looks like one of WalkMe's hashed user ids, which match no e-mail address", None, None,
    ]  # fmt: skip
    by_code = plan(rows, make_records({"Code__c": hashed}), make_spec({"Score": "Score__c"}, keys={"User": "Code__c"}))
    assert outcomes(by_code) == ["planned", "unmatched", "unmatched"]
    assert by_code["reason"].null_count() == 3


def test_converted_lead_is_ineligible_even_with_an_unfit_value() -> None:
    records = make_records({"Email": ANN, "IsConverted": True}, {"Email": BOB, "IsConverted": False})
    lines = plan(make_rows({"User": [ANN, BOB], "Score": [1e9, 1.0]}), records)
    assert outcomes(lines) == ["ineligible", "planned"]
    assert "converted" in lines["reason"][0]


def test_converted_leads_are_written_when_the_user_may() -> None:
    asked: list[bool] = []

    def may() -> bool:
        asked.append(True)
        return True

    records = make_records({"Email": ANN, "IsConverted": True}, {"Email": BOB, "IsConverted": False})
    spec = make_spec({"Score": "Score__c"})
    for user, outcome, questions in ((BOB, "planned", 0), (ANN, "planned", 1)):
        rows = make_rows({"User": [user], "Score": [1.0]})
        lines = build_lines(rows, records, spec, LEAD, edits_converted=may)
        assert outcomes(lines) == [outcome]
        assert len(asked) == questions


class TestRejected:
    spec = make_spec({"Score": "Score__c", "Job": "Title"})

    def test_one_unfit_value_rejects_the_line_with_all_reasons(self) -> None:
        rows = make_rows({"User": [ANN, BOB], "Score": [1e9, 1.0], "Job": ["x" * 21, "y"]})
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}), self.spec)
        assert outcomes(lines) == ["rejected", "planned"]
        assert lines.select("code", "error_fields", "reason").row(0) == (
            "TOO_LARGE",
            "Score__c,Title",
            "Score → Score__c: is too large: the field holds 6 digits before the decimal point;"
            " Job → Title: has 21 characters; the field holds 20",
        )
        assert not lines.select("changed.Score__c", "changed.Title").row(0)[0]

    def test_fit_values_of_a_rejected_line_are_not_sent_either(self) -> None:
        rows = make_rows({"User": [ANN], "Score": [1.0], "Job": ["x" * 21]})
        lines = plan(rows, make_records({"Email": ANN}), self.spec)
        assert outcomes(lines) == ["rejected"]
        assert lines.select("changed.Score__c", "changed.Title").row(0) == (False, False)

    def test_rows_without_record_are_not_judged(self) -> None:
        rows = make_rows({"User": [ANN], "Score": [1e9], "Job": ["x"]})
        assert outcomes(plan(rows, make_records(), self.spec)) == ["unmatched"]

    def test_every_line_of_the_row_is_rejected(self) -> None:
        rows = make_rows({"User": [ANN], "Score": [1e9], "Job": ["x"]})
        lines = plan(rows, make_records({"Email": ANN}, {"Email": ANN}), self.spec)
        assert outcomes(lines) == ["rejected", "rejected"]


class TestNull:
    rows = make_rows({"User": [ANN, BOB], "Score": [None, None]}, Score=pl.Float64)
    records = make_records({"Email": ANN, "Score__c": 1.0}, {"Email": BOB})

    def test_keep_leaves_the_field_alone(self) -> None:
        lines = plan(self.rows, self.records)
        assert outcomes(lines) == ["unchanged", "unchanged"]
        assert lines["after.Score__c"].to_list() == [1.0, None]

    def test_clear_clears_what_is_there(self) -> None:
        lines = plan(self.rows, self.records, make_spec({"Score": "Score__c"}, when_null="clear"))
        assert outcomes(lines) == ["planned", "unchanged"]
        assert lines["after.Score__c"].to_list() == [None, None]
        assert lines["changed.Score__c"].to_list() == [True, False]

    def test_a_field_may_differ_from_its_integration(self) -> None:
        field = {"column": "Score", "field": "Score__c", "when_null": "keep"}
        assert outcomes(plan(self.rows, self.records, make_spec([field], when_null="clear"))) == ["unchanged"] * 2

    @pytest.mark.parametrize(("field", "held"), [("Company", "Acme"), ("Champion__c", True)])
    def test_what_cannot_be_cleared_is_rejected(self, field: str, held: Any) -> None:
        spec = make_spec({"Score": field}, when_null="clear")
        rows = make_rows({"User": [ANN], "Score": [None]}, Score=pl.String)
        lines = plan(rows, make_records({"Email": ANN, field: held}), spec)
        assert lines.select("outcome", "code", "error_fields").row(0) == ("rejected", "NOT_NILLABLE", field)
        assert lines["reason"][0] == f"Score → {field}: is empty, and the field cannot be cleared"

    def test_null_column_keeps_everything(self) -> None:
        rows = make_rows({"User": [ANN], "Score": [None]})
        assert outcomes(plan(rows, self.records)) == ["unchanged"]


@pytest.mark.parametrize(
    ("field", "given", "held", "expected"),
    [
        ("Score__c", 33.333, 33.33, "unchanged"),
        ("Score__c", 33.33, 33.333, "planned"),
        ("Logins__c", 5.0, 5, "unchanged"),
        ("Title", " CEO ", "CEO", "unchanged"),
        ("Title", "ceo", "CEO", "planned"),
        ("Note__c", "a\nb", "a\r\nb", "unchanged"),
        ("Tags__c", "Blue;Red", "Red;Blue", "unchanged"),
        ("Tags__c", "Blue", "Red;Blue", "planned"),
        ("Last__c", utc("2026-11-22T08:00:00.7"), utc("2026-11-22T08:00:00"), "unchanged"),
        ("Since__c", utc("2026-11-22T23:00:00"), date(2026, 11, 22), "unchanged"),
        ("Champion__c", "yes", True, "unchanged"),
        ("Champion__c", "no", True, "planned"),
    ],
)
def test_equal_means_equal_as_the_org_holds_it(field: str, given: Any, held: Any, expected: str) -> None:
    lines = plan(
        make_rows({"User": [ANN], "V": [given]}), make_records({"Email": ANN, field: held}), make_spec({"V": field})
    )
    assert outcomes(lines) == [expected]
    assert lines[f"before.{field}"].to_list() == [held]


def test_email_fields_are_equal_without_case() -> None:
    spec = make_spec({"V": "Email"}, keys={"User": "Code__c"})
    records = make_records({"Code__c": "1", "Email": "Ann@Example.org"})
    assert outcomes(plan(make_rows({"User": ["1"], "V": ["ann@example.ORG"]}), records, spec)) == ["unchanged"]


def test_only_changed_fields_are_marked() -> None:
    rows = make_rows({"User": [ANN], "Score": [1.0], "Job": ["new"]})
    records = make_records({"Email": ANN, "Score__c": 1.0, "Title": "old"})
    lines = plan(rows, records, make_spec({"Score": "Score__c", "Job": "Title"}))
    assert lines.select("outcome", "changed.Score__c", "changed.Title").row(0) == (Outcome.PLANNED, False, True)


def test_object_without_modstamp() -> None:
    records = make_records({"Email": ANN}).drop("SystemModstamp", "IsConverted")
    lines = plan(make_rows({"User": [ANN], "Score": [1.0]}), records)
    assert lines.select("outcome", "modstamp").row(0) == ("planned", None)


def test_missing_column_and_missing_field_are_named() -> None:
    with pytest.raises(ConfigurationError, match="'At'"):
        plan(make_rows({"User": [ANN], "Score": [1.0]}), make_records(), latest_by="At")
    with pytest.raises(SchemaMismatch, match=r"Lead\.Nope__c is missing, or hidden"):
        plan(make_rows({"User": [ANN], "Score": [1.0]}), make_records(), make_spec({"Score": "Nope__c"}))
