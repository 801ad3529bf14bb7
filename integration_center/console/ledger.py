"""Looks into stored ledgers, without reading them whole: they may hold a hundred thousand lines and more."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from integration_center.console.ledger_query import LedgerQuery
from integration_center.console.lookups import wait_for
from integration_center.console.results import Reason, count_troubled
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanMissing
from integration_center.files.polars_errors import UNREADABLE
from integration_center.installation import Installation
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, FILE, FILE_ROW, HOLDS, SOURCE_ROWS
from integration_center.sync.failures import FAILING_SINCE
from integration_center.sync.ledger import to_csv_safe
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcome_words import TROUBLED
from integration_center.sync.outcomes import Outcome
from integration_center.sync.reason_groups import GROUPED, Called, group_reason
from integration_center.sync.row_numbers import NAMED_ROW, number_lines, number_of, say_rows

logger = logging.getLogger(__name__)
NO_LABELS = Called()
PAGE_LINES = 50
CSV_LINES = 10_000
MOST_REASONS = 20
REASONS_KEPT = 86_400.0
"""Seconds: the ledger of an ended run changes only together with its counts."""
MOST_RUNS = 1_000
REASONS_SECONDS = 0.15
"""Seconds for which a page waits; what is not there by then is there when it is opened again."""
Reasons = Mapping[tuple[str, str], Sequence[Reason]]
"""By run id and slug."""


@dataclass(frozen=True)
class LedgerLine:
    """What became of one report row and record.

    Attributes:
        row: the row's number in its file, as a spreadsheet counts; None for a line that belongs to no row of a file.
        made_of: the number of rows that its values are made of; None where rows are not rolled up.
        record_row: of a line, the number by which the rows of its record are found, as the ledger counts; None where
            the record is one row's.
        changes: for each field that is sent: its name, before, after.
        failing_since: the day since which Salesforce refuses the record, run after run.
        holds: of an `overridden` line, what the org held of each field that is sent right after the push.
        file: the name of the row's file, where a day has several.
    """

    row: int | None
    key: str | None
    record_id: str | None
    outcome: Outcome
    reason: str | None
    code: str | None
    error_fields: str | None
    changes: Sequence[tuple[str, Any, Any]]
    holds: Mapping[str, Any]
    made_of: int | None = None
    record_row: int | None = None
    failing_since: date | None = None
    file: str | None = None


@dataclass(frozen=True)
class LedgerPage:
    """Some records of a ledger.

    Attributes:
        found: how many records were asked for.
        counts: records by outcome, of the whole ledger.
        reasons: why records of the outcome asked for, or of all, ended as they did, the most frequent first.
    """

    lines: Sequence[LedgerLine]
    page: int
    pages: int
    found: int
    counts: Mapping[Outcome, int]
    reasons: Sequence[Reason] = ()


def scan(installation: Installation, sync: SyncRecord) -> pl.LazyFrame:
    """The ledger of a sync, unread.

    Raises:
        PlanMissing: the file is gone or damaged.
    """
    file = installation.ledgers.file(sync.run_id, sync.slug)
    if file is None and sync.status is SyncStatus.RUNNING:
        raise PlanMissing("the run is under way, and its ledger is there once it has made its plan")
    if file is None and installation.ledgers.has(sync.run_id, sync.slug):
        raise PlanMissing(
            "the list of records of this run cannot be found. Lists are deleted after 90 days; if this one is younger,"
            " ask the server admin to bring it back. Its counts are kept"
        )
    if file is None:
        raise PlanMissing(
            "this run has no list of records: lists are deleted after 90 days, and a run that ended before its plan has"
            " none. Its counts are kept"
        )
    with _readable(sync):
        ledger = file.scan()
        ledger.collect_schema()
    return ledger


@contextmanager
def _readable(sync: SyncRecord) -> Iterator[None]:
    """Raises PlanMissing when the file turns out to be damaged."""
    try:
        yield
    except UNREADABLE:
        logger.warning("the ledger of run %s of %s cannot be read", sync.run_id, sync.slug)
        raise PlanMissing(
            "the list of records of this run is damaged, or may not be opened. Its counts are kept. Ask the server"
            " admin to bring the list back from a backup"
        ) from None


def read_page(
    installation: Installation, sync: SyncRecord, query: LedgerQuery, page: int, called: Called = NO_LABELS
) -> LedgerPage:
    """One page of a ledger, with the words of `called` in its reasons.

    Raises:
        PlanMissing: the file is gone or damaged.
    """
    ledger = scan(installation, sync)
    with _readable(sync):
        counted = ledger.group_by("outcome").len().collect()
    by_name = dict(zip(counted["outcome"].cast(pl.String), counted["len"], strict=True))
    counts = {each: by_name[each.value] for each in Outcome if each.value in by_name}
    wanted = query.narrow(ledger)
    with _readable(sync):
        found = wanted.select(pl.len()).collect().item() if query.active else sum(counts.values())
    pages = max(1, -(-found // PAGE_LINES))
    page = min(max(1, page), pages)
    with _readable(sync):
        lines = wanted.slice((page - 1) * PAGE_LINES, PAGE_LINES).collect()
        outcomes = [query.outcome] if query.outcome else list(Outcome)
        reasons = count_reasons(ledger, outcomes, MOST_REASONS, called)
    return LedgerPage(read_lines(lines, called), page, pages, found, counts, reasons)


def read_lines(lines: pl.DataFrame, called: Called = NO_LABELS) -> list[LedgerLine]:
    """A few lines of a ledger as objects."""
    fields = list_mapped(lines.columns)
    return [
        LedgerLine(
            row=number_of(line),
            file=line.get(FILE),
            key=line["key"],
            record_id=line["record_id"],
            outcome=Outcome(line["outcome"]),
            reason=_show_reason(line["reason"] if line["reason"] is not None else line.get(GROUPED), called),
            code=line["code"],
            error_fields=line["error_fields"],
            changes=[(field, line[BEFORE + field], line[AFTER + field]) for field in fields if line[CHANGED + field]],
            holds={field: line[HOLDS + field] for field in fields if line[CHANGED + field] and HOLDS + field in line}
            if line["outcome"] == Outcome.OVERRIDDEN
            else {},
            made_of=line.get(SOURCE_ROWS),
            record_row=_find_record_row(line),
            failing_since=line.get(FAILING_SINCE),
        )
        for line in lines.iter_rows(named=True)
    ]


def _find_record_row(line: Mapping[str, Any]) -> int | None:
    if (line.get(SOURCE_ROWS) or 0) > 1:
        return int(line["row"])
    found = NAMED_ROW.match(line["reason"] or "") if line["outcome"] == Outcome.ROLLED_UP else None
    return int(found[1]) if found else None


def _show_reason(reason: str | None, called: Called) -> str | None:
    """Say a reason with people's words. One that names another row counts rows as the page does."""
    return reason and called.name(say_rows(reason))


