"""Publish, fetch and delete what is stored: reports, plans, ledgers, snapshots, error texts.

Each version of a file is an object of its own, which never changes. The index says which object is the current
version, for all hosts alike. So nobody waits for a lock, and a reader keeps what it reads while another run stores a
newer version.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from integration_center.errors import IntegrationCenterError
from integration_center.settings import Paths
from integration_center.store.frames import FrameFile, count_height, write_frame, write_text, writing
from integration_center.store.objects import FolderObjects, Objects, copy_file
from integration_center.store.stored_files import FileIndex, Place, StoredFile

logger = logging.getLogger(__name__)

COPIES = "copies"
"""The folder of this machine's copies of objects, below the scratch folder."""
READERS_DONE = timedelta(days=2)
"""How long an object stays after a newer version has replaced it. No step reads it that long."""


@dataclass(frozen=True)
class NewVersion:
    """A new version of a file that is not published yet.

    Attributes:
        path: the file to write.
    """

    place: Place
    key: str
    path: Path


class FrameStore:
    """All stored files of an installation.

    Args:
        index: says what is where.
        objects: keeps the content.
    """

    def __init__(self, index: FileIndex, objects: Objects) -> None:
        self.index = index
        self.objects = objects
        self._tidied = False

    def begin(self, place: Place) -> NewVersion:
        """Begin a new version of a file. It is there for readers once it is published."""
        key = name_version(place)
        return NewVersion(place, key, self.objects.root / key)

    def publish(
        self,
        new: NewVersion,
        *,
        identity: str | None = None,
        details: Mapping[str, Any] | None = None,
        only_version: bool = False,
    ) -> FrameFile:
        """Make the written file of a new version the current version of its place, on every host.

        Args:
            new: the new version, whose file is complete.
            identity: which version of its source the file holds.
            details: see `StoredFile`.
            only_version: delete the earlier version at once. Who reads one must be content with none then.

        Raises:
            ConfigurationError: the storage cannot be written.
            TransientError: the storage or the database does not answer.
        """
        rows = count_height(FrameFile(new.path).scan()) if new.path.suffix != ".txt" else None
        self.objects.upload(new.key)
        replaced = self._note(StoredFile(new.place, new.key, datetime.now(UTC), rows, identity, details or {}))
        if only_version:
            self._delete_objects(replaced)
        return FrameFile(new.path)

    def publish_frame(
        self,
        place: Place,
        frame: pl.DataFrame,
        metadata: dict[str, str] | None = None,
        *,
        compressed: bool = True,
        only_version: bool = False,
    ) -> FrameFile:
        """Publish a frame in memory; see `write_frame` and `publish`."""
        new = self.begin(place)
        write_frame(frame, new.path, metadata, compressed=compressed)
        return self.publish(new, only_version=only_version)

    def publish_text(self, place: Place, text: str) -> None:
        """Publish a small text; see `publish`."""
        new = self.begin(place)
        write_text(text, new.path)
        self.publish(new)

    def publish_file(
        self,
        place: Place,
        file: FrameFile,
        *,
        identity: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> FrameFile:
        """Publish a frame that is a file already; see `publish`. One that is stored already is not stored again."""
        if key := self._find_key(file.path):
            rows = count_height(file.scan())
            self._note(StoredFile(place, key, datetime.now(UTC), rows, identity, details or {}), shares=True)
            return file
        new = self.begin(place)
        copy_file(file.path, new.path)
        return self.publish(new, identity=identity, details=details)

    def describe_again(self, stored: StoredFile, details: Mapping[str, Any]) -> None:
        """Note other details of a stored file. Its content stays as it is, and it counts as stored now."""
        self._note(replace(stored, stored_at=datetime.now(UTC), details=details), shares=True)

    def replace_object(self, places: Sequence[StoredFile], file: FrameFile) -> FrameFile:
        """Store a file in place of the object that some places share, and delete that object for good.

        Each place keeps all else that the index says of it, such as when it was stored.

        Raises:
            ConfigurationError: the storage cannot be written.
            TransientError: the storage or the database does not answer.
        """
        new = self.begin(places[0].place)
        copy_file(file.path, new.path)
        rows = count_height(file.scan())
        self.objects.upload(new.key)
        unused: list[str] = []
        for each in places:
            unused += self.index.put(replace(each, key=new.key, rows=rows), shares=True)
        self._delete_objects(unused)
        return FrameFile(new.path)

    def fetch(self, name: str) -> FrameFile | None:
        """Return the current version of a file, to be read on this machine; None when there is none.

        Raises:
            IntegrationCenterError: the storage or the database refuses, or does not answer.
        """
        stored = self.index.find(name)
        return self.open(stored) if stored else None

    def open(self, stored: StoredFile) -> FrameFile | None:
        """Return a stored file, to be read on this machine; None when its object is gone.

        Raises:
            IntegrationCenterError: the storage refuses, or does not answer.
        """
        if self.objects.download(stored.key):
            return FrameFile(self.objects.root / stored.key)
        logger.warning("%s is in the index, but its file is gone", self.objects.locate(stored.key))
        return None

    def delete(self, names: Collection[str]) -> None:
        """Delete files for good.

        Raises:
            ConfigurationError: the storage cannot be written. What is left is deleted with the next old files.
            TransientError: the storage or the database does not answer.
        """
        self._delete_objects(self.index.remove(names))

    def delete_old(self, limit: datetime) -> int:
        """Delete the files that were stored before `limit`, and count them."""
        names = self.index.find_older(limit)
        self.delete(names)
        self.delete_replaced(datetime.now(UTC) - READERS_DONE)
        return len(names)

    def delete_replaced(self, limit: datetime | None = None, prefix: str = "") -> None:
        """Delete unused objects; see `FileIndex.find_unused`."""
        self._delete_objects(self.index.find_unused(limit, prefix))

    def probe(self) -> bool:
        """Store a small object, read it and delete it; whether it was read as it was stored.

        Raises:
            ConfigurationError: the storage cannot be written or read.
            TransientError: the storage does not answer.
        """
        key, text = f"probe/{uuid4().hex}.txt", uuid4().hex
        path = self.objects.root / key
        try:
            write_text(text, path)
            self.objects.upload(key)
            if self.objects.keeps_copies:
                path.unlink()
            with writing(path):
                return self.objects.download(key) and path.read_text(encoding="utf-8") == text
        finally:
            self.objects.delete([key])

    def locate(self, name: str) -> str | None:
        """Return the address of a file, for people; None when nothing is stored there."""
        stored = self.index.find(name)
        return self.objects.locate(stored.key) if stored else None

    def _note(self, file: StoredFile, *, shares: bool = False) -> Sequence[str]:
        unused = self.index.put(file, shares=shares)
        if unused and not self._tidied:
            self._tidied = True
            self._tidy()
        return unused

    def _tidy(self) -> None:
        try:
            self.delete_replaced(datetime.now(UTC) - READERS_DONE)
        except IntegrationCenterError as error:
            logger.warning("files of earlier versions are not deleted now: %s", error)

    def _find_key(self, path: Path) -> str | None:
        """Return the key of a file of this machine that is an object already."""
        if not path.is_relative_to(self.objects.root):
            return None
        key = path.relative_to(self.objects.root).as_posix()
        return key if self.index.is_used(key) else None

    def _delete_objects(self, keys: Collection[str]) -> None:
        if keys:
            self.objects.delete(keys)
            self.index.forget(keys)


def name_version(place: Place) -> str:
    """Build the key of a new version: the name of the place, with the run and a random part in it."""
    folder, _, last = place.name.rpartition("/")
    stem, _, rest = last.partition(".")
    run = f"{place.run_id}-" if place.run_id and place.run_id not in folder else ""
    return f"{folder}/{stem}.{run}{uuid4().hex[:12]}.{rest}"


def build_frame_store(settings: Paths, index: FileIndex) -> FrameStore:
    """Build the store of the installation that the settings name, without using the network yet.

    Raises:
        ConfigurationError: the address of the storage is wrong.
    """
    if settings.bucket is None:
        return FrameStore(index, FolderObjects(settings.storage))
    from integration_center.insights.drop_folders.cloud_settings import read_cloud_settings
    from integration_center.insights.drop_folders.object_stores import KEEPING, open_prefix
    from integration_center.store.bucket_objects import BucketObjects

    prefix = open_prefix(settings.bucket, read_cloud_settings(), KEEPING)
    return FrameStore(index, BucketObjects(prefix, settings.scratch / COPIES))
