"""Read files that others provide, without waiting and up to a size limit."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

SMALL = 1_000_000
"""The largest size of a settings file, in bytes."""
PIECE = 1_000_000
"""The bytes that are read at a time."""


def read_regular(path: Path, *, most: int = SMALL) -> bytes:
    """Read a whole file, unless it is a pipe, a device or a folder, or too large.

    Args:
        path: the path of the file. Links are followed.
        most: the largest size, in bytes.

    Raises:
        OSError: the file cannot be read; `strerror` says why in words.
    """
    return b"".join(read_pieces(path, most=most))


def read_pieces(path: Path, *, most: int) -> Iterator[bytes]:
    """Read a file piece by piece; see `read_regular`."""
    with open_regular(path, most=most) as file:
        read = 0
        while piece := file.read(PIECE):
            read += len(piece)
            if read > most:  # the file may grow, and files in /proc report no size
                raise _build_too_large(path, most)
            yield piece


def open_regular(path: Path, *, most: int) -> IO[bytes]:
    """Open a file to be read; see `read_regular`."""
    # O_NONBLOCK, because opening a pipe would otherwise wait until somebody writes to it.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return file
    file.close()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    raise _build_too_large(path, most)


def _build_too_large(path: Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {show_size(most)}", str(path))


def show_size(count: int) -> str:
    """Write a number of bytes for people: `1 MB`, `4,096 MB`, `16 kB`, `189 bytes`."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000_000:,.0f} MB" if count >= 1_000_000 else f"{count / 1_000:,.0f} kB"
