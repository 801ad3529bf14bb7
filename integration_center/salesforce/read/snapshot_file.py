"""Keep snapshots of records on disk: `<storage>/snapshots/<org id>/<object>/<slug>.parquet`, one per integration.

A snapshot holds what the integration reads and nothing else, in a file of mode 0600. Two more files may record what a
push wrote afterwards (`<slug>.writes`, the push's ledger) and when (`<slug>.writes.json`). `retention` deletes
snapshots that nobody used for 90 days. Disconnecting an org deletes all of its snapshots.
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
"""The key of the parquet metadata that holds the seal as JSON."""
HASH_SEED = 0x5F


@dataclass(frozen=True)
class _Seal:
    """The information written with the records, and a hash that reveals damage."""

    info: SnapshotInfo
    rows_hash: int


SEALS = TypeAdapter(_Seal)
NOTES = TypeAdapter(OwnWrites)


@dataclass(frozen=True)
class SnapshotFile:
    """The snapshot of one integration; a `SnapshotKeeper`.

    Attributes:
        path: the parquet file.
        org_id: the connected org.
        user_id: the connected user.
    """

    path: Path
    org_id: str
    user_id: str

    def find(self) -> SnapshotInfo | None:
        """Return the information about the snapshot; None when there is no file, or it cannot be read."""
        seal = self._read_seal()
        return seal.info if seal else None

    def read(self) -> pl.DataFrame | None:
        """Read the records; None when the file is damaged."""
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
        """Replace the snapshot completely, or not at all.

        A snapshot only saves reading, so a full disk does not end the sync: the old snapshot stays, and the next read
        starts from it.
        """
        try:
            seal = SEALS.dump_json(_Seal(info, hash_rows(records))).decode()
            write_frame(records, self.path, {SEAL: seal}, compressed=False)
        except ConfigurationError as error:
            logger.warning("the snapshot is not kept, so the next sync reads more of the org: %s", error)
            return
        for path in (self._note, self._writes):  # the records now include these writes
            path.unlink(missing_ok=True)

    def note_writes(self, writes: OwnWrites, ledger: FrameFile) -> None:
        """Note what a push wrote after the snapshot, from its ledger, so that the next read need not fetch it.

        As with the snapshot itself, a full disk does not end the sync.
        """
        try:
            link_frame(ledger, self._writes)
            write_text(NOTES.dump_json(writes).decode(), self._note)
        except ConfigurationError as error:
            logger.warning("the writes are not noted, so the next sync reads them again: %s", error)

    def find_writes(self, info: SnapshotInfo) -> OwnWrites | None:
        """Return the note of own writes after the snapshot of `info`; None when there is none."""
        try:
            note = NOTES.validate_json(self._note.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("the note %s cannot be read (%s)", self._note, type(error).__name__)
            return None
        return note if note.read_at == info.read_at else None

    def read_writes(self) -> pl.DataFrame | None:
        """Read these writes: `Id`, and per field F `after.F` and `changed.F`; None when they are damaged."""
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
    """Hash the rows of a frame, whatever their order.

    The hash is needed because a parquet page has no checksum, so a flipped bit could pass as another value.
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
        """Return the snapshot of one integration in one org."""
        return SnapshotFile(self._folder / org_id / sobject.lower() / f"{slug}.parquet", org_id, user_id)

    def delete(self, org_id: str) -> int:
        """Delete the snapshots of an org, and return how many there were.

        Raises:
            ConfigurationError: the folder cannot be deleted.
        """
        folder = self._folder / org_id
        files = sum(1 for path in folder.rglob("*.parquet"))
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ConfigurationError(
                f"{folder} could not be deleted ({error.strerror}); it holds records of the org, so delete it yourself"
            ) from None
        return files
