from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from integration_center.sync.conflicts import keep_changed, mark_conflicts
from integration_center.sync.lines import build_lines
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec

FIELDS = {"Logins": "Logins__c", "Note": "Note__c", "Tags": "Tags__c", "Score": "Score__c"}
AT = datetime(2026, 11, 1, tzinfo=UTC)
RECORD: dict[str, Any] = {
    "Id": "00Q000000000001AAA",
    "Email": "ann@acme.example",
    "Company": "Acme",
    "Logins__c": 1,
    "Note__c": "one\ntwo",
    "Tags__c": "Blue;Red",
    "Score__c": 1.5,
    "SystemModstamp": AT,
    "IsConverted": False,
}


def records(**changes: Any) -> pl.DataFrame:
    return make_records(RECORD | changes)


def outcome(keys: dict[str, str], user: dict[str, str], **changes: Any) -> tuple[str, str | None]:
    """The outcome of the one planned line, and the fields named, after the record has changed so."""
    spec = make_spec(FIELDS, keys)
    values: dict[str, Any] = {**user, "Logins": 7, "Note": "new", "Tags": "Red", "Score": 2.5}
    report = {column: [value] for column, value in values.items()}
    lines = build_lines(make_rows(report), records(), spec, LEAD)
    assert lines["outcome"].to_list() == ["planned"]
    key_fields, now = [pair.field for pair in spec.keys], records(**changes)
    settled = mark_conflicts(lines, now, key_fields, LEAD)
    assert settled.columns == lines.columns
    others = make_records(RECORD | {"Id": "00Q000000000002AAA", "Email": "nobody@acme.example"})
    kept = keep_changed(lines.lazy(), pl.concat([now, others]), key_fields, LEAD)
    assert kept.equals(now if settled["outcome"].item() == "conflict" else now.clear())
    return settled.select("outcome", "error_fields").row(0)


BY_EMAIL = ({"User": "Email"}, {"User": "Ann@ACME.example "})
BY_BOTH = ({"User": "Email", "Firm": "Company"}, {"User": "ann@acme.example", "Firm": "Acme"})


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"Logins__c": 2}, "Logins__c"),
        ({"Logins__c": None}, "Logins__c"),
        ({"Logins__c": 7}, "Logins__c"),
        ({"Note__c": "one\ntwo\nthree", "Score__c": 1.25}, "Note__c,Score__c"),
        ({"Email": "ann.lee@acme.example"}, "Email"),
        ({"Email": None}, "Email"),
        ({"Email": "bo@acme.example", "Tags__c": None}, "Email,Tags__c"),
    ],
)
def test_a_record_whose_mapped_or_key_fields_changed_is_in_conflict(changes: dict[str, Any], fields: str) -> None:
    assert outcome(*BY_EMAIL, **changes) == ("conflict", fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"SystemModstamp": datetime(2026, 11, 2, tzinfo=UTC)},
        {"Company": "Acme Ltd"},
        {"Note__c": "one\r\ntwo", "Tags__c": "Red;Blue", "Email": "ANN@acme.example"},
    ],
    ids=["touched", "another field", "the same values in other forms"],
)
def test_a_record_that_was_merely_touched_is_not(changes: dict[str, Any]) -> None:
    assert outcome(*BY_EMAIL, **changes) == ("planned", None)


def test_of_several_key_fields_each_counts() -> None:
    assert outcome(*BY_BOTH) == ("planned", None)
    assert outcome(*BY_BOTH, Company="ACME") == ("planned", None)
    assert outcome(*BY_BOTH, Company="Other") == ("conflict", "Company")


def test_a_key_that_holds_the_separator_of_shown_keys_is_no_conflict() -> None:
    keys, user = BY_BOTH
    spec = make_spec(FIELDS, keys)
    there = records(Company="A · B")
    values: dict[str, Any] = {**user, "Firm": "A · B", "Logins": 7, "Note": "n", "Tags": "Red", "Score": 1.0}
    lines = build_lines(make_rows({column: [value] for column, value in values.items()}), there, spec, LEAD)
    assert mark_conflicts(lines, there, ["Email", "Company"], LEAD).equals(lines)


def test_records_that_were_not_read_again_and_lines_that_are_not_planned_stay_as_they_are() -> None:
    rows = make_rows({"User": ["ann@acme.example", "x@y.example"], "Logins": [1, 2]})
    lines = build_lines(rows, records(), make_spec({"Logins": "Logins__c"}), LEAD)
    assert lines["outcome"].to_list() == ["unchanged", "unmatched"]
    assert mark_conflicts(lines, records(Logins__c=5), ["Email"], LEAD).equals(lines)
    assert mark_conflicts(lines, records().clear(), ["Email"], LEAD).equals(lines)
