"""Keep objects: immutable files, each under a key of its own, in a folder or in object storage.

Readers and writers work on files of this machine. In a folder these are the objects themselves. In object storage they
are copies in a scratch folder, which may be deleted at any moment: a copy that is gone is fetched again.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from integration_center.errors import ConfigurationError
from integration_center.store.frames import writing, writing_file


class Objects(Protocol):
    """Where objects are kept.

    Attributes:
        root: the folder with the files of this machine; the file of an object has its key as its path.
        keeps_copies: whether these files are copies.
    """

    root: Path
    keeps_copies: bool

    def upload(self, key: str) -> None:
        """Keep the file of a new object."""

    def bring(self, file: Path, key: str) -> None:
        """Keep another file of this machine as an object."""

    def has(self, key: str) -> bool:
        """Return whether an object is there."""

    def download(self, key: str) -> bool:
        """Bring an object to its file. False when the object is gone."""

    def answers(self) -> bool:
        """Return at once whether objects can be kept, as far as that shows without keeping one."""

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects, as far as they are there."""

    def locate(self, key: str) -> str:
        """Return the address of an object, for people."""


class FolderObjects:
    """Objects as files in a folder."""

    keeps_copies = False

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

    def answers(self) -> bool:
        """See `Objects.answers`."""
        there = next(place for place in (self.root, *self.root.parents) if place.exists())
        return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

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
