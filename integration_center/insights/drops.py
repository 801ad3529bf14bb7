"""Where report drops lie: one folder a report, in a folder of this machine or in object storage."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from integration_center.errors import ConfigurationError, UnreadableReport
from integration_center.files.regular_files import read_regular

LARGEST = 4_096_000_000
"""Bytes that a drop may have, packed or not, unless the settings say otherwise."""


class DropChanged(Exception):
    """A file is no longer what the listing showed: list again."""


@dataclass(frozen=True)
class Drop:
    """One file in the folder of a report, as a listing shows it.

    Attributes:
        modified: when it was last written, UTC.
        version: changes when the content does, where the listing tells; empty where only the content can.
    """

    folder: str
    name: str
    modified: datetime
    version: str = ""


@dataclass(frozen=True)
class Content:
    """One file read whole, with the version of exactly these bytes."""

    data: bytes
    version: str


class Drops(Protocol):
    """A root with folders of files; it is only read.

    Names of folders and files are those that a listing gave, never joined from what a caller says.
    """

    def locate(self, folder: str, name: str = "") -> str:
        """Where a folder or a file in it is, as errors name it; without secrets."""
        ...

    def folders(self) -> list[str]:
        """The names of the folders right under the root, in order.

        Raises:
            ConfigurationError: the root cannot be read.
        """
        ...

    def files(self, folder: str) -> list[Drop]:
        """The files right in `folder`, by name; none where there is no such folder.

        Raises:
            UnreadableReport: the folder cannot be read, or lies elsewhere.
        """
        ...

    def identify(self, drop: Drop) -> str:
        """The version of the file's content now, as cheaply as can be; `read` gives the same one with the bytes.

        Raises:
            UnreadableReport: the file cannot be read.
        """
        ...

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """The file's bytes; a file with more than `most` is refused, or with more than a drop may have.

        Raises:
            DropChanged: it is gone, or not the one that was listed.
            UnreadableReport: the file cannot be read.
        """
        ...


class LocalDrops:
    """`Drops` in a folder of this machine. What a link leads out of the root is refused.

    Args:
        root: the folder that holds one folder a report.
        largest: bytes that a file may have.
    """

    def __init__(self, root: Path, *, largest: int = LARGEST) -> None:
        self._root = root.expanduser()
        self._largest = largest

    def __repr__(self) -> str:
        return f"LocalDrops({str(self._root)!r})"

    def locate(self, folder: str, name: str = "") -> str:
        """See `Drops.locate`."""
        return str(self._root / folder / name)

    def folders(self) -> list[str]:
        """See `Drops.folders`."""
        try:
            return sorted(path.name for path in self._root.iterdir() if path.is_dir())
        except OSError as error:
            raise ConfigurationError(
                f"the folder of report drops {self._root} cannot be read ({type(error).__name__});"
                " make it, or name another one in the settings"
            ) from None

    def files(self, folder: str) -> list[Drop]:
        """See `Drops.files`."""
        path = self._root / folder
        if not path.is_dir():
            return []
        self._check_inside(path)
        try:
            names = sorted(entry.name for entry in path.iterdir() if not entry.is_dir())
            return [Drop(folder, name, _modified(path / name)) for name in names]
        except OSError as error:
            raise UnreadableReport(f"{path} cannot be read ({type(error).__name__}); check its permissions") from None

    def identify(self, drop: Drop) -> str:
        """See `Drops.identify`: a hash of the content, since copying a file anew changes nothing but its times."""
        return self.read(drop).version

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """See `Drops.read`."""
        path = self._root / drop.folder / drop.name
        self._check_inside(path)
        try:
            data = read_regular(path, most=self._largest if most is None else most)
        except OSError as error:
            raise UnreadableReport(
                f"{path} cannot be read ({error.strerror}); check that it is a file, its size and its permissions"
            ) from None
        return Content(data, f"{len(data)}:{hashlib.sha256(data).hexdigest()}")

    def _check_inside(self, path: Path) -> None:
        try:
            inside = path.resolve().is_relative_to(self._root.resolve())
        except (OSError, RuntimeError):  # RuntimeError up to Python 3.12
            raise UnreadableReport(f"{path} is a link that leads to itself; put the file itself there") from None
        if not inside:
            raise UnreadableReport(f"{path} leads out of {self._root}; put the files themselves there")


def _modified(path: Path) -> datetime:
    # Of the link itself: where it leads is judged when the file is read.
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
