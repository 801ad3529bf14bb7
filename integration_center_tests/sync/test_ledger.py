from typing import Any

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.columns import LEDGER_COLUMNS, OUTCOME
from integration_center.sync.ledger import (
    amend,
    complete,
    hold,
    hold_rows,
    ledger_adds_up,
    planned_updates,
    supersede,
    to_csv_safe,
)
from integration_center.sync.lines import build_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import count_lines, count_rows
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec, record_id, utc

SPEC = make_spec({"Score": "Score__c", "Job": "Title"})
PEOPLE = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
ROWS = make_rows({"User": PEOPLE, "Score": [1.0, -2.0, 3.0, 4.0], "Job": ["=1+1", "y", "z", None]})
RECORDS = make_records(
    {"Email": "a@x.org"},
    {"Email": "a@x.org"},
    {"Email": "b@x.org"},
    {"Email": "c@x.org", "Score__c": 3.0, "Title": "z"},
)
LINES = build_lines(ROWS, RECORDS, SPEC, LEAD)


def results(*answers: tuple[int, str, str | None, str | None]) -> pl.DataFrame:
    names = ("Id", "outcome", "code", "message", "error_fields", "job_id")
    rows = [(record_id(number), outcome, code, message, None, "750xx") for number, outcome, code, message in answers]
    schema = {name: OUTCOME if name == "outcome" else pl.String() for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_updates_are_the_planned_lines() -> None:
    updates = planned_updates(LINES)
    assert updates.columns == ["Id", "after.Score__c", "changed.Score__c", "after.Title", "changed.Title"]
    assert updates.rows() == [
        (record_id(0), 1.0, True, "=1+1", True),
        (record_id(1), 1.0, True, "=1+1", True),
        (record_id(2), -2.0, True, "y", True),
    ]


def test_counts_by_line_and_by_row() -> None:
    answered = complete(
        LINES, results((1, "failed", "X", None), (0, "updated", None, None), (2, "updated", None, None))
    )
    by_line, by_row = count_lines(answered), count_rows(answered)
    assert by_line.as_dict() == {"unchanged": 1, "updated": 2, "unmatched": 1, "failed": 1}
    assert by_row.as_dict() == {"unchanged": 1, "updated": 1, "unmatched": 1, "failed": 1}
    assert (by_line.total, by_row.total, by_line.sent) == (5, 4, 3)
    assert by_line[Outcome.HELD] == 0
    assert ledger_adds_up(answered, 4)


def test_answers_are_joined_by_id_in_any_order() -> None:
    answered = complete(
        LINES, results((2, "failed", "STRING_TOO_LONG", "Title: data value too large"), (0, "updated", None, None))
    )
    assert answered["row"].to_list() == LINES["row"].to_list()
    assert answered.schema == LINES.schema
    assert answered.filter(record_id=record_id(2)).select("outcome", "code", "reason", "job_id").row(0) == (
        "failed", "STRING_TOO_LONG", "Title: data value too large", "750xx",
    )  # fmt: skip


def test_planned_line_without_an_answer_is_unknown() -> None:
    answered = complete(LINES, results((0, "updated", None, None)))
    assert answered.filter(record_id=record_id(1)).select("outcome", "job_id").row(0) == ("unknown", None)
    assert complete(LINES, results())["outcome"].to_list().count("unknown") == 3


def test_answers_nobody_waits_for_change_nothing() -> None:
    everything = results(*((number, "updated", None, None) for number in range(9)))
    answered = complete(LINES, everything)
    assert answered.filter(pl.col("outcome") == "unchanged")["job_id"].to_list() == [None]
    assert answered.height == LINES.height


def test_of_two_answers_the_worse_counts() -> None:
    answered = complete(LINES, results((0, "updated", None, None), (0, "failed", "X", None)))
    assert answered.filter(record_id=record_id(0))["outcome"].to_list() == ["failed"]
    assert answered.height == LINES.height


def test_late_answers_replace_planned_lines_and_leave_the_silent_ones() -> None:
    amended = amend(LINES, results((2, "failed", "X", "said"), (3, "updated", None, None)))
    assert amended["outcome"].to_list() == ["planned", "planned", "failed", "unchanged", "unmatched"]
    assert amended.select("code", "reason", "job_id").row(2) == ("X", "said", "750xx")
    assert amended.schema == LINES.schema
    assert amended.drop("outcome", "code", "reason", "job_id").equals(LINES.drop("outcome", "code", "reason", "job_id"))


def test_late_answers_replace_what_was_unknown_of_the_same_job() -> None:
    sent = complete(LINES, results((0, "unknown", "UNKNOWN", "the job has not ended"), (1, "updated", None, None)))
    late = results((0, "updated", None, None), (1, "failed", "X", None), (2, "updated", None, None))
    amended = amend(sent, late)
    assert amended.select("outcome", "code", "reason", "job_id").row(0) == ("updated", None, None, "750xx")
    assert amended["outcome"].to_list()[1:3] == ["updated", "unknown"], "settled, and unknown without a job"
    other = amend(sent, late.with_columns(job_id=pl.lit("750yy")))
    assert other.equals(sent)


def test_late_answers_find_a_line_of_their_job_among_answers_of_others() -> None:
    sent = complete(LINES, results((0, "unknown", "UNKNOWN", "the job has not ended")))
    other = results((0, "failed", "X", None)).with_columns(job_id=pl.lit("750yy"))
    amended = amend(sent, pl.concat([other, results((0, "updated", None, None))]))
    assert amended.filter(record_id=record_id(0))["outcome"].to_list() == ["updated"]


def test_a_planned_line_keeps_its_reason_when_the_late_answer_says_nothing() -> None:
    lines = LINES.with_columns(reason=pl.lit("org_overrides: the org changes back Title"))
    assert amend(lines, results((0, "updated", None, None)))["reason"][0].startswith("org_overrides")


def test_hold_and_supersede_turn_planned_lines_only() -> None:
    held = hold(LINES, "too many would change")
    assert count_lines(held).as_dict() == {"unchanged": 1, "unmatched": 1, "held": 3}
    assert set(held.filter(pl.col("outcome") == "held")["reason"]) == {"too many would change"}
    assert planned_updates(held).is_empty()
    assert count_lines(supersede(LINES, "a newer day"))[Outcome.SUPERSEDED] == 3


def test_rows_of_an_unfit_integration_are_all_held() -> None:
    spec = make_spec({"Score": "Score__c", "Gone": "Gone__c"}, keys={"User": "Email", "Lost": "Company"})
    lines = hold_rows(ROWS, spec, LEAD, "Lead.Gone__c is missing")
    assert list(lines.schema.items())[: len(LEDGER_COLUMNS)] == list(LEDGER_COLUMNS.items())
    assert lines.columns[len(LEDGER_COLUMNS) :] == ["before.Score__c", "after.Score__c", "changed.Score__c"]
    assert lines["key"].to_list() == PEOPLE
    assert count_rows(lines).as_dict() == {"held": 4}
    assert ledger_adds_up(lines, 4)
    no_keys = hold_rows(ROWS.drop("User"), spec, LEAD, "no column 'User'")
    assert no_keys["key"].null_count() == 4


def test_a_held_row_shows_the_key_that_its_plan_would_show() -> None:
    keys = [{"column": "User", "field": "Email"}, {"column": "User", "field": "Code__c"}]
    spec = IntegrationSpec.model_validate({**SPEC.model_dump(), "keys": keys})
    held = hold_rows(ROWS, spec, LEAD, "Lead.Gone__c is missing")
    assert held["key"].to_list() == [f"{person} · {person}" for person in PEOPLE]
    assert held["key"].equals(build_lines(ROWS, RECORDS, spec, LEAD)["key"])


def test_a_ledger_that_does_not_add_up_is_seen() -> None:
    assert ledger_adds_up(LINES, 4)
    assert not ledger_adds_up(LINES, 5)
    assert not ledger_adds_up(LINES.filter(pl.col("row") != 2), 4)
    assert not ledger_adds_up(LINES.filter(pl.col("row") != 2), 3)
    assert not ledger_adds_up(pl.concat([LINES, LINES.head(1)]), 4)
    nothing = pl.lit(None, dtype=OUTCOME)
    assert not ledger_adds_up(LINES.with_columns(outcome=nothing), 4)
    assert ledger_adds_up(LINES.clear(), 0)


def test_csv_cells_never_start_a_formula() -> None:
    starts: list[Any] = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=x", "＝1+1", "＋1", "－1", "＠x"]
    harmless: list[Any] = ["plain", None, "a=b"]
    rows = {"number": -1.5, "when": utc("2026-11-22T08:00:00"), "yes": True}
    frame = pl.DataFrame([{"text": text, **rows} for text in [*starts, *harmless]])
    safe = to_csv_safe(frame)
    assert set(safe.dtypes) == {pl.String()}
    assert safe["text"].to_list() == [*(f"'{text}" for text in starts), *harmless]
    assert safe["number"][0] == "-1.5"
    assert safe["when"][0].startswith("2026-11-22T08:00:00")
    assert to_csv_safe(LINES).columns == LINES.columns
