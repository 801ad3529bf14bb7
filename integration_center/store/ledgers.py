"""Store the ledgers of syncs: one line per report row and matched record."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import polars as pl

from integration_center.errors import PlanError, PlanMissing
from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import FrameFile, keep_rows_whole, read_slices, write_slices
from integration_center.store.stored_files import FileKind, Place
from integration_center.sync.columns import OUTCOME
from integration_center.sync.overrides import is_memorable
from integration_center.sync.people_sum import PEOPLE, PeopleSum
from integration_center.sync.tally import Tally, tally_lines

logger = logging.getLogger(__name__)


class LedgerFolder:
    """The ledgers, one for each run and integration, with one line per report row and matched record.

    Args:
        frames: the store of all frames.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames

    def has(self, run_id: str, slug: str) -> bool:
        """Return whether one sync has a ledger."""
        return self._frames.index.find(find_ledger(run_id, slug).name) is not None

    def file(self, run_id: str, slug: str) -> FrameFile | None:
        """Return the ledger of one sync; None when there is none."""
        return self._frames.fetch(find_ledger(run_id, slug).name)

    def files(self, syncs: Sequence[tuple[str, str]], slug: str | None = None) -> list[FrameFile | None]:
        """Return the ledgers of many syncs, in their order; None where there is none.

        Args:
            syncs: run and slug of each.
            slug: of the integration, where all are of one.
        """
        stored = {file.place.name: file for file in self._frames.index.list(FileKind.LEDGER, slug)}
        found = (stored.get(find_ledger(run_id, name).name) for run_id, name in syncs)
        return [self._frames.open(file) if file else None for file in found]

    def locate(self, run_id: str, slug: str) -> str | None:
        """Return the address of one sync's ledger, for people; None when there is none."""
        return self._frames.locate(find_ledger(run_id, slug).name)

    def write(self, run_id: str, slug: str, lines: pl.DataFrame) -> FrameFile:
        """Store a ledger, replacing an earlier one of the same sync."""
        return self._frames.publish_frame(find_ledger(run_id, slug), lines)

    def write_from(
        self, run_id: str, slug: str, lines: pl.LazyFrame, finish: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> tuple[FrameFile, Tally]:
        """Store lines on disk as a ledger, with `finish` applied to one slice at a time; return it with its tally.

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
        people = self.find_people(run_id, slug)  # the lines of the draft, whatever becomes of them
        new = self._frames.begin(find_ledger(run_id, slug))
        write_slices(parts, lines.collect_schema(), new.path)
        return self._frames.publish(new, details=_describe(people)), tally

    def keep(self, run_id: str, slug: str, file: FrameFile, people: PeopleSum | None = None) -> FrameFile:
        """Store an existing frame file as a ledger, replacing an earlier one of the same sync.

        Args:
            run_id: the run of the sync.
            slug: the slug of its integration.
            file: the lines.
            people: the sum of these lines, where it is known.
        """
        return self._frames.publish_file(find_ledger(run_id, slug), file, details=_describe(people))

    def find_people(self, run_id: str, slug: str) -> PeopleSum | None:
        """Return the sum of the lines of one sync, as they were planned; None where it is not known."""
        stored = self._frames.index.find(find_ledger(run_id, slug).name)
        return PeopleSum.read(stored.details[PEOPLE]) if stored and PEOPLE in stored.details else None

    def keep_day(self, run_id: str, slug: str, day: date, file: FrameFile) -> FrameFile:
        """Keep the report of a day as a sync read it. Later runs compare their rows with it."""
        return self._frames.publish_file(find_day_read(run_id, slug, day), file)

    def kept_days(self, run_id: str, slug: str) -> dict[date, FrameFile]:
        """Return the report frames that were kept for a sync, the oldest day first."""
        kept = self._frames.index.list(FileKind.DAY_READ, slug, run_id=run_id)
        files = [(stored.place.day, self._frames.open(stored)) for stored in reversed(kept)]
        return {day: file for day, file in files if day is not None and file is not None}

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
        file = self.file(run_id, slug)
        if file is None and (address := self.locate(run_id, slug)):
            raise PlanMissing(
                f"the ledger of run {run_id} of {slug!r} is no longer where it was stored",
                setting=f"Bring {address} back from a copy; or if another host stored it, name a place that all hosts"
                " use in INTEGRATION_CENTER_STORAGE",
            )
        if file is None:
            raise PlanMissing(f"run {run_id} has no ledger of {slug!r}", command=f"see `integration-center log {slug}`")
        try:
            if not file.path.is_file():  # reading a pipe would never end
                raise OSError("not a regular file")
            yield read_outcomes(file.scan())
        except UNREADABLE as error:
            logger.debug("the ledger %s cannot be read (%s)", file.path, type(error).__name__)
            raise PlanError(
                f"the ledger {self.locate(run_id, slug)} is damaged, or is not a ledger; restore a copy of this file."
                " What the run wrote to the org is not affected"
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
        file = self.file(run_id, slug)
        if file is None:
            logger.warning("skipped the ledger of run %s, which is gone", run_id)
            return pl.DataFrame()
        wanted = pl.LazyFrame({"record_id": record_ids})
        try:
            return (
                file.scan()
                .filter(is_memorable())
                .join(wanted, on="record_id", how="semi", maintain_order="left")
                .collect()
            )
        except UNREADABLE as error:
            logger.warning("skipped the ledger of run %s, which cannot be read (%s)", run_id, type(error).__name__)
            return pl.DataFrame()

    def write_error(self, run_id: str, slug: str, text: str) -> None:
        """Keep the full text of an unexpected error. It may quote values, so it must not get into the event log."""
        place = Place(f"ledgers/{run_id}/{slug}.error.txt", FileKind.ERROR, slug, run_id=run_id)
        self._frames.publish_text(place, text)


def find_ledger(run_id: str, slug: str) -> Place:
    """Find the place of one sync's ledger."""
    return Place(f"ledgers/{run_id}/{slug}.parquet", FileKind.LEDGER, slug, run_id=run_id)


def _describe(people: PeopleSum | None) -> dict[str, Any] | None:
    return {PEOPLE: people.as_dict()} if people else None


def find_day_read(run_id: str, slug: str, day: date) -> Place:
    """Find the place of the report of a day, as a sync read it."""
    return Place(f"ledgers/{run_id}/{slug}.{day.isoformat()}.parquet", FileKind.DAY_READ, slug, day, run_id)


def read_outcomes(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Cast the outcomes of stored lines to the current dtype. An earlier version may have known fewer outcomes."""
    stored = lines.collect_schema().get("outcome")
    if not isinstance(stored, pl.Enum) or stored == OUTCOME or not set(stored.categories) <= set(OUTCOME.categories):
        return lines
    return lines.with_columns(pl.col("outcome").cast(OUTCOME))
