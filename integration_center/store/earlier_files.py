"""Take over the files of earlier releases, which kept no index: note what is where.

The files stay where they are. Where frames are kept in object storage, the files of this machine are uploaded, those
of the index included: so an installation moves from a folder to object storage.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.frame_store import COPIES, FrameStore
from integration_center.store.frames import FrameFile, count_height
from integration_center.store.known_records import KNOWN_FOLDER
from integration_center.store.stored_files import FileKind, Place, StoredFile
from integration_center.store.work import WORK

logger = logging.getLogger(__name__)

FOREIGN = (COPIES, WORK, "progress")
"""Folders whose files belong to this machine alone."""
DAY = r"(?P<day>\d{4}-\d{2}-\d{2})"
NAMES = {
    FileKind.REPORT: rf"insights/(?P<slug>[^/]+)/{DAY}\.parquet",
    FileKind.PLAN: rf"(?P<slug>[^/]+)/update_set/{DAY}\.parquet",
    FileKind.DAY_READ: rf"ledgers/(?P<run_id>[^/]+)/(?P<slug>[^/.]+)\.{DAY}\.parquet",
    FileKind.LEDGER: r"ledgers/(?P<run_id>[^/]+)/(?P<slug>[^/.]+)\.parquet",
    FileKind.ERROR: r"ledgers/(?P<run_id>[^/]+)/(?P<slug>[^/.]+)\.error\.txt",
    FileKind.SNAPSHOT: r"snapshots/(?P<org_id>[^/]+)/[^/]+/(?P<slug>[^/.]+)\.parquet",
    FileKind.WRITES: r"snapshots/(?P<org_id>[^/]+)/[^/]+/(?P<slug>[^/.]+)\.writes",
    FileKind.KNOWN_RECORDS: rf"{KNOWN_FOLDER}/(?P<slug>[^/]+)/(?P<org_id>[^/.]+)\.[^/.]+\.parquet",
}
"""The paths, below the storage folder, at which earlier releases kept files."""


def index_earlier_files(frames: FrameStore, folder: Path) -> int:
    """Note the files of earlier releases in the index, and return how many there were.

    Args:
        frames: the store of all files.
        folder: the storage folder of this machine.

    Raises:
        IntegrationCenterError: a file cannot be uploaded, or the database does not answer.
    """
    found = [file for file in _find_files(folder) if frames.index.find(file.place.name) is None]
    if frames.objects.root != folder:
        for key in (*frames.index.list_keys(), *(file.key for file in found)):
            if (folder / key).is_file() and not frames.objects.has(key):
                frames.objects.bring(folder / key, key)
    return frames.index.put_absent(found)


def _find_files(folder: Path) -> Iterator[StoredFile]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0] in FOREIGN or not path.is_file():
            continue
        place = _read_place(name)
        if place is not None and (file := _describe(place, path)):
            yield file


def _read_place(name: str) -> Place | None:
    for kind, pattern in NAMES.items():
        if found := re.fullmatch(pattern, name):
            parts = found.groupdict()
            try:
                day = date.fromisoformat(parts["day"]) if "day" in parts else None
            except ValueError:
                return None
            return Place(name, kind, parts["slug"], day, parts.get("run_id"), parts.get("org_id"))
    return None


def _describe(place: Place, path: Path) -> StoredFile | None:
    """Describe a file; None when it is damaged, and has to be made again."""
    stored_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if place.kind is FileKind.ERROR:
        return StoredFile(place, place.name, stored_at)
    try:
        rows, metadata = count_height(FrameFile(path).scan()), pl.read_parquet_metadata(path)
    except UNREADABLE as error:
        logger.warning("%s cannot be read (%s), and is left out", path, type(error).__name__)
        return None
    details: Mapping[str, Any] = {}
    if place.kind is FileKind.REPORT:
        if "identity" not in metadata:
            return None
        details = {name: value for name, value in metadata.items() if name != "ARROW:schema"}
    if place.kind is FileKind.WRITES:
        details = _read_note(path.with_name(f"{path.name}.json"))
    return StoredFile(place, place.name, stored_at, rows, metadata.get("identity"), details)


def _read_note(path: Path) -> Mapping[str, Any]:
    """Read what was noted beside the writes; nothing when it is gone or damaged, so that the writes do not count."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
