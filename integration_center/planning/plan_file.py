"""Build and write the lines of a plan, a slice of the report's rows at a time.

Matching needs the keys of all rows and records in memory. The values that are compared and written take many times as
much, and are never in memory all at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from integration_center.integration.spec import IntegrationSpec, Limits
from integration_center.progress import Phase, advance, phase
from integration_center.store.frames import SPLIT_BY, FrameFile, cut_lines, keep_rows_whole, read_slices, write_slices
from integration_center.sync.columns import FILE, FILE_ROW
from integration_center.sync.failures import FAILING_SINCE, give_up
from integration_center.sync.ledger import hold, hold_rows, planned_updates
from integration_center.sync.limits import Figures, measure
from integration_center.sync.lines import Matching, drop_keys, match_report, settle_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.overrides import respect_overrides
from integration_center.sync.people_sum import PeopleSum, sum_people
from integration_center.sync.plan_terms import Terms
from integration_center.sync.row_numbers import RowNumbers
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally, count_lines, tally_lines
from integration_center.sync.values.pairs import PLACE

LOOKED_UP = 150_000
"""The number of records whose earlier writes are in memory at a time."""

Earlier = Callable[[pl.Series], Sequence[pl.DataFrame]]
"""Returns what earlier syncs wrote to the records with these ids: lines of their ledgers, the newest sync first."""

Absent = Callable[[PeopleSum, Callable[[], pl.Series], pl.DataFrame, int], pl.DataFrame | None]
"""Returns the lines of people who dropped out, None without any. It gets the sum of the lines of the report, a function
that returns the ids of the matched records, the records without their keys, and the number of the first line."""


@dataclass(frozen=True)
class PlanLines:
    """Lines of a plan on disk.

    Attributes:
        file: the Lines frame.
        tally: the lines and rows per outcome.
        figures: the numbers that the integration's limits are checked against.
    """

    file: FrameFile
    tally: Tally
    figures: Figures


def write_lines(slices: Iterable[pl.DataFrame], schema: pl.Schema, path: Path, limits: Limits) -> PlanLines:
    """Write slices of lines to a file, and count the lines. All lines of a row must be in one slice.

    Args:
        slices: frames with the columns of `schema`.
        schema: the schema of the file.
        path: the path of the file. Until everything is written, readers see the old file, if there is one.
        limits: the limits of the integration.
    """
    tally, figures = Tally(), Figures()

    def count(lines: pl.DataFrame) -> pl.DataFrame:
        nonlocal tally, figures
        tally += tally_lines(lines)
        figures += measure(lines, limits)
        return lines

    file = write_slices(map(count, slices), schema, path, {SPLIT_BY: "day"})
    return PlanLines(file, tally, figures)


def rewrite_lines(plan: PlanLines, change: Callable[[pl.DataFrame], pl.DataFrame], limits: Limits) -> PlanLines:
    """Rewrite the plan with `change` applied to its lines. `change` must keep their order and columns."""
    lines = plan.file.scan()
    slices = keep_rows_whole(read_slices(lines))
    return write_lines(map(change, slices), lines.collect_schema(), plan.file.path, limits)


def hold_slices(
    rows: pl.LazyFrame, spec: IntegrationSpec, schema: SObjectSchema, reason: str
) -> Iterator[pl.DataFrame]:
    """Yield the lines of an integration that does not fit, a slice of rows at a time; see `hold_rows`."""
    first = 0
    for part in read_slices(rows):
        yield hold_rows(part, spec, schema, reason, first=first)
        first += part.height


def plan_slices(
    rows: pl.LazyFrame,
    records: pl.DataFrame,
    terms: Terms,
    *,
    edits_converted: Callable[[], bool],
    absent: Absent | None = None,
) -> Iterator[pl.DataFrame]:
    """Match the whole report, then compare and settle its lines a slice at a time.

    Args:
        rows: the report, with `_day`. Rows of other days may follow, see `PAST`.
        records: the Records frame, each record once.
        terms: the terms of the plan.
        edits_converted: see `build_lines`.
        absent: adds the lines of people who dropped out.

    Raises:
        PlanError: a key matches several records, and the integration says `when_many_match: fail`.
    """
    with phase(Phase.MATCH):
        matching = match_report(rows, records, terms)
        advance(matching.count_matched(), matching.height)
    records = drop_keys(records, terms)
    done, seen = 0, PeopleSum()
    for lines in cut_lines(matching.lines):
        with phase(Phase.COMPARE, matching.lines.height):
            settled = settle_lines(lines, matching, edits_converted=edits_converted)
            done += lines.height
            advance(done)
            if absent:
                seen += sum_people(settled)
        yield settled
    gone = absent(seen, partial(list_matched, matching), records, matching.height) if absent else None
    if gone is not None:
        yield gone


def list_matched(matching: Matching) -> pl.Series:
    """List the ids of the records that rows of a report match."""
    return matching.there["record_id"].gather(matching.lines[PLACE].drop_nulls())


def number_slices(slices: Iterable[pl.DataFrame], numbers: RowNumbers, height: int) -> Iterator[pl.DataFrame]:
    """Add the numbers of the rows in their files to slices of lines, and to reasons that name another row.

    Args:
        slices: the lines of a plan.
        numbers: the numbers of the rows of this run.
        height: how many these are. Lines of later rows, such as those of people who dropped out, have no number.
    """
    for lines in slices:
        own = lines["row"] < height
        rows = lines["row"].set(~own, 0)
        columns = {FILE_ROW: numbers.number(rows), FILE: numbers.name_files(rows)}
        yield lines.with_columns(
            *(columns[name].set(~own, None).alias(name) for name in numbers.columns),
            numbers.note_rows(lines["reason"]),
        )


def leave_to_org(plan: PlanLines, earlier: Earlier, schema: SObjectSchema, limits: Limits) -> PlanLines:
    """Remove the values that the org keeps changing back from the plan; see `respect_overrides`.

    Args:
        plan: the lines of a plan.
        earlier: called with the records of planned lines, some of them at a time.
        schema: the object as describe reports it.
        limits: the limits of the integration.
    """
    if not plan.tally.lines[Outcome.PLANNED]:
        return plan
    ids = planned_updates(plan.file.scan()).select("Id").collect()["Id"]
    batches = (ids[start : start + LOOKED_UP] for start in range(0, len(ids), LOOKED_UP))
    if all(ledger.is_empty() for batch in batches for ledger in earlier(batch)):
        return plan
    taken, known = 0, 0
    written: Sequence[pl.DataFrame] = ()

    def respect(lines: pl.DataFrame) -> pl.DataFrame:
        nonlocal taken, known, written
        end = taken + count_lines(lines)[Outcome.PLANNED]
        if end > known:
            known = max(end, taken + LOOKED_UP)
            written = earlier(ids[taken:known])
        taken = end
        return respect_overrides(lines, written, schema)

    return rewrite_lines(plan, respect, limits)


def give_up_lines(plan: PlanLines, failing: pl.DataFrame, days: int, limits: Limits) -> PlanLines:
    """Note since when records of the plan fail, and reject those that have failed for too long; see `give_up`."""
    if failing.is_empty():
        return plan
    lines = plan.file.scan()
    schema = pl.Schema({**lines.collect_schema(), FAILING_SINCE: pl.Date()})
    slices = (give_up(part, failing, days) for part in keep_rows_whole(read_slices(lines)))
    return write_lines(slices, schema, plan.file.path, limits)


def hold_lines(plan: PlanLines, reason: str, limits: Limits) -> PlanLines:
    """Turn every planned line into a `held` one, with `reason`."""
    return rewrite_lines(plan, lambda lines: hold(lines, reason), limits)
