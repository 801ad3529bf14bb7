"""Keep objects: immutable files, each under a key of its own, in a folder or in object storage.

Readers and writers work on files of this machine. In a folder these are the objects themselves. In object storage they
are copies in a scratch folder, which may be deleted at any moment: a copy that is gone is fetched again.
"""

import logging
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from integration_center.errors import ConfigurationError
from integration_center.store.frames import writing, writing_file

if TYPE_CHECKING:
    from integration_center.insights.object_stores import Prefix

logger = logging.getLogger(__name__)

COPY_KEPT_SECONDS = 2 * 24 * 3600
"""How long a copy that nobody uses stays on this machine. It holds personal data."""
CHUNK_BYTES = 8 * 1024 * 1024
NO_CONTAINER = ("NoSuchBucket", "ContainerNotFound")
"""The codes with which a service says that the whole bucket or container is not there."""


class Objects(Protocol):
    """Where objects are kept.

    Attributes:
        root: the folder with the files of this machine; the file of an object has its key as its path.
    """

    root: Path

    def upload(self, key: str) -> None:
        """Keep the file of a new object."""

    def bring(self, file: Path, key: str) -> None:
        """Keep another file of this machine as an object."""

    def has(self, key: str) -> bool:
        """Return whether an object is there."""

    def download(self, key: str) -> bool:
        """Bring an object to its file. False when the object is gone."""

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects, as far as they are there."""

    def locate(self, key: str) -> str:
        """Return the address of an object, for people."""


class FolderObjects:
    """Objects as files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def upload(self, key: str) -> None:
        """Do nothing: the file is the object."""

    def bring(self, file: Path, key: str) -> None:
        """See `Objects.bring`."""
        copy_file(file, self.root / key)

    def has(self, key: str) -> bool:
        """See `Objects.has`."""
        return (self.root / key).exists()

    def download(self, key: str) -> bool:
        """See `Objects.download`: the object is its file."""
        return self.has(key)

    def delete(self, keys: Collection[str]) -> None:
        """See `Objects.delete`. A folder that becomes empty goes, too.

        Raises:
            ConfigurationError: a file cannot be deleted.
        """
        for key in keys:
            delete_file(self.root / key)

    def locate(self, key: str) -> str:
        """See `Objects.locate`."""
        return str(self.root / key)


class BucketObjects:
    """Objects under a prefix of a bucket or container, with copies in a scratch folder.

    Args:
        prefix: the prefix.
        root: the scratch folder.
    """

    def __init__(self, prefix: "Prefix", root: Path) -> None:
        self.root = root
        self._store, self._service, self._place = prefix.store, prefix.service, prefix.place
        self._swept = False

    def upload(self, key: str) -> None:
        """See `Objects.upload`. A large file is sent in parts.

        Raises:
            IntegrationCenterError: the service refuses the object, or does not answer.
        """
        self.bring(self.root / key, key)

    def bring(self, file: Path, key: str) -> None:
        """See `Objects.bring` and `upload`."""
        import obstore

        from integration_center.insights.object_requests import ask

        ask(lambda: obstore.put(self._store, key, file), self.locate(key), self._service)

    def has(self, key: str) -> bool:
        """See `Objects.has`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer.
        """
        import obstore

        from integration_center.insights.object_requests import ask

        def look() -> bool:
            try:
                obstore.head(self._store, key)
            except FileNotFoundError:
                return False
            return True

        return ask(look, self.locate(key), self._service)

    def download(self, key: str) -> bool:
        """See `Objects.download`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer. So it is not known whether the object is
                there.
        """
        from integration_center.insights.object_requests import ask

        path = self.root / key
        try:
            os.utime(path)  # a copy in use is not swept
            return True
        except FileNotFoundError:
            self._sweep()
        return ask(lambda: self._download(key, path), self.locate(key), self._service)

    def delete(self, keys: Collection[str]) -> None:
        """See `Objects.delete`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer.
        """
        import obstore

        from integration_center.insights.object_requests import ask

        for key in keys:
            delete_file(self.root / key)
        if keys:
            ask(lambda: obstore.delete(self._store, [*keys]), self._place, self._service)

    def locate(self, key: str) -> str:
        """See `Objects.locate`."""
        return f"{self._place}/{key}"

    def _download(self, key: str, path: Path) -> bool:
        import obstore

        from integration_center.insights.object_errors import build_error

        try:
            result = obstore.get(self._store, key)
        except FileNotFoundError as error:
            if any(code in str(error) for code in NO_CONTAINER):  # then nothing is known of the object
                raise build_error(error, self._place, self._service) from None
            return False
        with writing_file(path) as file:
            for chunk in result.stream(CHUNK_BYTES):
                file.write(chunk)
        return True

    def _sweep(self) -> None:
        """Delete the copies that nobody used lately, once in the life of this instance."""
        if self._swept:
            return
        self._swept = True
        limit = time.time() - COPY_KEPT_SECONDS
        for path in self.root.rglob("*"):
            try:
                if path.is_file() and path.stat().st_mtime < limit:
                    path.unlink()
            except OSError as error:  # another process has deleted it
                logger.debug("the copy %s cannot be deleted (%s)", path, error.strerror)


def delete_file(path: Path) -> None:
    """Delete a file, if it is there, and its folder if that becomes empty.

    Raises:
        ConfigurationError: the file cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be deleted ({error.strerror}); it holds records of the org, so delete it yourself"
        ) from None
    try:
        path.parent.rmdir()
    except OSError:  # it holds other files, or is gone
        return


def copy_file(source: Path, path: Path) -> None:
    """Make `source` available under a second path. Files of this kind never change, so a link will do.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.link(source, path)
        except OSError:  # another disk, or a disk without links
            with source.open("rb") as content, writing_file(path) as file:
                shutil.copyfileobj(content, file)
