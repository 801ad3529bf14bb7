"""Frames on disk: reports, update sets (through an IO manager) and ledgers. Files are mode 0600."""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import polars as pl

from integration_center.errors import PlanError, PlanMissing
from integration_center.frames import (
    SPLIT_BY,
    FrameFile,
    count_height,
    keep_rows_whole,
    link_frame,
    read_slices,
    write_frame,
    write_slices,
    writing,
)
from integration_center.insights.catalogue import ColumnType, ReportKind
from integration_center.insights.source import Report
from integration_center.sync.columns import DAY, OF_PAST
from integration_center.sync.ledger import Tally, tally_lines
from integration_center.sync.outcomes import OUTCOME
from integration_center.sync.overrides import is_memorable
from integration_center.translator import report_key

logger = logging.getLogger(__name__)

EVENTS: ReportKind = "events"
WORK = "work"
"""The folder, beside the stored frames, of what steps need while they run; a killed one leaves its own behind."""
_PINNED: list[TemporaryDirectory[str]] = []
"""Gone when the process ends."""


def pin_frame(storage: Path, path: Path) -> FrameFile:
    """A stored frame under a name of this process's own: what is read of it stays, should another run replace it.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    work = storage / WORK
    with writing(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = TemporaryDirectory(dir=work)
    _PINNED.append(folder)
    pinned = FrameFile(Path(folder.name) / path.name)
    link_frame(FrameFile(path), pinned.path)
    return pinned


@dataclass(frozen=True)
class StoredReport:
    """What stands beside a stored report frame.

    Attributes:
        likely_types: see `Report`; None for a frame of an earlier version, whose text may have been altered.
    """

    identity: str
    kind: ReportKind
    latest_by: str | None
    refreshed_at: datetime | None
    rows: int
    likely_types: Mapping[str, ColumnType] | None


class ReportFolder:
    """The stored frames of reports: `<storage>/insights/<report>/<day>.parquet`."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def path(self, report_slug: str, day: date) -> Path:
        """Where the report's frame of `day` stands."""
        return self.storage.joinpath(*report_key(report_slug).path, f"{day.isoformat()}.parquet")

    @contextmanager
    def locked(self, report_slug: str, day: date) -> Iterator[None]:
        """Hold the report of `day`, so that two runs at once fetch it once."""
        path = self.path(report_slug, day).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def stored(self, report_slug: str, day: date) -> StoredReport | None:
        """What is stored for `day`, without reading its rows; None when there is none that can be read."""
        path = self.path(report_slug, day)
        if not path.exists():
            return None
        try:
            metadata = pl.read_parquet_metadata(path)
            rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError):
            return None  # damaged: it will be fetched again
        if "identity" not in metadata:
            return None
        refreshed_at = metadata.get("refreshed_at")
        return StoredReport(
            identity=metadata["identity"],
            kind="events" if metadata["kind"] == "events" else "snapshot",
            latest_by=metadata.get("latest_by") or None,
            refreshed_at=datetime.fromisoformat(refreshed_at) if refreshed_at else None,
            rows=rows,
            likely_types=json.loads(metadata["likely_types"]) if "likely_types" in metadata else None,
        )

    def write(self, report: Report) -> StoredReport:
        """Store a report's frame with its identity."""
        metadata = {
            "identity": report.identity,
            "kind": report.info.kind,
            "latest_by": report.info.latest_by or "",
            "refreshed_at": report.refreshed_at.isoformat() if report.refreshed_at else "",
            "stored_at": datetime.now(UTC).isoformat(),
            "likely_types": json.dumps(dict(report.likely_types)),
        }
        write_frame(report.frame, self.path(report.info.slug, report.day), metadata)
        return StoredReport(
            identity=report.identity,
            kind=report.info.kind,
            latest_by=report.info.latest_by,
            refreshed_at=report.refreshed_at,
            rows=report.frame.height,
            likely_types=report.likely_types,
        )

    def newest_kind(self, report_slug: str) -> ReportKind | None:
        """The kind of the report by its newest stored frame; None when there is none."""
        folder = self.path(report_slug, date.min).parent
        for path in sorted(folder.glob("*.parquet"), reverse=True):
            if stored := self.stored(report_slug, date.fromisoformat(path.stem)):
                return stored.kind
        return None

    def rows_before(self, report_slug: str, day: date) -> int | None:
        """The number of rows of the newest stored frame older than `day`; None when there is none."""
        folder = self.path(report_slug, day).parent
        older = sorted((path for path in folder.glob("*.parquet") if path.stem < day.isoformat()), reverse=True)
        for path in older:
            if stored := self.stored(report_slug, date.fromisoformat(path.stem)):
                return stored.rows
        return None


