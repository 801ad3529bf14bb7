"""Our own tables (accounts, syncs, leases, audit): SQLite by default, PostgreSQL by URL, with the same statements.

All access goes through `reading` and `writing`: the one place where a transaction begins and where a driver's
error becomes one of ours.
"""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted

from integration_center.database.revision import REVISION, read_revision, require_current
from integration_center.database.server import choose_driver, open_pool
from integration_center.database.sqlite_engine import (
    BUSY_TIMEOUT_MS,
    is_busy,
    keep_connections,
    open_engine,
    switch_to_wal,
)
from integration_center.errors import ConfigurationError, IntegrationCenterError, ServiceUnavailable, TransientError
from integration_center.files.system_errors import READ_ONLY, explain, is_read_only

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

SMALLEST_SPACE = 128 * 1024
"""Bytes without which SQLite cannot even read: its shared memory and its log take so much."""
CREATION_LOCK = (
    0x1C_DB  # any number, the same in all our processes: PostgreSQL's advisory lock for creating and upgrading tables
)


def build_engine(url: str) -> Engine:
    """Open the database at `url`. A new one gets our tables; an older one is left as it is.

    A SQLite file is created with mode 0600 (its folder too, if need be) and set to WAL, so that the console reads
    while a run writes. Several processes may do this at once. To open a database that has its tables takes no lock
    and changes nothing.

    Raises:
        ConfigurationError: the URL or its driver is wrong, or the place cannot be written.
        DatabaseOutdated: its tables must be upgraded first, with `upgrade_database`.
        DatabaseTooNew: a newer version of this program has upgraded its tables.
        TransientError: the database is locked or does not answer.
    """
    engine = _build(url)
    with reading(engine) as connection:
        revision = read_revision(connection)
    if revision is None:
        revision = _upgrade(engine, only_new=True)
    require_current(revision, engine)
    return engine


def upgrade_database(url: str) -> int | None:
    """Bring the tables of the database at `url` to the newest revision: all of them or none. A new one gets our tables.

    Returns:
        The revision that it had before; None when it was new.

    Raises:
        ConfigurationError: the URL or its driver is wrong, the place cannot be written, or a table is not ours.
        DatabaseTooNew: a newer version of this program has upgraded its tables.
        TransientError: the database is locked or does not answer.
    """
    engine = _build(url)
    with reading(engine) as connection:
        revision = read_revision(connection)
    if revision != REVISION:
        require_current(_upgrade(engine, only_new=False), engine)
    return revision


def _build(url: str) -> Engine:
    try:
        parsed = choose_driver(make_url(url))
        return _build_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else open_pool(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, so neither it nor the driver's text is repeated.
        raise ConfigurationError(
            "the address of the database cannot be used",
            setting=f"INTEGRATION_CENTER_DATABASE_URL ({type(error).__name__}): expected sqlite:///FILE or"
            " postgresql://USER:PASSWORD@HOST/NAME with the extra `postgres` installed",
        ) from None


def _upgrade(engine: Engine, *, only_new: bool) -> int:
    """Apply the revisions that a database lacks, one process at a time; `only_new`: unless it has tables meanwhile.

    Returns:
        The revision of its tables then.
    """
    from integration_center.database.upgrading import run_revisions  # imported before the lock is taken

    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATION_LOCK})
        revision = read_revision(connection)
        if revision is None or (revision < REVISION and not only_new):
            run_revisions(connection)
            return REVISION
        return revision


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads.

    Raises:
        ConfigurationError: the disk is full, or the file may not be opened.
        TransientError: the database is locked or does not answer.
    """
    with _translating(engine), engine.connect().execution_options(our_reading=True) as connection:
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end of the block, rolled back when it raises.

    On SQLite it holds the write lock from its first statement on, so what it reads stays true until it commits.

    Raises:
        ConfigurationError: the disk is full, or the file may not be written.
        TransientError: the database is locked or does not answer.
    """
    with _translating(engine), engine.begin() as connection:
        yield connection


def has_other_hosts(engine: Engine) -> bool:
    """Return whether other hosts can use the database, too. A SQLite file belongs to one host."""
    return engine.dialect.name != "sqlite"


def read_clock(connection: Connection) -> datetime:
    """Read the time now. A SQLite file is used by one host, so the host's clock is the database's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)


def upsert(connection: Connection, table: Table, key: Sequence[str], values: Mapping[str, Any]) -> None:
    """Insert `values`, or update the row that has the same `key` columns."""
    statement = build_insert(connection.dialect.name, table).values(**values)
    changes = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes))


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert `values` unless there is a row with the same key; return whether the row is new."""
    statement = build_insert(connection.dialect.name, table).values(**values)
    return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1


