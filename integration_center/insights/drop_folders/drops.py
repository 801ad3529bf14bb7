"""Read report drops: one folder per report, in a folder of this machine or in object storage."""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

from integration_center.errors import ConfigurationError, UnreadableReport
from integration_center.files.file_bytes import SMALL_ENOUGH, Data, Descriptor, FileBytes, keep_parts
from integration_center.files.regular_files import PIECE, open_regular, read_pieces

LARGEST = 4_096_000_000
"""The largest size of a drop in bytes, packed or not, unless the settings have another."""

RESTING_SECONDS = 2
"""A file that nobody has changed for so long shows each later change by its times. Some disks keep them in steps of two
seconds.
"""


class DropChanged(Exception):
    """A file has changed since the listing. The caller has to list again."""


@dataclass(frozen=True)
class Drop:
    """One file in the folder of a report, as a listing shows it.

    Attributes:
        modified: when the file was last written, UTC.
        version: a text that changes with the content, if the listing has one; empty if only the content shows it.
    """

    folder: str
    name: str
    modified: datetime
    version: str = ""


@dataclass(frozen=True)
class Content:
    """The whole content of one file, with the version of exactly these bytes.

    Attributes:
        data: the bytes, in memory, in a temporary file, or in the file itself.
        find_version: finds the version, see `Drops.identify`; for a large file it may take a while.
        check: raises `DropChanged` if somebody has written to the file since, so that the bytes may be others.
    """

    data: Data
    find_version: Callable[[], str]
    check: Callable[[], None] = lambda: None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Check, when the block ends or fails, that the bytes that it read are those of the version.

        Raises:
            DropChanged: they may be others, which may also be why the block failed.
        """
        try:
            yield
        except Exception:
            self.check()
            raise
        self.check()


class Drops(Protocol):
    """A root with folders of files, which is only read.

    Names of folders and files come from a listing; they are never built from a caller's text.
    """

    def locate(self, folder: str, name: str = "") -> str:
        """Return the location of a folder, or of a file in it, for error messages, without secrets."""
        ...

    def folders(self) -> list[str]:
        """List the names of the folders directly under the root, sorted.

        Raises:
            ConfigurationError: the root cannot be read.
        """
        ...

    def files(self, folder: str) -> list[Drop]:
        """List the files directly in `folder`, or in the root if it is empty, by name; none without such a folder.

        Raises:
            UnreadableReport: the folder cannot be read, or a link leads out of the root.
        """
        ...

    def identify(self, drop: Drop) -> str:
        """Return the version of the file's present content, as cheaply as possible. `read` returns the same version.

        Raises:
            UnreadableReport: the file cannot be read.
        """
        ...

    def holds(self, drop: Drop, version: str) -> bool:
        """Return whether the file has the content of another file, which had this version.

        False where only a download would show it.

        Raises:
            UnreadableReport: the file cannot be read.
        """
        ...

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """Read the bytes of the file. A file with more than `most` bytes, or more than a drop may have, is refused.

        Raises:
            DropChanged: the file is gone, or is not the listed one.
            UnreadableReport: the file cannot be read.
        """
        ...


class ListedVersions:
    """The versions of drops whose listing says them. A version belongs to one file."""

    def identify(self, drop: Drop) -> str:
        """See `Drops.identify`: the version comes from the listing."""
        return drop.version

    def holds(self, drop: Drop, version: str) -> bool:
        """See `Drops.holds`: only a download would show it."""
        return False


class LocalDrops:
    """`Drops` in a folder of this machine. Links that lead out of the root are refused.

    Args:
        root: the folder that holds one folder per report.
        largest: the largest size of a file, in bytes.
    """

    def __init__(self, root: Path, *, largest: int = LARGEST) -> None:
        self._root = root
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
                "the folder of report drops cannot be read",
                setting=f"{self._root} ({type(error).__name__}): create it, or name another folder in the settings",
            ) from None

    def files(self, folder: str) -> list[Drop]:
        """See `Drops.files`."""
        path = self._root / folder
        if not path.is_dir():
            return []
        self._check_inside(path)
        try:
            with os.scandir(path) as entries:
                found = sorted((entry.name, _modified(entry)) for entry in entries if not _is_folder(entry))
        except OSError as error:
            raise UnreadableReport(f"{path} cannot be read ({type(error).__name__}); check its permissions") from None
        return [Drop(folder, name, modified) for name, modified in found]

    def identify(self, drop: Drop) -> str:
        """See `Drops.identify`: it is a hash of the content, because copying a file again changes only its times."""
        digest, size = hashlib.sha256(), 0
        for piece in self._read_pieces(drop, self._largest):
            digest.update(piece)
            size += len(piece)
        return f"{size}:{digest.hexdigest()}"

    def holds(self, drop: Drop, version: str) -> bool:
        """See `Drops.holds`. The content is only read if the file has the size."""
        path = self._root / drop.folder / drop.name
        try:
            if not version.startswith(f"{path.stat().st_size}:"):
                return False
        except OSError:  # the reading says what is wrong
            return False
        return self.identify(drop) == version

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """See `Drops.read`. A large file that was just written is copied. Another one is read where it is."""
        digest, limit = hashlib.sha256(), self._largest if most is None else most
        if (content := self._read_in_place(drop, limit)) is not None:
            return content

        def read() -> Iterator[bytes]:
            for piece in self._read_pieces(drop, limit):
                digest.update(piece)
                yield piece

        data = keep_parts(read(), self.locate(drop.folder, drop.name))
        return Content(data, lambda: f"{len(data)}:{digest.hexdigest()}")

    def _read_in_place(self, drop: Drop, most: int) -> Content | None:
        """Read a large file to which nobody has written for a while; None for any other file."""
        with self._reading(drop) as path, open_regular(path, most=most) as file:
            kept = _Place(file, path)
            size, *changed = before = kept.stamp()
            if size <= SMALL_ENOUGH or time.time_ns() - max(changed) < RESTING_SECONDS * 1_000_000_000:
                return None
            data = FileBytes(kept, 0, size)

        def find_version() -> str:
            digest = hashlib.sha256()
            for begin in range(0, size, PIECE):
                digest.update(data[begin : begin + PIECE])
            return f"{size}:{digest.hexdigest()}"

        def check() -> None:
            if kept.stamp() != before:
                raise DropChanged(str(path))

        return Content(data, find_version, check)

    def _read_pieces(self, drop: Drop, most: int) -> Iterator[bytes]:
        with self._reading(drop) as path:
            yield from read_pieces(path, most=most)

    @contextmanager
    def _reading(self, drop: Drop) -> Iterator[Path]:
        """Check a file before and after its bytes are read.

        Raises:
            DropChanged: it is gone, or somebody has written to it meanwhile.
            UnreadableReport: it cannot be read.
        """
        path = self._root / drop.folder / drop.name
        self._check_inside(path)
        try:
            before = _stamp(path)
            yield path
            # A file that is still being written may end at the end of a row, and nothing in it shows that.
            changed = _stamp(path) != before
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not os.path.lexists(path):
                raise DropChanged(str(path)) from None
            if error.errno == errno.ELOOP:
                raise UnreadableReport(f"{path} is a link that leads to itself; put the file itself there") from None
            raise _build_unreadable(path, error) from None
        if changed:
            raise DropChanged(str(path))

    def _check_inside(self, path: Path) -> None:
        # Path.resolve fails in a loop of links up to Python 3.12.
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root)):
            raise UnreadableReport(f"{path} leads out of {self._root}; put the files themselves there")


class _Place(Descriptor):
    """A descriptor of a drop that is read where it is.

    Args:
        file: the file.
        path: its path, for error messages.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file)
        self._path = path

    def read(self, begin: int, count: int) -> bytes:
        """See `Descriptor.read`.

        Raises:
            UnreadableReport: the disk, or the server that has the file, does not let it be read any more.
        """
        with _refusing(self._path):
            return super().read(begin, count)

    def stamp(self) -> tuple[int, int, int]:
        """See `Descriptor.stamp`, and `read`."""
        with _refusing(self._path):
            return super().stamp()


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _build_unreadable(path, error) from None


def _build_unreadable(path: Path, error: OSError) -> UnreadableReport:
    return UnreadableReport(
        f"{path} cannot be read ({error.strerror}); check that it is a file, its size and its permissions"
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what changes with each writing of a file, and when another one takes its place."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # Only of a link the system has to be asked again; one that leads in a circle is none.
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()


def _modified(entry: os.DirEntry[str]) -> datetime:
    # The time of the link itself. Its target is checked when the file is read.
    return datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
