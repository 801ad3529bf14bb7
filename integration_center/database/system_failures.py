"""Says what to do about failures of the operating system and of SQLite files that explain themselves."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from integration_center.database.engine import is_full
from integration_center.files.system_errors import CURES, FULL, READ_ONLY, is_read_only

LOCKED = "another process locks a database of Dagster's; try again in a while"
DAMAGED = "a database of Dagster's is damaged; bring back a copy from a backup"
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
        home: the folder of Dagster's databases, if it is known. SQLite has other words for a lack of room, and for a
            file system that is read-only.
    """
    match error:
        case OSError(errno=int(number)):
            return CURES.get(number)
        case MemoryError():
            return NO_MEMORY
        case DBAPIError(orig=sqlite3.Error() as cause):
            if home is not None and is_full(home):
                return FULL
            if home is not None and is_read_only(home):
                return READ_ONLY
            return SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return None