class LedgerFolder:
    """The ledgers: `<storage>/ledgers/<run id>/<slug>.parquet`, one line per report row and matched record."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def path(self, run_id: str, slug: str) -> Path:
        """Where the ledger of one sync stands."""
        return self.storage / "ledgers" / run_id / f"{slug}.parquet"

    def write(self, run_id: str, slug: str, lines: pl.DataFrame) -> Path:
        """Store a ledger, replacing an earlier draft of the same sync."""
        path = self.path(run_id, slug)
        write_frame(lines, path)
        return path

    def write_from(
        self, run_id: str, slug: str, lines: pl.LazyFrame, finish: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> Tally:
        """Store lines that stand on disk as a ledger, `finish` done to them some after another; their tally.

        Args:
            run_id: of the sync.
            slug: of its integration.
            lines: in order of their rows.
            finish: keeps order and columns; all lines of a row come together.
        """
        tally = Tally()

        def settle(part: pl.DataFrame) -> pl.DataFrame:
            nonlocal tally
            settled = finish(part)
            tally += tally_lines(settled)
            return settled

        parts = map(settle, keep_rows_whole(read_slices(lines)))
        write_slices(parts, lines.collect_schema(), self.path(run_id, slug))
        return tally

    def keep(self, run_id: str, slug: str, file: FrameFile) -> Path:
        """Store a frame that is a file already as a ledger, replacing an earlier draft of the same sync."""
        path = self.path(run_id, slug)
        link_frame(file, path)
        return path

    def keep_day(self, run_id: str, slug: str, day: date, file: FrameFile) -> FrameFile:
        """Keep the report's frame of a day as a sync has it: later runs judge their rows by it."""
        kept = FrameFile(self.path(run_id, slug).with_name(f"{slug}.{day.isoformat()}.parquet"))
        link_frame(file, kept.path)
        return kept

    def kept_days(self, run_id: str, slug: str) -> dict[date, FrameFile]:
        """The frames that were kept of a sync, oldest day first."""
        folder = self.path(run_id, slug).parent
        paths = sorted(folder.glob(f"{slug}.????-??-??.parquet"))
        return {date.fromisoformat(path.stem.removeprefix(f"{slug}.")): FrameFile(path) for path in paths}

    def read(self, run_id: str, slug: str) -> pl.DataFrame:
        """The ledger of one sync.

        Raises:
            PlanMissing: there is none.
            PlanError: it is damaged.
        """
        path = self.path(run_id, slug)
        if not path.exists():
            raise PlanMissing(f"run {run_id} has no ledger of {slug!r}; see `integration-center log {slug}`")
        if path.is_file():  # reading a pipe would last for ever
            try:
                return read_outcomes(pl.scan_parquet(path)).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                logger.debug("the ledger %s cannot be read (%s)", path, type(error).__name__)
        raise PlanError(
            f"the ledger {path} is damaged, or no ledger; bring back a copy of this file. What the run wrote to the"
            " org is not affected"
        )

    def find(self, run_id: str, slug: str) -> pl.DataFrame | None:
        """The ledger of one sync; None when it is gone or damaged."""
        try:
            return self.read(run_id, slug)
        except PlanMissing:
            return None
        except PlanError as error:
            logger.warning("%s", error)
            return None

    def read_writes(self, run_id: str, slug: str, record_ids: pl.Series) -> pl.DataFrame:
        """What one sync wrote to the records named, or left to the org; none when its ledger is gone or damaged."""
        path = self.path(run_id, slug)
        wanted = pl.LazyFrame({"record_id": record_ids})
        try:
            return (
                pl.scan_parquet(path)
                .filter(is_memorable())
                .join(wanted, on="record_id", how="semi", maintain_order="left")
                .collect()
            )
        except (pl.exceptions.PolarsError, OSError) as error:
            logger.warning("the ledger of run %s cannot be read (%s); it is passed over", run_id, type(error).__name__)
            return pl.DataFrame()

    def write_error(self, run_id: str, slug: str, text: str) -> Path:
        """Keep the full text of an unexpected error: it may quote values, so it stays out of the event log."""
        path = self.path(run_id, slug).with_suffix(".error.txt")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path