def build_insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that knows `ON CONFLICT`, in the dialect of this name."""
    if dialect == "postgresql":
        # Imported here: it would add a twentieth to the start of every run, and most have SQLite.
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


@contextlib.contextmanager
def kept_open(engine: Engine) -> Iterator[None]:
    """Keep the file of a SQLite database open, for work with many transactions, which use the same connections.

    Else each transaction opens a connection, which takes longer than most statements, and is the last to close the
    file. SQLite then moves the write-ahead log into the file, and waits for the disk once more.

    Raises:
        ConfigurationError, TransientError: the database cannot be read.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    with contextlib.closing(sqlite3.connect(engine.url.database or "", timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        try:
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()  # opens the log, too
        except sqlite3.DatabaseError as error:
            raise _translate(error, engine.url) from error
        with keep_connections(engine):
            yield


def erase_deleted(engine: Engine) -> bool:
    """Remove deleted rows from SQLite's write-ahead log too, which keeps the pages as they were before.

    Returns:
        False when another process reads the database all the while; its log is then emptied later. Always True for
        PostgreSQL, whose files are its own matter.
    """
    if engine.dialect.name != "sqlite":
        return True
    try:
        with contextlib.closing(engine.raw_connection()) as connection:  # a checkpoint works outside of transactions
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            answer = cursor.fetchone()
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            return False
        raise _translate(error, engine.url) from error
    return answer is not None and answer[0] == 0  # else it was busy


def _build_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            "the address of the database names no file",
            setting="INTEGRATION_CENTER_DATABASE_URL must name a file: sqlite:////absolute/path.db",
        )
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path)
        path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(
            "the file of the database cannot be written",
            setting=f"{path}: {explain(error.errno)}. INTEGRATION_CENTER_DATABASE_URL can name another place",
        ) from error
    try:
        switch_to_wal(path)
    except sqlite3.DatabaseError as error:
        raise _translate(error, url) from error
    return open_engine(url)


def create_file(path: Path) -> None:
    """Create the file of a database with mode 0600, unless it is there.

    A file that is there is not opened: to close it would end the locks of all connections that this process has to it,
    and another process would delete SQLite's log while they still write to it (sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        OSError: it cannot be created, or not be written.
    """
    with _CREATING:  # until the file is closed, no thread of this process may have a connection to it
        try:
            os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if reason := find_obstacle(path):
                raise OSError(reason, os.strerror(reason)) from None


def find_obstacle(path: Path) -> int | None:
    """Return the number of the error with which the system refuses to write a file; None if it does not refuse."""
    if path.is_dir():
        return errno.EISDIR
    if os.access(path, os.R_OK | os.W_OK):
        return None
    return errno.EROFS if is_read_only(path) else errno.EACCES


_CREATING = threading.Lock()


@contextlib.contextmanager
def _translating(engine: Engine) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # a fact about our data, which the caller knows how to read
    except DatabaseError as error:
        if error.orig is None or isinstance(error, ProgrammingError):
            raise
        raise _translate(error.orig, engine.url) from error
    except PoolExhausted:
        raise ServiceUnavailable("the database is busy: no connection came free; try again") from None
    except InterfaceError as error:
        raise ServiceUnavailable("the database does not answer", setting=f"look at {_show(engine.url)}") from error


REASONS: Mapping[str, str] = {
    "too many clients": "it has no connection left",
    "too many connections": "it has no connection left",
    "remaining connection slots": "it has no connection left",
    "connection refused": "nothing listens there",
    "timeout expired": "nothing came in time",
    "could not translate host name": "its host is not known",
    "server closed the connection": "it ended the connection",
    "terminating connection": "it ended the connection",
    "starting up": "it is starting",
    "shutting down": "it is shutting down",
}
"""Why a server does not answer, by what PostgreSQL and its client say. Other words of theirs may quote values."""


def _translate(error: BaseException, url: URL) -> IntegrationCenterError:
    said, place = str(error).lower(), _show(url)
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if "locked" in said or "busy" in said or "deadlock" in said:
        return TransientError("the database is locked by another process; try again in a while")
    if "full" in said or "no space" in said or (file and is_full(file.parent)):  # SQLite calls it "disk I/O error"
        return ConfigurationError("the disk is full", setting=f"free some space for {place}, then run again")
    if "readonly" in said or "read-only" in said or "unable to open" in said or "permission denied" in said:
        cure = READ_ONLY if file and is_read_only(file) else f"change the file mode or place of {place}"
        return ConfigurationError("the database cannot be written", setting=cure)
    if "no such table" in said or "no such column" in said or "has no column" in said:
        return ConfigurationError(
            "the database lacks a table or column that it had when this program started",
            setting="start the program again. If that does not help, another program has changed the database: bring"
            f" back a copy of {place} from a backup",
        )
    if "not a database" in said or "malformed" in said:
        return ConfigurationError("the database is damaged", setting=f"bring back a copy of {place} from a backup")
    if "authentication failed" in said or "does not exist" in said:
        return ConfigurationError(
            "the database refused the sign-in", setting=f"correct INTEGRATION_CENTER_DATABASE_URL, now {place}"
        )
    reason = next((reason for words, reason in REASONS.items() if words in said), type(error).__name__)
    return ServiceUnavailable("the database does not answer", setting=f"look at {place} ({reason})")


def is_full(folder: Path) -> bool:
    """Return whether the file system of `folder` has no room for a database; False where that is not known."""
    with contextlib.suppress(OSError):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize < SMALLEST_SPACE
    return False


def _show(url: URL) -> str:
    return url.render_as_string(hide_password=True)
