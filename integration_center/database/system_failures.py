"""Says what to do about failures of the operating system and of SQLite files that explain themselves."""

import errno
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from integration_center.database.engine import is_full

LOCKED = "another process locks a database of Dagster's; try again in a while"
DAMAGED = "a database of Dagster's is damaged; bring back a copy from a backup"
FULL = "the disk is full; free some space"
SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; name another place",
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
SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: "a database of Dagster's cannot be written; change the rights of the files",
    sqlite3.SQLITE_CANTOPEN: "a database of Dagster's cannot be opened; change the rights of the files",
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
"""By SQLite's primary codes. Failures of our own database are translated where they happen; these are Dagster's."""
NO_MEMORY = "there is not enough memory for this; make the files smaller, or give the machine more memory"


def advise(error: BaseException, home: Path | None) -> str | None:
    """Say what happened and what to do, without a place; None for a failure that only its details explain.

    Args:
        error: what was raised.
        home: the folder of Dagster's databases, if it is known. SQLite has other words for a lack of room, too.
    """
    match error:
        case OSError(errno=int(number)):
            return SYSTEM.get(number)
        case MemoryError():
            return NO_MEMORY
        case DBAPIError(orig=sqlite3.Error() as cause):
            full = home is not None and is_full(home)
            return FULL if full else SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return None
