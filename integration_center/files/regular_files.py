"""Files that somebody else puts somewhere, read without waiting and without end."""

import errno
import os
import stat
from pathlib import Path

SMALL = 1_000_000
"""Bytes that a file of settings may have."""


def read_regular(path: Path, *, most: int = SMALL) -> bytes:
    """Read a whole file, unless it is a pipe, a device or a folder, or too large.

    Args:
        path: a link is followed.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read; `strerror` says why in words.
    """
    # Without waiting: opening a pipe would last until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        too_large = OSError(errno.EFBIG, f"it has more than {show_size(most)}", str(path))
        if found.st_size > most:
            raise too_large
        data = file.read(most + 1)  # it may grow meanwhile, and files of /proc have no size
        if len(data) > most:
            raise too_large
    return data


def show_size(count: int) -> str:
    """A number of bytes for people: `1 MB`, `4,096 MB`, `16 kB`."""
    return f"{count / 1_000_000:,.0f} MB" if count >= 1_000_000 else f"{count / 1_000:,.0f} kB"
