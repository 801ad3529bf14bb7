"""Which written lines the org changed again, what their ledger says, and what later syncs and an undo make of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import ledger_adds_up, resume
from integration_center.sync.limits import run_status
from integration_center.sync.lines import build_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.overridden import add_holds, mark_overridden
from integration_center.sync.overrides import respect_overrides
from integration_center.sync.sample import sample_changes
from integration_center.sync.schema import SObjectField
from integration_center.sync.tally import tally_lines
from integration_center.sync.undoing import build_undo_lines
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec, record_id
from integration_center_tests.sync.test_laws import QUICK, TARGETS, orgs, reports
from integration_center_tests.sync.test_undoing import SPEC, apply, push, sync_one

TAGS = SObjectField("F__c", "F", "multipicklist", length=99, picklist=("Red", "Blue"))


@QUICK
@given(
    rows=reports(),
    records=orgs(),
    titles=st.lists(st.none() | st.sampled_from(["CEO", "ceo", "Boss"]), min_size=8, max_size=8),
    missing=st.sets(st.integers(0, 7)),
)
def test_exactly_the_lines_whose_record_holds_another_value_are_overridden(
    rows: pl.DataFrame, records: pl.DataFrame, titles: list[str | None], missing: set[int]
) -> None:
    ledger = push(rows, records, SPEC)
    after = apply(records, ledger, Outcome.UPDATED)
    same = mark_overridden(ledger, after, LEAD)
    assert_frame_equal(same.select(ledger.columns), ledger)
    assert same.select(pl.col("^holds\\..*$").is_not_null().any()).row(0) in {(), (False,) * len(TARGETS)}

    since = after.with_columns(pl.Series("Title", titles[: after.height], dtype=pl.String))
    since = since.filter(~pl.col("Id").is_in([record_id(number) for number in missing]))
    marked = mark_overridden(ledger, since, LEAD)
    held = dict(since.select("Id", "Title").iter_rows())
    wanted = [
        "overridden"
        if line["outcome"] == "updated"
        and line["changed.Title"]
        and line["record_id"] in held
        and held[line["record_id"]] != line["after.Title"]
        else line["outcome"]
        for line in ledger.to_dicts()
    ]
    assert marked["outcome"].to_list() == wanted
    assert ledger_adds_up(marked, rows.height)
    counts, before = tally_lines(marked).lines, tally_lines(ledger).lines
    assert counts.written == before.written
    assert (counts.sent, counts.total) == (before.sent, before.total)
    overridden = marked.filter(outcome="overridden")
    assert overridden["holds.Title"].to_list() == [held[each] for each in overridden["record_id"]]
    assert set(overridden["error_fields"]) <= {"Title"}
    # A second look, at the records as they were sent, takes nothing back; and a ledger is marked in parts.
    assert_frame_equal(mark_overridden(marked, after, LEAD), marked)
    laid_out = add_holds(ledger.lazy()).collect()
    parts = [mark_overridden(part, since, LEAD) for part in laid_out.iter_slices(3)]
    assert_frame_equal(pl.concat(parts) if parts else laid_out, marked)


def test_the_line_says_which_fields_and_what_the_org_holds() -> None:
    ledger, after = sync_one({"Score__c": 1.0, "Title": "Boss"}, Score=2.5, Job="CEO")
    (line,) = mark_overridden(ledger, after.with_columns(Score__c=3.0, Title=None), LEAD).to_dicts()
    assert (line["outcome"], line["error_fields"]) == ("overridden", "Score__c,Title")
    assert line["reason"] == "written, and then changed by the org: Score__c, Title"
    assert (line["before.Score__c"], line["after.Score__c"], line["holds.Score__c"]) == (1.0, 2.5, 3.0)
    assert (line["before.Title"], line["after.Title"], line["holds.Title"]) == ("Boss", "CEO", None)
    (first, _) = sample_changes(pl.DataFrame([line], schema_overrides={"outcome": OUTCOME}), Outcome.OVERRIDDEN)
    assert (first["before"], first["after"], first["holds"]) == (1.0, 2.5, 3.0)


@pytest.mark.parametrize(
    ("field", "sent", "held", "differs"),
    [
        (SObjectField("F__c", "F", "double", precision=8, scale=2), 1.005, 1.01, False),
        (SObjectField("F__c", "F", "double", precision=8, scale=2), 1.0, 1.5, True),
        (SObjectField("F__c", "F", "double", precision=8, scale=2), 1.0, None, True),
        (SObjectField("F__c", "F", "int", digits=9), 7.0, 7, False),
        (SObjectField("F__c", "F", "textarea", length=99), "a\nb", "a\r\nb", False),
        (SObjectField("F__c", "F", "string", length=99), " CEO ", "CEO", False),
        (SObjectField("F__c", "F", "string", length=99), "CEO", "ceo", True),
        (SObjectField("F__c", "F", "email", length=80), "Ada@X.org", "ada@x.ORG", False),
        (TAGS, "Red;Blue", "Blue;Red", False),
        (TAGS, "Red;Blue", "Red", True),
        (
            SObjectField("F__c", "F", "datetime"),
            datetime(2026, 1, 2, 3, 4, 5, 600_000, UTC),
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            False,
        ),
        (SObjectField("F__c", "F", "encryptedstring", length=40), "123456789", "*****6789", False),
    ],
)  # fmt: skip
def test_values_are_compared_as_the_org_holds_them(field: SObjectField, sent: Any, held: Any, differs: bool) -> None:
    schema = replace(LEAD, fields=(*LEAD.fields, field))
    records = make_records({"Email": "a@x.org"}, schema=schema)
    lines = build_lines(make_rows({"User": ["a@x.org"], "F": [sent]}), records, make_spec({"F": "F__c"}), schema)
    assert lines["outcome"].to_list() == ["planned"]
    written = lines.with_columns(pl.lit(Outcome.UPDATED, dtype=OUTCOME).alias("outcome"))
    now = make_records({"Email": "a@x.org", "F__c": held}, schema=schema)
    assert mark_overridden(written, now, schema)["outcome"].to_list() == ["overridden" if differs else "updated"]


def test_only_what_was_sent_counts_and_what_was_left_before_stays_reported() -> None:
    ledger, after = sync_one({"Score__c": 2.5, "Title": "Boss"}, Score=2.5, Job="CEO")
    assert mark_overridden(ledger, after.with_columns(Score__c=9.0), LEAD)["outcome"].to_list() == ["updated"]
    left = ledger.with_columns(pl.lit("org_overrides: the org changes back Score__c").alias("reason"))
    (line,) = mark_overridden(left, after.with_columns(Title=pl.lit("Chief")), LEAD).to_dicts()
    assert line["reason"] == (
        "written, and then changed by the org: Title; org_overrides: the org changes back Score__c"
    )


def test_an_overridden_value_is_sent_once_more_and_then_left() -> None:
    ledger, after = sync_one({"Score__c": 1.0}, Score=2.5)
    overridden = mark_overridden(ledger, after.with_columns(Score__c=3.0), LEAD)
    again, _ = sync_one({"Score__c": 3.0}, Score=2.5)
    planned = again.with_columns(pl.lit(Outcome.PLANNED, dtype=OUTCOME).alias("outcome"))
    assert respect_overrides(planned, [overridden], LEAD)["outcome"].to_list() == ["planned"]
    assert respect_overrides(planned, [overridden, overridden], LEAD)["outcome"].to_list() == ["unchanged"]


@pytest.mark.parametrize(
    ("now", "outcome"), [(3.0, "planned"), (2.5, "planned"), (1.0, "unchanged"), (7.0, "conflict"), (None, "conflict")]
)
def test_undo_restores_what_the_org_made_of_a_write_and_nothing_that_changed_since(
    now: float | None, outcome: str
) -> None:
    ledger, after = sync_one({"Score__c": 1.0, "Title": "Boss"}, Score=2.5, Job="Boss")
    overridden = mark_overridden(ledger, after.with_columns(Score__c=3.0), LEAD)
    lines = build_undo_lines(overridden, after.with_columns(pl.lit(now, pl.Float64).alias("Score__c")), LEAD)
    assert lines.columns == ledger.columns
    assert lines["outcome"].to_list() == [outcome]
    assert lines["after.Score__c"].to_list() == [1.0]


def test_a_push_that_goes_on_leaves_it_alone() -> None:
    ledger, after = sync_one({"Score__c": 1.0}, Score=2.5)
    (line,) = resume(mark_overridden(ledger, after.with_columns(Score__c=3.0), LEAD), "one").to_dicts()
    assert (line["outcome"], line["holds.Score__c"]) == ("unchanged", None)
    assert line["reason"] == "run one wrote it, and the org changed it again"


def test_overridden_counts_as_done() -> None:
    ledger, after = sync_one({"Score__c": 1.0}, Score=2.5)
    counts = tally_lines(mark_overridden(ledger, after.with_columns(Score__c=3.0), LEAD)).lines
    assert counts.as_dict() == {"overridden": 1}
    assert run_status(counts, make_spec({"Score": "Score__c"}).limits) == ("Completed", None)
