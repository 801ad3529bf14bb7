"""What an undo plans."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.ledger import complete, ledger_adds_up, planned_updates
from integration_center.sync.lines import build_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.undoing import build_undo_lines
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec
from integration_center_tests.sync.test_laws import QUICK, TARGETS, orgs, reports

SPEC = make_spec(TARGETS, when_null="clear")


def push(rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec) -> pl.DataFrame:
    """The ledger of a sync that wrote all it planned."""
    lines = build_lines(rows, records, spec, LEAD, latest_by=None, kind="events")
    updates = planned_updates(lines)
    nothing = pl.lit(None, dtype=pl.String)
    answers = updates.select(
        "Id",
        pl.lit(Outcome.UPDATED.value).alias("outcome"),
        *(nothing.alias(name) for name in ("code", "message", "error_fields", "job_id")),
    )
    return complete(lines, answers)


def apply(records: pl.DataFrame, lines: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    """The records after the fields that the lines change were written."""
    changes = lines.filter(pl.col("outcome") == outcome).rename({"record_id": "Id"})
    for name in (column.removeprefix("changed.") for column in lines.columns if column.startswith("changed.")):
        sent = changes.filter(f"changed.{name}").select(
            "Id", pl.col(f"after.{name}").alias("new"), pl.lit(True).alias("hit")
        )
        records = (
            records.join(sent, on="Id", how="left", maintain_order="left")
            .with_columns(pl.when("hit").then("new").otherwise(name).alias(name))
            .drop("new", "hit")
        )
    return records


@QUICK
@given(rows=reports(), records=orgs())
def test_undo_gives_back_every_value_and_then_has_nothing_to_do(rows: pl.DataFrame, records: pl.DataFrame) -> None:
    ledger = push(rows, records, SPEC)
    after = apply(records, ledger, Outcome.UPDATED)
    lines = build_undo_lines(ledger, after, LEAD)
    assert lines.schema == ledger.schema
    assert ledger_adds_up(lines, lines.height)
    assert set(lines["outcome"]) <= {Outcome.PLANNED, Outcome.UNCHANGED}
    restored = apply(after, lines, Outcome.PLANNED)
    assert restored.equals(records)
    assert planned_updates(build_undo_lines(ledger, restored, LEAD)).is_empty()


@QUICK
@given(rows=reports(), records=orgs(), titles=st.lists(st.none() | st.sampled_from(["CEO", "Boss"]), min_size=8))
def test_undo_never_touches_what_somebody_wrote_since(
    rows: pl.DataFrame, records: pl.DataFrame, titles: list[str | None]
) -> None:
    ledger = push(rows, records, SPEC)
    after = apply(records, ledger, Outcome.UPDATED)
    since = after.with_columns(pl.Series("Title", titles[: after.height], dtype=pl.String))
    lines = build_undo_lines(ledger, since, LEAD)
    undone = apply(since, lines, Outcome.PLANNED)
    changed = since.join(undone, on="Id", suffix=".undone").filter(pl.col("Title").ne_missing(pl.col("Title.undone")))[
        "Id"
    ]
    wrote = after.join(since, on="Id", suffix=".since").filter(pl.col("Title").eq_missing(pl.col("Title.since")))["Id"]
    assert changed.is_in(wrote.implode()).all()


def sync_one(before: dict[str, Any], **report: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ledger of a sync of one row, and the org after it."""
    records = make_records({"Email": "a@x.org", **before})
    fields = {"Score": "Score__c", "Job": "Title"}
    columns: dict[str, list[Any]] = {"User": ["a@x.org"], **{name: [report.get(name)] for name in fields}}
    rows = make_rows(columns, Score=pl.Float64, Job=pl.String)
    ledger = push(rows, records, make_spec(fields, when_null="clear"))
    return ledger, apply(records, ledger, Outcome.UPDATED)


def test_a_raw_value_comes_back_unrounded_and_a_null_clears() -> None:
    ledger, after = sync_one({"Score__c": 1.23456, "Title": None}, Score=2.5, Job="CEO")
    lines = build_undo_lines(ledger, after, LEAD)
    (line,) = lines.to_dicts()
    assert (line["outcome"], line["row"]) == (Outcome.PLANNED, 0)
    assert (line["before.Score__c"], line["after.Score__c"], line["changed.Score__c"]) == (2.5, 1.23456, True)
    assert (line["before.Title"], line["after.Title"], line["changed.Title"]) == ("CEO", None, True)


def test_fields_the_sync_left_alone_are_left_alone() -> None:
    ledger, after = sync_one({"Score__c": 2.5, "Title": "Boss"}, Score=2.5, Job="CEO")
    since = after.with_columns(pl.lit(7.0).alias("Score__c"))
    (line,) = build_undo_lines(ledger, since, LEAD).to_dicts()
    assert (line["outcome"], line["changed.Score__c"], line["changed.Title"]) == (Outcome.PLANNED, False, True)


def test_a_field_that_can_no_longer_be_written_rejects_its_lines() -> None:
    ledger, after = sync_one({"Score__c": 1.0, "Title": "Boss"}, Score=2.5, Job="Boss")
    hidden = SObjectSchema(
        "Lead", "Lead", True, True, tuple(field for field in LEAD.fields if field.name != "Score__c")
    )
    (line,) = build_undo_lines(ledger, after.drop("Score__c"), hidden).to_dicts()
    assert line["outcome"] == Outcome.REJECTED
    assert line["reason"].endswith("of another type: Score__c")
    assert not line["changed.Score__c"]


def test_a_record_that_is_gone_is_a_conflict() -> None:
    ledger, after = sync_one({"Score__c": 1.0}, Score=2.5)
    (line,) = build_undo_lines(ledger, after.clear(), LEAD).to_dicts()
    assert (line["outcome"], line["reason"]) == (Outcome.CONFLICT, "the record is deleted, or can no longer be read")
