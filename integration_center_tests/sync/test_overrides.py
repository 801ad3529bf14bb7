import polars as pl

from integration_center.sync.ledger import complete, planned_updates
from integration_center.sync.outcomes import OUTCOME
from integration_center.sync.overrides import respect_overrides
from integration_center.sync.plan import build_lines
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
    again = respect_overrides(plan(5.0, 1.0), [first])
    assert again["outcome"].to_list() == ["planned"]
    third = respect_overrides(plan(5.0, 1.0), [push(again), first])
    assert third.select("outcome", "reason", "changed.Score__c").row(0) == (
        "unchanged", "org_overrides: the org changes back Score__c", False,
    )  # fmt: skip
    assert third.columns == again.columns


def test_clearing_counts_as_a_value() -> None:
    sent = push(plan(None, 1.0))
    assert respect_overrides(plan(None, 1.0), [sent, sent])["outcome"].to_list() == ["unchanged"]
    assert respect_overrides(plan(5.0, 1.0), [sent, sent])["outcome"].to_list() == ["planned"]


def test_a_new_value_and_failed_writes_are_no_override() -> None:
    sent = push(plan(5.0, 1.0))
    assert respect_overrides(plan(6.0, 1.0), [sent, sent])["outcome"].to_list() == ["planned"]
    failed = push(plan(5.0, 1.0), "failed")
    assert respect_overrides(plan(5.0, 1.0), [failed, failed])["outcome"].to_list() == ["planned"]
    other = push(plan(7.0, 1.0))
    assert respect_overrides(plan(5.0, 1.0), [sent, other, sent])["outcome"].to_list() == ["planned"]


def test_other_fields_of_the_record_are_still_sent() -> None:
    sent = push(plan(5.0, 1.0))
    lines = respect_overrides(plan(5.0, 1.0, job="CTO"), [sent, sent])
    assert lines.select("outcome", "changed.Score__c", "changed.Title").row(0) == ("planned", False, True)


def test_without_history_nothing_changes() -> None:
    lines = plan(5.0, 1.0)
    assert respect_overrides(lines, []).equals(lines)
