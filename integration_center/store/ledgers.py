"""Store the ledgers of syncs: one line per report row and matched record. Files have mode 0600."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from integration_center.errors import PlanError, PlanMissing
from integration_center.store.frames import (
    FrameFile,
    keep_rows_whole,
    link_frame,
    read_slices,
    write_frame,
    write_slices,
)
from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import Tally, tally_lines
from integration_center.sync.overrides import is_memorable

logger = logging.getLogger(__name__)


class LedgerFolder:
    """The ledgers: `<storage>/ledgers/<run id>/<slug>.parquet`, one line per report row and matched record."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def path(self, run_id: str, slug: str) -> Path:
        """Return the path of one sync's ledger."""
        return self.storage / "ledgers" / run_id / f"{slug}.parquet"

    def write(self, run_id: str, slug: str, lines: pl.DataFrame) -> Path:
        """Store a ledger, replacing an earlier one of the same sync."""
        path = self.path(run_id, slug)
        write_frame(lines, path)
        return path

    def write_from(
        self, run_id: str, slug: str, lines: pl.LazyFrame, finish: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> Tally:
        """Store lines on disk as a ledger, with `finish` applied to one slice at a time, and return their tally.

        Args:
            run_id: the run of the sync.
            slug: the slug of its integration.
            lines: the lines, sorted by `row`.
            finish: completes a slice, which has all lines of its rows. It must keep order and columns.
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
        """Store an existing frame file as a ledger, replacing an earlier one of the same sync."""
        path = self.path(run_id, slug)
        link_frame(file, path)
        return path

    def keep_day(self, run_id: str, slug: str, day: date, file: FrameFile) -> FrameFile:
        """Keep the report of a day as a sync read it. Later runs compare their rows with it."""
        kept = FrameFile(self.path(run_id, slug).with_name(f"{slug}.{day.isoformat()}.parquet"))
        link_frame(file, kept.path)
        return kept

    def kept_days(self, run_id: str, slug: str) -> dict[date, FrameFile]:
        """Return the report frames that were kept for a sync, the oldest day first."""
        folder = self.path(run_id, slug).parent
        paths = sorted(folder.glob(f"{slug}.????-??-??.parquet"))
        return {date.fromisoformat(path.stem.removeprefix(f"{slug}.")): FrameFile(path) for path in paths}

    def read(self, run_id: str, slug: str) -> pl.DataFrame:
        """Read the ledger of one sync.

        Raises:
            PlanMissing: there is no ledger.
            PlanError: the ledger is damaged.
        """
        with self.scanned(run_id, slug) as lines:
            return lines.collect()

    @contextmanager
    def scanned(self, run_id: str, slug: str) -> Iterator[pl.LazyFrame]:
        """Scan the ledger of one sync, to read parts of it inside the block.

        Raises:
            PlanMissing: there is no ledger.
            PlanError: the ledger is damaged.
        """
        path = self.path(run_id, slug)
        if not path.exists():
            raise PlanMissing(f"run {run_id} has no ledger of {slug!r}; see `integration-center log {slug}`")
        try:
            if not path.is_file():  # reading a pipe would never end
                raise OSError("not a regular file")
            yield read_outcomes(pl.scan_parquet(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            logger.debug("the ledger %s cannot be read (%s)", path, type(error).__name__)
            raise PlanError(
                f"the ledger {path} is damaged, or is not a ledger; restore a copy of this file. What the run wrote to"
                " the org is not affected"
            ) from None

    def find(self, run_id: str, slug: str) -> pl.DataFrame | None:
        """Return the ledger of one sync; None when it is gone or damaged."""
        try:
            return self.read(run_id, slug)
        except PlanMissing:
            return None
        except PlanError as error:
            logger.warning("%s", error)
            return None

    def read_writes(self, run_id: str, slug: str, record_ids: pl.Series) -> pl.DataFrame:
        """Read what one sync wrote to the given records, or left to the org; empty if its ledger is gone or damaged."""
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
            logger.warning("skipped the ledger of run %s, which cannot be read (%s)", run_id, type(error).__name__)
            return pl.DataFrame()

    def write_error(self, run_id: str, slug: str, text: str) -> Path:
        """Keep the full text of an unexpected error. It may quote values, so it must not get into the event log."""
        path = self.path(run_id, slug).with_suffix(".error.txt")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path


def read_outcomes(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Cast the outcomes of stored lines to the current dtype. An earlier version may have known fewer outcomes."""
    stored = lines.collect_schema().get("outcome")
    if not isinstance(stored, pl.Enum) or stored == OUTCOME or not set(stored.categories) <= set(OUTCOME.categories):
        return lines
    return lines.with_columns(pl.col("outcome").cast(OUTCOME))
