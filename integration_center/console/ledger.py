"""Looks into stored ledgers, without reading them whole: they may hold a hundred thousand lines and more."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from integration_center.console.results import TROUBLED, Reason
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanMissing
from integration_center.installation import Installation
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, HOLDS
from integration_center.sync.ledger import to_csv_safe
from integration_center.sync.outcomes import Outcome

PAGE_LINES = 50
CSV_LINES = 10_000
MOST_REASONS = 20


@dataclass(frozen=True)
class LedgerLine:
    """What became of one report row and record.

    Attributes:
        row: the row's number in the report, from 0.
        changes: for each field that is sent: its name, before, after.
        holds: of an `overridden` line, what the org held of each field that is sent right after the push.
    """

    row: int
    key: str | None
    record_id: str | None
    outcome: Outcome
    reason: str | None
    code: str | None
    error_fields: str | None
    changes: Sequence[tuple[str, Any, Any]]
    holds: Mapping[str, Any]


@dataclass(frozen=True)
class LedgerPage:
    """Some lines of a ledger, in order of the report.

    Attributes:
        found: how many lines the outcome asked for has.
        counts: lines by outcome, from best to worst, of the whole ledger.
    """

    lines: Sequence[LedgerLine]
    page: int
    pages: int
    found: int
    counts: Mapping[Outcome, int]


def scan(installation: Installation, sync: SyncRecord) -> pl.LazyFrame:
    """The ledger of a sync, unread.

    Raises:
        PlanMissing: the file is gone or damaged.
    """
    path = installation.ledgers.path(sync.run_id, sync.slug)
    if not path.exists() and sync.status is SyncStatus.RUNNING:
        raise PlanMissing("the run is under way, and its ledger is there once it has made its plan")
    if not path.exists():
        raise PlanMissing(
            f"the ledger of this run of {sync.name!r} is not there ({path}): ledgers are deleted after 90 days, and a"
            " run that ended before its plan has none. The counts by outcome stand in the log"
        )
    with _readable(path):
        ledger = pl.scan_parquet(path)
        ledger.collect_schema()
    return ledger


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises PlanMissing when the file turns out to be damaged."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError):
        raise PlanMissing(
            f"the ledger {path} cannot be read: it is damaged, or may not be opened. The counts by outcome stand in the"
            " log; bring the file back from a backup to see its lines"
        ) from None


def read_page(installation: Installation, sync: SyncRecord, outcome: Outcome | None, page: int) -> LedgerPage:
    """One page of a ledger.

    Raises:
        PlanMissing: the file is gone or damaged.
    """
    path, ledger = installation.ledgers.path(sync.run_id, sync.slug), scan(installation, sync)
    with _readable(path):
        counted = ledger.group_by("outcome").len().collect()
    by_name = dict(zip(counted["outcome"].cast(pl.String), counted["len"], strict=True))
    counts = {each: by_name[each.value] for each in Outcome if each.value in by_name}
    found = sum(counts.values()) if outcome is None else counts.get(outcome, 0)
    pages = max(1, -(-found // PAGE_LINES))
    page = min(max(1, page), pages)
    with _readable(path):
        lines = narrow(ledger, outcome).slice((page - 1) * PAGE_LINES, PAGE_LINES).collect()
    return LedgerPage(read_lines(lines), page, pages, found, counts)


def read_lines(lines: pl.DataFrame) -> list[LedgerLine]:
    """A few lines of a ledger as objects."""
    fields = [name.removeprefix(CHANGED) for name in lines.columns if name.startswith(CHANGED)]
    return [
        LedgerLine(
            row=line["row"],
            key=line["key"],
            record_id=line["record_id"],
            outcome=Outcome(line["outcome"]),
            reason=line["reason"],
            code=line["code"],
            error_fields=line["error_fields"],
            changes=[(field, line[BEFORE + field], line[AFTER + field]) for field in fields if line[CHANGED + field]],
            holds={field: line[HOLDS + field] for field in fields if line[CHANGED + field] and HOLDS + field in line}
            if line["outcome"] == Outcome.OVERRIDDEN
            else {},
        )
        for line in lines.iter_rows(named=True)
    ]


def first_lines(installation: Installation, sync: SyncRecord, *outcomes: Outcome, most: int) -> list[LedgerLine]:
    """The first lines of some outcomes; none when there is no ledger that can be read."""
    chosen = pl.col("outcome").cast(pl.String).is_in([outcome.value for outcome in outcomes])
    try:
        with _readable(installation.ledgers.path(sync.run_id, sync.slug)):
            return read_lines(scan(installation, sync).filter(chosen).head(most).collect())
    except PlanMissing:
        return []


def read_reasons(installation: Installation, sync: SyncRecord) -> list[Reason]:
    """Why lines are in trouble, the most frequent first; nothing when there is no ledger that can be read."""
    try:
        with _readable(installation.ledgers.path(sync.run_id, sync.slug)):
            return count_reasons(scan(installation, sync), TROUBLED, MOST_REASONS)
    except PlanMissing:
        return []


def count_reasons(lines: pl.LazyFrame, outcomes: Sequence[Outcome], most: int) -> list[Reason]:
    """Count the lines of some outcomes by their reason, the most frequent first."""
    outcome = pl.col("outcome").cast(pl.String)
    counted = (
        lines.filter(pl.col("reason").is_not_null() & outcome.is_in([each.value for each in outcomes]))
        .group_by(outcome, "reason")
        .agg(pl.len().alias("lines"))
        .sort("lines", "reason", descending=[True, False])
        .head(most)
        .collect()
    )
    return [Reason(Outcome(outcome), reason, count) for outcome, reason, count in counted.iter_rows()]


def narrow(ledger: pl.LazyFrame, outcome: Outcome | None) -> pl.LazyFrame:
    """The lines of one outcome; all when None."""
    return ledger if outcome is None else ledger.filter(pl.col("outcome") == outcome.value)


def stream_csv(ledger: pl.LazyFrame, outcome: Outcome | None) -> Iterator[str]:
    """The lines as CSV that no spreadsheet runs as formulas, in parts, so that none is held whole."""
    chosen = narrow(ledger, outcome)
    yield to_csv_safe(chosen.head(0).collect()).write_csv()
    for part in chosen.collect_batches(chunk_size=CSV_LINES, maintain_order=True):
        yield to_csv_safe(part).write_csv(include_header=False)
