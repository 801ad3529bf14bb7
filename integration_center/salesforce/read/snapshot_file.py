"""Keep snapshots of records, one for each integration, org and object.

A snapshot holds what the integration reads and nothing else. Beside it may be kept what a push wrote afterwards (the
push's ledger) and when. `retention` deletes snapshots that nobody used for 90 days. Disconnecting an org deletes all of
its snapshots.
"""

import logging
from dataclasses import dataclass

import polars as pl
from polars.selectors import starts_with as by_start
from pydantic import TypeAdapter

from integration_center.errors import ConfigurationError, TransientError
from integration_center.files.polars_errors import UNREADABLE
from integration_center.salesforce.read.snapshot import OwnWrites, SnapshotInfo
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import FrameFile
from integration_center.store.stored_files import FileKind, Place
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
class OpenSnapshot:
    """One version of the records of a snapshot; a `StoredSnapshot`."""

    file: FrameFile

    def read_ids(self) -> pl.Series | None:
        """Read the Ids of the records, in their order; None when they cannot be read."""
        records = self._read(["Id"])
        return None if records is None else records.to_series()

    def read(self) -> pl.DataFrame | None:
        """Read the records; None when the file is damaged."""
        seal = _read_seal(self.file)
        records = self._read()
        if records is None:
            return None
        if seal is None or seal.rows_hash != hash_rows(records):
            logger.warning("the snapshot %s does not hold the rows that were written to it", self.file.path)
            return None
        return records

    def _read(self, columns: list[str] | None = None) -> pl.DataFrame | None:
        try:
            return self.file.read(columns)
        except UNREADABLE as error:
            logger.warning("the snapshot %s cannot be read (%s)", self.file.path, type(error).__name__)
            return None


@dataclass(frozen=True)
class SnapshotFile:
    """The snapshot of one integration; a `SnapshotKeeper`.

    Attributes:
        frames: the store of all frames.
        slug: of the integration.
        object: the object's API name.
        org_id: the connected org.
        user_id: the connected user.
    """

    frames: FrameStore
    slug: str
    object: str
    org_id: str
    user_id: str

    def find(self) -> SnapshotInfo | None:
        """Return the information about the snapshot; None when there is none, or it cannot be read."""
        file = self.frames.fetch(self._snapshot.name)
        seal = _read_seal(file) if file else None
        return seal.info if seal else None

    def open(self) -> "OpenSnapshot | None":
        """Open the snapshot to read it; None when there is none."""
        file = self.frames.fetch(self._snapshot.name)
        return OpenSnapshot(file) if file else None

    def save(self, info: SnapshotInfo, records: pl.DataFrame) -> None:
        """Replace the snapshot completely, or not at all.

        A snapshot only saves reading, so a full disk does not end the sync: the old snapshot stays, and the next read
        starts from it.
        """
        try:
            seal = SEALS.dump_json(_Seal(info, hash_rows(records))).decode()
            self.frames.publish_frame(self._snapshot, records, {SEAL: seal}, compressed=False, only_version=True)
            self.frames.delete([self._writes.name])  # the records now include these writes
        except (ConfigurationError, TransientError) as error:
            logger.warning("the snapshot is not kept, so the next sync reads more of the org: %s", error)

    def note_writes(self, writes: OwnWrites, ledger: FrameFile) -> None:
        """Note what a push wrote after the snapshot, from its ledger, so that the next read need not fetch it.

        As with the snapshot itself, a full disk does not end the sync.
        """
        try:
            self.frames.publish_file(self._writes, ledger, details=NOTES.dump_python(writes, mode="json"))
        except (ConfigurationError, TransientError) as error:
            logger.warning("the writes are not noted, so the next sync reads them again: %s", error)

    def find_writes(self, info: SnapshotInfo) -> OwnWrites | None:
        """Return the note of own writes after the snapshot of `info`; None when there is none."""
        stored = self.frames.index.find(self._writes.name)
        if stored is None:
            return None
        try:
            note = NOTES.validate_python(stored.details)
        except ValueError as error:
            logger.warning("the note of %s cannot be read (%s)", stored.place.name, type(error).__name__)
            return None
        return note if note.read_at == info.read_at else None

    def scan_writes(self) -> pl.LazyFrame | None:
        """Scan the lines of that push; see `SnapshotKeeper`."""
        file = self.frames.fetch(self._writes.name)
        if file is None:
            return None
        # To leave out the other lines would copy most of the columns.
        written = pl.when(pl.col("outcome") == Outcome.UPDATED).then("record_id")
        return file.scan().select(written.alias("Id"), by_start(AFTER, CHANGED))

    @property
    def _snapshot(self) -> Place:
        return find_snapshot(self.slug, self.object, self.org_id)

    @property
    def _writes(self) -> Place:
        return find_snapshot(self.slug, self.object, self.org_id, FileKind.WRITES)


def find_snapshot(slug: str, sobject: str, org_id: str, kind: FileKind = FileKind.SNAPSHOT) -> Place:
    """Find the place of an integration's snapshot, or of the writes that belong to it."""
    suffix = "parquet" if kind is FileKind.SNAPSHOT else "writes"
    return Place(f"snapshots/{org_id}/{sobject.lower()}/{slug}.{suffix}", kind, slug, org_id=org_id)


def _read_seal(file: FrameFile) -> _Seal | None:
    try:
        return SEALS.validate_json(pl.read_parquet_metadata(file.path)[SEAL])
    except (*UNREADABLE, KeyError, ValueError) as error:
        logger.warning("the snapshot %s cannot be read (%s)", file.path, type(error).__name__)
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
        frames: the store of all frames.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames

    def of(self, slug: str, sobject: str, org_id: str, user_id: str) -> SnapshotFile:
        """Return the snapshot of one integration in one org."""
        return SnapshotFile(self._frames, slug, sobject, org_id, user_id)

    def delete(self, org_id: str) -> int:
        """Delete the snapshots of an org, and return how many there were.

        Raises:
            ConfigurationError: a file cannot be deleted.
            TransientError: the storage or the database does not answer.
        """
        index = self._frames.index
        snapshots = index.list(FileKind.SNAPSHOT, org_id=org_id)
        writes = index.list(FileKind.WRITES, org_id=org_id)
        self._frames.delete([file.place.name for file in (*snapshots, *writes)])
        self._frames.delete_replaced(prefix=f"snapshots/{org_id}/")
        return len(snapshots)
