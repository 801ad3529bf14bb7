"""Bytes that stay in a file: large ones are read piece by piece, and are never in memory as a whole."""

import io
import itertools
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from integration_center.errors import ConfigurationError
from integration_center.files.system_errors import explain

SMALL_ENOUGH = 32_000_000
"""Up to so many bytes are kept in memory."""
WINDOW = 1_000_000
"""The bytes that are searched at a time."""


class FileBytes:
    """Bytes of a temporary file, with the methods of `bytes` that need no copy of all of them.

    The file is gone when nothing refers to its bytes any more.

    Args:
        descriptor: what keeps the file open.
        begin: where the bytes begin in it.
        end: where they end.
    """

    def __init__(self, descriptor: "Descriptor", begin: int, end: int) -> None:
        self._descriptor = descriptor
        self._begin, self._end = begin, end

    def __len__(self) -> int:
        return self._end - self._begin

    def __bytes__(self) -> bytes:
        return self[:]

    def __getitem__(self, places: slice) -> bytes:
        begin, end, _ = places.indices(len(self))
        return self._descriptor.read(self._begin + begin, max(end - begin, 0))

    def part(self, begin: int, end: int) -> "FileBytes":
        """Return the bytes between two places, without a copy."""
        return FileBytes(self._descriptor, self._begin + begin, self._begin + max(end, begin))

    def startswith(self, text: bytes) -> bool:
        """See `bytes.startswith`."""
        return self[: len(text)] == text

    def endswith(self, text: bytes) -> bool:
        """See `bytes.endswith`."""
        return len(text) <= len(self) and self[len(self) - len(text) :] == text

    def find(self, text: bytes, begin: int = 0) -> int:
        """See `bytes.find`."""
        for place in range(begin, len(self), WINDOW):
            # A find may begin at the end of a window.
            found = self[place : place + WINDOW + len(text) - 1].find(text)
            if found >= 0:
                return place + found
        return -1

    def rfind(self, text: bytes, begin: int, end: int) -> int:
        """See `bytes.rfind`."""
        last = min(end, len(self))
        while last - begin >= len(text):
            first = max(begin, last - WINDOW - len(text) + 1)
            found = self[first:last].rfind(text)
            if found >= 0:
                return first + found
            if first == begin:
                break
            last = first + len(text) - 1
        return -1

    def count(self, text: bytes, begin: int = 0, end: int | None = None) -> int:
        """See `bytes.count`; `text` must not overlap itself."""
        last, total = len(self) if end is None else min(end, len(self)), 0
        for place in range(begin, last, WINDOW):
            total += self[place : min(place + WINDOW + len(text) - 1, last)].count(text)
        return total

    def open(self) -> IO[bytes]:
        """Open the bytes as a file."""
        return io.BufferedReader(_Reader(self))


Data = bytes | FileBytes
"""The bytes of a file, in memory or in a temporary file."""


class Descriptor:
    """A descriptor of an open file, which is closed when nothing refers to it.

    Args:
        file: the file; it may be closed afterwards.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._number = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._number)

    def stamp(self) -> tuple[int, int, int]:
        """Return the size of the file, and the times in nanoseconds at which its content and itself were changed."""
        found = os.fstat(self._number)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def read(self, begin: int, count: int) -> bytes:
        """Read bytes from a place on."""
        parts = []
        while count > 0 and (part := os.pread(self._number, count, begin)):
            parts.append(part)
            begin, count = begin + len(part), count - len(part)
        return b"".join(parts) if len(parts) != 1 else parts[0]


class _Reader(io.RawIOBase):
    def __init__(self, data: FileBytes) -> None:
        self._data, self._place = data, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: len(self._data)}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = self._data[self._place : self._place + len(buffer)]
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)


def keep_file(file: IO[bytes]) -> Data:
    """Keep the bytes of a complete temporary file: small ones in memory, others in the file, which may be closed."""
    file.flush()
    size = os.fstat(file.fileno()).st_size
    kept = FileBytes(Descriptor(file), 0, size)
    return kept if size > SMALL_ENOUGH else bytes(kept)


def keep_parts(parts: Iterable[bytes], source: str) -> Data:
    """Keep successive parts as one: small ones in memory, others in a temporary file.

    Args:
        parts: the bytes.
        source: the name of the file in errors.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    held: list[bytes] = []
    size, following = 0, iter(parts)
    for part in following:
        held.append(part)
        size += len(part)
        if size > SMALL_ENOUGH:
            break
    else:
        return b"".join(held)
    with keeping(source):
        file = tempfile.TemporaryFile()  # noqa: SIM115 - only what is done with it may wait for others
    with file:
        for part in itertools.chain(held, following):
            with keeping(source):
                file.write(part)
        with keeping(source):
            return keep_file(file)


@contextmanager
def keeping(source: str) -> Iterator[None]:
    """Translate an error of a temporary file, which holds the bytes of `source`, into an error of ours.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{source} could not be kept for reading in {tempfile.gettempdir()}: {explain(error.errno)}"
        ) from None


def cut(data: Data, begin: int, end: int | None = None) -> Data:
    """Return the bytes between two places, without a copy where they are in a file."""
    last = len(data) if end is None else end
    return data.part(begin, last) if isinstance(data, FileBytes) else data[begin:last]


def open_data(data: Data) -> IO[bytes]:
    """Open bytes as a file."""
    return data.open() if isinstance(data, FileBytes) else io.BytesIO(data)