@dataclass(frozen=True)
class FrameIOManager(dg.IOManager):
    """Frames as parquet, a file a partition: `<base_dir>/<asset key>/<day>.parquet`.

    Dagster's stock managers refuse to store several partitions of one run and hand a dict of frames downstream;
    this one splits a frame on `partition_column` and always loads one frame.
    """

    base_dir: Path
    partition_column: str = "day"

    def paths(self, context: dg.InputContext | dg.OutputContext) -> dict[str, Path]:
        """The files of the context's partitions, oldest first."""
        folder = self.base_dir.joinpath(*context.asset_key.path)
        if not context.has_asset_partitions:
            return {"": folder.with_suffix(".parquet")}
        return {key: folder / f"{key}.parquet" for key in sorted(context.asset_partition_keys)}

    def handle_output(self, context: dg.OutputContext, obj: FrameFile | pl.DataFrame) -> None:
        """Store a frame, or one that is a file already; over several partitions each gets its own days' rows.

        Rows of other days come last, and go to the newest partition.
        """
        paths = self.paths(context)
        frame = obj.scan() if isinstance(obj, FrameFile) else obj.lazy()
        if len(paths) > 1:
            newest = max(paths)
            of_past = pl.col(OF_PAST) if OF_PAST in frame.collect_schema() else pl.lit(False)
            for key, path in paths.items():
                own = pl.col(self.partition_column) == date.fromisoformat(key)
                own = pl.when(of_past).then(pl.lit(key == newest)).otherwise(own)
                parts = (part.filter(own) for part in read_slices(frame))
                write_slices(parts, frame.collect_schema(), path, {SPLIT_BY: self.partition_column})
        elif isinstance(obj, FrameFile):
            link_frame(obj, next(iter(paths.values())))
        else:
            write_frame(obj, next(iter(paths.values())), {SPLIT_BY: self.partition_column})
        context.add_output_metadata({"dagster/row_count": count_height(frame)})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame | pl.DataFrame:
        """One frame of all the partitions asked for; where several are, column `_day` (Date) tells them apart.

        Eager where the input is declared to be a `pl.DataFrame`. A report may lack older days.
        """
        paths = self.paths(context)
        one_day = len(paths) == 1
        if holds_report(paths[max(paths)]):
            paths = {key: path for key, path in paths.items() if path.exists()}
        missing = [str(path) for path in paths.values() if not path.exists()]
        if missing:
            raise PlanMissing(f"{context.asset_key.to_user_string()} is not materialized: {', '.join(missing)}")
        pinned = {key: pin_frame(self.base_dir, path) for key, path in paths.items()}
        if one_day:
            frame = read_outcomes(next(iter(pinned.values())).scan())
        else:
            days = [scan_day(file.path, date.fromisoformat(key)) for key, file in pinned.items()]
            frame = pl.concat(days, how="diagonal_relaxed")
        return frame.collect() if context.dagster_type.typing_type is pl.DataFrame else frame


def holds_report(path: Path) -> bool:
    """Whether a stored frame is a report, as `ReportFolder` writes it."""
    return path.exists() and "kind" in pl.read_parquet_metadata(path)


def scan_day(path: Path, day: date) -> pl.LazyFrame:
    """One day's frame; a report gets `_day` (Date), since its own columns may be called anything."""
    frame = read_outcomes(pl.scan_parquet(path))
    return frame if SPLIT_BY in pl.read_parquet_metadata(path) else frame.with_columns(pl.lit(day).alias(DAY))


def read_outcomes(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines with today's outcomes: an earlier version, which stored them, may have known fewer."""
    stored = lines.collect_schema().get("outcome")
    if not isinstance(stored, pl.Enum) or stored == OUTCOME or not set(stored.categories) <= set(OUTCOME.categories):
        return lines
    return lines.with_columns(pl.col("outcome").cast(OUTCOME))
