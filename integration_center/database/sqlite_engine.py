"""Engines for SQLite files: one for each file that a process works with, and connections that are used again in a step.

The engine keeps what it compiled of our statements, which takes longer than to execute them.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

import stamina
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 15_000
MOST_FILES = 8
"""Files whose engines a process keeps. A user's process works with one."""


class ConnectionsOfBlocks(NullPool):
    """Opens a connection for each transaction, and within `keep` takes those again that are free.

    Outside of such a block nothing is open, so that SQLite moves its write-ahead log into the file, and a file that is
    put in place of another is the one that the next transaction finds.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lock = Lock()
        self._free: list[ConnectionPoolEntry] = []
        self._blocks = 0
        _pools.add(self)

    @contextmanager
    def keep(self) -> Iterator[None]:
        """Keep connections for the length of the block, in all threads. They are closed when the last block ends."""
        with self._lock:
            self._blocks += 1
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                unused = [] if self._blocks else self._take_all()
            for entry in unused:
                entry.close()

    def forget(self) -> None:
        """Let a forked process neither use nor close the connections of its parent, and keep none."""
        _of_parents.extend(self._take_all())
        self._lock, self._blocks = Lock(), 0

    def _take_all(self) -> list[ConnectionPoolEntry]:
        taken, self._free = self._free, []
        return taken

    def _do_get(self) -> ConnectionPoolEntry:
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._create_connection()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        with self._lock:
            if self._blocks:
                self._free.append(record)
                return
        record.close()


@lru_cache(maxsize=MOST_FILES)
def open_engine(url: URL) -> Engine:
    """Return the process's engine for a SQLite file. It opens nothing yet."""
    engine = create_engine(url, poolclass=ConnectionsOfBlocks, hide_parameters=True)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def keep_connections(engine: Engine) -> Iterator[None]:
    """Use connections to a SQLite file again for the length of the block."""
    pool = engine.pool
    if not isinstance(pool, ConnectionsOfBlocks):
        raise TypeError("only engines of SQLite files keep connections")
    with pool.keep():
        yield


def is_busy(error: Exception) -> bool:
    """Whether another connection holds a lock."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }


@stamina.retry(on=is_busy, attempts=10, timeout=BUSY_TIMEOUT_MS / 1000, wait_initial=0.02, wait_max=0.5)
def switch_to_wal(path: Path) -> None:
    """Set the file to WAL, so that others read while one writes.

    SQLite answers "locked" at once, whatever the busy timeout, when two processes switch a new file together.

    Raises:
        sqlite3.DatabaseError: it cannot be read or written.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode = WAL")


def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling begins too late for a read-then-write; `_begin` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    # Overwrite what is deleted. Only some builds of SQLite do that unasked.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get("our_reading", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


_pools: WeakSet[ConnectionsOfBlocks] = WeakSet()
_of_parents: list[ConnectionPoolEntry] = []
"""Connections of the parent of this process. To close one might end the parent's use of SQLite's log."""


def _forget_connections() -> None:
    for pool in _pools:
        pool.forget()


os.register_at_fork(after_in_child=_forget_connections)
