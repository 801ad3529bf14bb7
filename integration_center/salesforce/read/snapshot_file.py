"""Snapshots of records on disk: `<storage>/snapshots/<org id>/<object>/<slug>.parquet`, one for each integration.

They hold what the integration reads and nothing else, in files of mode 0600. Beside one may stand what a push wrote
since (`<slug>.writes`, the push's ledger) and when (`<slug>.writes.json`). `retention` deletes those that nobody
used for 90 days; disconnecting an org deletes all of its own.
"""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.selectors import starts_with as by_start
from pydantic import TypeAdapter

from integration_center.errors import ConfigurationError
from integration_center.salesforce.read.snapshot import OwnWrites, SnapshotInfo
from integration_center.store.frames import FrameFile, link_frame, write_frame, write_text
from integration_center.sync.columns import AFTER, CHANGED
from integration_center.sync.outcomes import Outcome

logger = logging.getLogger(__name__)

SEAL = "snapshot"
"""Key of the parquet metadata under which the seal stands as JSON."""
HASH_SEED = 0x5F


@dataclass(frozen=True)
class _Seal:
    """What is written with the records: what they are, and a number by which damage is noticed."""

    info: SnapshotInfo
    rows_hash: int


SEALS = TypeAdapter(_Seal)
NOTES = TypeAdapter(OwnWrites)


@dataclass(frozen=True)
class SnapshotFile:
    """The snapshot of one integration; a `SnapshotKeeper`.

    Attributes:
        path: the parquet file.
        org_id, user_id: the connected ones.
    """

    path: Path
    org_id: str
    user_id: str

    def find(self) -> SnapshotInfo | None:
        """What stands beside the records; None when there is no file, or none that can be read."""
        seal = self._read_seal()
        return seal.info if seal else None

    def read(self) -> pl.DataFrame | None:
        """The records; None when the file is damaged."""
        seal = self._read_seal()
        try:
            records = pl.read_parquet(self.path)
        except (pl.exceptions.PolarsError, OSError) as error:
            logger.warning("the snapshot %s cannot be read (%s)", self.path, type(error).__name__)
            return None
        if seal is None or seal.rows_hash != hash_rows(records):
            logger.warning("the snapshot %s does not hold the rows that were written to it", self.path)
            return None
        return records

    def save(self, info: SnapshotInfo, records: pl.DataFrame) -> None:
        """Put these in place of what stands there: whole, or not at all.

        A snapshot only spares reading, so a full disk does not end the sync: what stood there stays, and the next read
        starts from it.
        """
        try:
            seal = SEALS.dump_json(_Seal(info, hash_rows(records))).decode()
            write_frame(records, self.path, {SEAL: seal}, compressed=False)
        except ConfigurationError as error:
            logger.warning("the snapshot is not kept, so the next sync reads more of the org: %s", error)
            return
        for path in (self._note, self._writes):  # the records hold them now
            path.unlink(missing_ok=True)

    def note_writes(self, writes: OwnWrites, ledger: FrameFile) -> None:
        """Note what a push wrote since, as its ledger tells, so that the next read need not fetch it.

        As with the snapshot itself, a full disk does not end the sync.
        """
        try:
            link_frame(ledger, self._writes)
            write_text(NOTES.dump_json(writes).decode(), self._note)
        except ConfigurationError as error:
            logger.warning("what was written is not noted, so the next sync reads it again: %s", error)

    def find_writes(self, info: SnapshotInfo) -> OwnWrites | None:
        """What was noted of own writes since the snapshot of `info`."""
        try:
            note = NOTES.validate_json(self._note.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("the note %s cannot be read (%s)", self._note, type(error).__name__)
            return None
        return note if note.read_at == info.read_at else None

    def read_writes(self) -> pl.DataFrame | None:
        """Those writes: `Id`, and per field F `after.F` and `changed.F`; None when they are damaged."""
        written = pl.scan_parquet(self._writes).filter(pl.col("outcome") == Outcome.UPDATED)
        try:
            return written.select(pl.col("record_id").alias("Id"), by_start(AFTER, CHANGED)).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            logger.warning("the writes %s cannot be read (%s)", self._writes, type(error).__name__)
            return None

    @property
    def _writes(self) -> Path:
        return self.path.with_suffix(".writes")

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".writes.json")

    def _read_seal(self) -> _Seal | None:
        try:
            return SEALS.validate_json(pl.read_parquet_metadata(self.path)[SEAL])
        except FileNotFoundError:
            return None
        except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
            logger.warning("the snapshot %s cannot be read (%s)", self.path, type(error).__name__)
            return None


def hash_rows(records: pl.DataFrame) -> int:
    """A number that another frame has only by an unlikely chance; the order of rows does not matter.

    A parquet page carries no checksum, so a flipped bit could pass for another value.
    """
    hashes = records.hash_rows(HASH_SEED)
    return int(hashes.to_frame("hash").select(pl.col("hash").bitwise_xor()).item() or 0)


class SnapshotFolder:
    """All snapshots of an installation.

    Args:
        storage: the folder of all stored frames.
    """

    def __init__(self, storage: Path) -> None:
        self._folder = storage / "snapshots"

    def of(self, slug: str, sobject: str, org_id: str, user_id: str) -> SnapshotFile:
        """The snapshot of one integration in one org."""
        return SnapshotFile(self._folder / org_id / sobject.lower() / f"{slug}.parquet", org_id, user_id)

    def delete(self, org_id: str) -> int:
        """Delete the snapshots of an org; how many there were.

        Raises:
            ConfigurationError: the folder may not be written.
        """
        folder = self._folder / org_id
        files = sum(1 for path in folder.rglob("*.parquet"))
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ConfigurationError(
                f"{folder} could not be deleted ({error.strerror}); it holds records of the org: delete it yourself"
            ) from None
        return files
