"""Says what a failure of the operating system is, and what to do about it."""

import contextlib
import errno
import os
from pathlib import Path

FULL = "the disk is full; free some space"
READ_ONLY = "the file system is read-only; make it writable, or name another place"
CURES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: READ_ONLY,
    errno.EACCES: "this user may not do that; change the rights of the file or folder",
    errno.EPERM: "this user may not do that; change the rights of the file or folder",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.EISDIR: "it is a folder, and a file is needed",
    errno.ELOOP: "a link leads to itself",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many files are open; raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "there is not enough memory",
}
"""By the numbers of the operating system."""


def explain(number: int | None) -> str:
    """Say what an error of the operating system is, by its number, and what to do."""
    if number is None:
        return "the operating system refused it"
    return CURES.get(number) or f"{os.strerror(number)}; look at the disk and the rights of the folder"


def is_read_only(place: Path) -> bool:
    """Return whether the file system of a file or folder takes no writes; False where that is not known."""
    while not place.exists() and place != place.parent:
        place = place.parent
    with contextlib.suppress(OSError):
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    return False
