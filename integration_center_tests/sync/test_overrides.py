from dataclasses import replace

import polars as pl

from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete, planned_updates
from integration_center.sync.lines import build_lines
from integration_center.sync.overrides import respect_overrides
from integration_center.sync.schema import SObjectField
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec

SPEC = make_spec({"Score": "Score__c", "Job": "Title"}, when_null="clear")


def plan(score: float | None, held: float | None, job: str = "CEO") -> pl.DataFrame:
    rows = make_rows({"User": ["a@x.org"], "Score": [score], "Job": [job]}, Score=pl.Float64)
    return build_lines(rows, make_records({"Email": "a@x.org", "Score__c": held, "Title": "CEO"}), SPEC, LEAD)


def push(lines: pl.DataFrame, outcome: str = "updated") -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    answers = planned_updates(lines).select(
        "Id",
        outcome=pl.lit(outcome, dtype=OUTCOME),
        code=nothing,
        message=nothing,
        error_fields=nothing,
        job_id=nothing,
    )
    return complete(lines, answers)


def test_a_value_is_sent_once_more_and_then_left_to_the_org() -> None:
    first = push(plan(5.0, 1.0))
    again = respect_overrides(plan(5.0, 1.0), [first], LEAD)
    assert again["outcome"].to_list() == ["planned"]
    third = respect_overrides(plan(5.0, 1.0), [push(again), first], LEAD)
    assert third.select("outcome", "reason", "changed.Score__c").row(0) == (
        "unchanged", "org_overrides: the org changes back Score__c", False,
    )  # fmt: skip
    assert third.columns == again.columns


def test_what_was_left_to_the_org_stays_so_when_the_writes_are_forgotten() -> None:
    sent = push(plan(5.0, 1.0))
    left = respect_overrides(plan(5.0, 1.0), [sent, sent], LEAD)
    fourth = respect_overrides(plan(5.0, 2.0), [left], LEAD)
    assert fourth.select("outcome", "reason").row(0) == ("unchanged", "org_overrides: the org changes back Score__c")
    assert respect_overrides(plan(6.0, 1.0), [left], LEAD)["outcome"].to_list() == ["planned"]
    back = push(plan(6.0, 1.0))
    assert respect_overrides(plan(5.0, 1.0), [back, left, sent], LEAD)["outcome"].to_list() == ["planned"]


def test_what_was_left_beside_a_write_is_remembered_too() -> None:
    sent = push(plan(5.0, 1.0))
    beside = push(respect_overrides(plan(5.0, 1.0, job="CTO"), [sent, sent], LEAD))
    assert beside["outcome"].to_list() == ["updated"]
    assert respect_overrides(plan(5.0, 1.0), [beside], LEAD)["outcome"].to_list() == ["unchanged"]
    assert respect_overrides(plan(5.0, 1.0, job="CFO"), [beside], LEAD)["changed.Title"].to_list() == [True]


def test_a_value_that_was_equal_before_is_no_override() -> None:
    rows = make_rows({"User": ["a@x.org"], "Mail": ["ADA@x.org"]})
    spec = make_spec({"Mail": "Other__c"})
    other = replace(LEAD, fields=(*LEAD.fields, SObjectField("Other__c", "Other", "email", length=80)))
    held = [build_lines(rows, make_records({"Email": "a@x.org", "Other__c": value}, schema=other), spec, other)
            for value in ("Ada@x.org", "else@x.org")]  # fmt: skip
    assert held[0]["outcome"].to_list() == ["unchanged"]
    assert respect_overrides(held[1], [held[0]], other)["outcome"].to_list() == ["planned"]


def test_a_value_that_is_read_masked_is_sent_twice() -> None:
    """Of encrypted text a user without View Encrypted Data reads the mask, which tells nothing of the value."""
    secret = replace(LEAD, fields=(*LEAD.fields, SObjectField("Secret__c", "Secret", "encryptedstring", length=40)))
    spec = make_spec({"Secret": "Secret__c"})
    masked = make_records({"Email": "a@x.org", "Secret__c": "*****6789"}, schema=secret)

    def plan_secret(value: str) -> pl.DataFrame:
        return build_lines(make_rows({"User": ["a@x.org"], "Secret": [value]}), masked, spec, secret)

    sent = push(plan_secret("123456789"))
    assert respect_overrides(plan_secret("123456789"), [sent], secret)["outcome"].to_list() == ["planned"]
    assert respect_overrides(plan_secret("123456789"), [sent, sent], secret)["outcome"].to_list() == ["unchanged"]
    assert respect_overrides(plan_secret("987656789"), [sent, sent], secret)["outcome"].to_list() == ["planned"]


def test_clearing_counts_as_a_value() -> None:
    sent = push(plan(None, 1.0))
    assert respect_overrides(plan(None, 1.0), [sent, sent], LEAD)["outcome"].to_list() == ["unchanged"]
    assert respect_overrides(plan(5.0, 1.0), [sent, sent], LEAD)["outcome"].to_list() == ["planned"]


def test_a_new_value_and_failed_writes_are_no_override() -> None:
    sent = push(plan(5.0, 1.0))
    assert respect_overrides(plan(6.0, 1.0), [sent, sent], LEAD)["outcome"].to_list() == ["planned"]
    failed = push(plan(5.0, 1.0), "failed")
    assert respect_overrides(plan(5.0, 1.0), [failed, failed], LEAD)["outcome"].to_list() == ["planned"]
    other = push(plan(7.0, 1.0))
    assert respect_overrides(plan(5.0, 1.0), [sent, other, sent], LEAD)["outcome"].to_list() == ["planned"]


def test_other_fields_of_the_record_are_still_sent() -> None:
    sent = push(plan(5.0, 1.0))
    lines = respect_overrides(plan(5.0, 1.0, job="CTO"), [sent, sent], LEAD)
    assert lines.select("outcome", "changed.Score__c", "changed.Title").row(0) == ("planned", False, True)


def test_without_history_nothing_changes() -> None:
    lines = plan(5.0, 1.0)
    assert respect_overrides(lines, [], LEAD).equals(lines)
