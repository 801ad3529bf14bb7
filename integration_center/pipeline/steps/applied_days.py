"""Which days of an event report earlier runs of an integration applied to an org, and what became of their rows.

Nothing is stored for this but the report's frames beside each run's ledger: the log of syncs says which runs wrote,
and their ledgers tell which rows. So a killed run that is settled later, and a run that is undone, count as what they
are.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanStale
from integration_center.installation import Installation
from integration_center.pipeline.steps.io_manager import scan_day
from integration_center.store.frames import FrameFile
from integration_center.store.ledgers import read_outcomes
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import MAY_BE_WRITTEN, Outcome
from integration_center.sync.past_events import Past, PastDay
from integration_center.sync.values.zones import stack_frames

RESTORED = (*MAY_BE_WRITTEN, Outcome.UNCHANGED)
"""The outcomes of an undo after which the org no longer holds, or may not hold, what the undone sync wrote."""


def keep_days(
    installation: Installation, run_id: str, slug: str, report_slug: str, days: Sequence[date]
) -> Mapping[date, FrameFile]:
    """Keep the stored frames of a report beside the ledger of a run, as far as there are any; by day, oldest first."""
    stored = {day: installation.reports.file(report_slug, day) for day in days}
    return {day: installation.ledgers.keep_day(run_id, slug, day, file) for day, file in stored.items() if file}


def scan_days(kept: Mapping[date, FrameFile]) -> pl.LazyFrame:
    """Concatenate the frames of several days, with `_day`."""
    return stack_frames([scan_day(file.path, day) for day, file in kept.items()])


def find_past(installation: Installation, slug: str, org_id: str, days: Sequence[date]) -> Past:
    """Find what earlier runs of an integration applied to an org.

    Args:
        installation: where log and ledgers are.
        slug: of the integration.
        org_id: of the org that is connected.
        days: of the run that asks.

    Raises:
        PlanStale: a newer day was pushed by a run whose files are gone, so that older rows cannot be judged any more.
    """
    pushed = installation.syncs.pushed(slug, org_id)
    undone = _find_undone(installation, pushed)
    complete: set[date] = set()  # the days that a completed run applied: older versions of them have no say
    versions: list[PastDay] = []
    for sync in pushed:
        if not sync.is_of_report:
            continue
        kept = installation.ledgers.kept_days(sync.run_id, slug)
        ledger = installation.ledgers.file(sync.run_id, slug)
        if not kept or ledger is None:
            _require_newer(days, sync, complete)
            continue
        lines = _read_lines(ledger, sync.run_id, undone)
        for retry in _find_retries(installation, pushed, sync, undone):
            lines = _take_over(lines, retry)
        versions += [PastDay(day, file.scan(), lines) for day, file in kept.items() if day not in complete]
        if sync.status is SyncStatus.COMPLETED:
            complete |= kept.keys()
    return Past(frozenset(days), versions)


def _require_newer(days: Sequence[date], sync: SyncRecord, complete: set[date]) -> None:
    lost = [day for day in _list_days(sync) if day not in complete and day not in days]
    if lost and lost[-1] > days[0]:
        raise PlanStale(
            f"{sync.slug}: {days[0]} is older than {lost[-1]}, which run {sync.run_id} pushed, and the files of that"
            " run are gone (they are kept for 90 days). Without them nobody can tell which rows are the newest of"
            " their keys, so nothing is written. Run newer days only"
        )


def _list_days(sync: SyncRecord) -> Sequence[date]:
    first, last = sync.partition_start.toordinal(), sync.partition_end.toordinal()
    return [date.fromordinal(ordinal) for ordinal in range(first, last + 1)]


def _find_undone(installation: Installation, pushed: Sequence[SyncRecord]) -> Mapping[str, Sequence[pl.Series]]:
    """Find the records that undos restored, by the run whose lines they void.

    An undo restores a record only while it holds what the undone run wrote. So it voids, besides that run's line, those
    of the runs in between, which found the same value.
    """
    place = {sync.run_id: number for number, sync in enumerate(pushed)}
    void: dict[str, list[pl.Series]] = {}
    for undo in pushed:
        if undo.undoes is None or undo.undoes not in place or pushed[place[undo.undoes]].undoes:
            continue
        restored = _find_restored(installation, pushed, undo)
        for sync in pushed[place[undo.run_id] + 1 : place[undo.undoes] + 1]:
            if not sync.undoes:
                void.setdefault(sync.run_id, []).append(restored)
    return void


def _find_restored(installation: Installation, pushed: Sequence[SyncRecord], undo: SyncRecord) -> pl.Series:
    """Find the records that an undo restored, without those that an undo of it restored in turn."""
    ledger = installation.ledgers.find(undo.run_id, undo.slug)
    if ledger is None:
        return pl.Series("record_id", [], dtype=pl.String)
    restored = ledger.filter(pl.col("outcome").is_in(RESTORED))["record_id"]
    for again in pushed:
        if again.undoes == undo.run_id:
            restored = restored.filter(~restored.is_in(_find_restored(installation, pushed, again).implode()))
    return restored


def _read_lines(ledger: FrameFile, run_id: str, undone: Mapping[str, Sequence[pl.Series]]) -> pl.LazyFrame:
    """Read the lines of a run, with those marked that an undo restored."""
    lines = read_outcomes(ledger.scan())
    for restored in undone.get(run_id, ()):
        lines = lines.with_columns(_mark_undone(restored))
    return lines


def _find_retries(
    installation: Installation,
    pushed: Sequence[SyncRecord],
    source: SyncRecord,
    undone: Mapping[str, Sequence[pl.Series]],
) -> list[pl.LazyFrame]:
    """Find the ledgers of the runs that tried the failed records of `source` again, and of their retries, in order."""
    sources, found = {source.run_id}, []
    for sync in reversed(pushed):  # the oldest first
        if sync.retries not in sources:
            continue
        sources.add(sync.run_id)
        ledger = installation.ledgers.file(sync.run_id, sync.slug)
        if ledger is not None:
            found.append(_read_lines(ledger, sync.run_id, undone))
    return found


def _take_over(lines: pl.LazyFrame, retry: pl.LazyFrame) -> pl.LazyFrame:
    """Give the lines of a run the outcomes that a retry brought, in the same order."""
    line = ["day", "row", "record_id"]
    newer = retry.select(*line, pl.col("outcome").alias("_newer")).unique(line)
    return (
        lines.join(newer, on=line, how="left", maintain_order="left")
        .with_columns(pl.coalesce("_newer", "outcome").alias("outcome"))
        .drop("_newer")
    )


def _mark_undone(restored: pl.Series) -> pl.Expr:
    undone = pl.col("record_id").is_in(restored.implode()).fill_null(False)
    return pl.when(undone).then(pl.lit(Outcome.UNPROCESSED, dtype=OUTCOME)).otherwise("outcome").alias("outcome")