def first_lines(installation: Installation, sync: SyncRecord, *outcomes: Outcome, most: int) -> list[LedgerLine]:
    """The first lines of some outcomes; none when there is no ledger that can be read."""
    chosen = pl.col("outcome").cast(pl.String).is_in([outcome.value for outcome in outcomes])
    try:
        with _readable(sync):
            return read_lines(
                scan(installation, sync).filter(chosen).head(most).with_columns(group_reason()).collect(),
                Called(sync.object),
            )
    except PlanMissing:
        return []


def read_reasons(
    installation: Installation, sync: SyncRecord, outcomes: Sequence[Outcome] = TROUBLED, called: Called | None = None
) -> list[Reason]:
    """Why records ended as they did, the most frequent first; nothing when there is no ledger that can be read.

    Args:
        installation: where.
        sync: whose ledger.
        outcomes: of the records; those in trouble unless others are named.
        called: what people call object and key; the object's name in the log where it is left out.
    """
    try:
        with _readable(sync):
            return count_reasons(scan(installation, sync), outcomes, MOST_REASONS, called or Called(sync.object))
    except PlanMissing:
        return []


def count_reasons(lines: pl.LazyFrame, outcomes: Sequence[Outcome], most: int, called: Called) -> list[Reason]:
    """Count the records of some outcomes by what their reasons say, the most frequent first."""
    outcome = pl.col("outcome").cast(pl.String)
    counted = (
        lines.filter(outcome.is_in([each.value for each in outcomes]))
        .select(outcome.alias("outcome"), group_reason(), "reason")
        .filter(pl.col(GROUPED).is_not_null())
        .group_by("outcome", GROUPED)
        .agg(
            pl.len().alias("lines"), pl.col("reason").first().alias("first"), pl.col("reason").n_unique().alias("kinds")
        )
        .sort("lines", GROUPED, descending=[True, False])
        .head(most)
        .collect()
    )
    return [
        Reason(Outcome(outcome), (_show_reason(first, called) if kinds == 1 else None) or called.name(key), count, key)
        for outcome, key, count, first, kinds in counted.iter_rows()
    ]


def stream_csv(ledger: pl.LazyFrame, query: LedgerQuery, called: Called = NO_LABELS) -> Iterator[str]:
    """The records as CSV that no spreadsheet runs as formulas, in parts, so that none is held whole.

    Rows are counted, and reasons said, as the page does. All else has its machine names.
    """
    chosen = query.narrow(ledger)
    yield to_csv_safe(_write_for_people(chosen.head(0).collect(), called)).write_csv()
    for part in chosen.collect_batches(chunk_size=CSV_LINES, maintain_order=True):
        yield to_csv_safe(_write_for_people(part, called)).write_csv(include_header=False)


def _write_for_people(lines: pl.DataFrame, called: Called) -> pl.DataFrame:
    reasons = lines.select(pl.coalesce("reason", GROUPED)).to_series()
    said = {reason: _show_reason(reason, called) for reason in reasons.drop_nulls().unique()}
    return lines.with_columns(
        number_lines(lines.columns).alias("row"),
        reasons.replace_strict(said, default=None, return_dtype=pl.String).alias("reason"),
    ).drop(GROUPED, *({FILE_ROW} & {*lines.columns}))


def find_reasons(console: Console, syncs: Iterable[SyncRecord]) -> Reasons:
    """Find the reasons of the ended runs that have lines in trouble, as far as they are known in time."""
    asked = {}
    for sync in syncs:
        if sync.status is not SyncStatus.RUNNING and (troubled := count_troubled(sync)):
            key = ("reasons", sync.run_id, sync.slug, *troubled.items())
            work = partial(_read, console, sync)
            asked[sync.run_id, sync.slug] = console.lookups.ask(
                key, work, kept=REASONS_KEPT, most=MOST_RUNS, lasting=True
            )
    wait_for(asked.values(), REASONS_SECONDS)
    return {key: answer.get() for key, answer in asked.items() if answer.ready}


def _read(console: Console, sync: SyncRecord, tell: Callable[[str], None]) -> list[Reason]:
    return read_reasons(console.installation, sync)
