"""Rows of one org in SQLite: a table for each object."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.numbers import format_double
from salesforce_emulator.schema.schema import SObject

Row = tuple[Any, ...]
_AFFINITY = {
    "int": "INTEGER",
    "long": "INTEGER",
    "boolean": "INTEGER",
    "double": "REAL",
    "currency": "REAL",
    "percent": "REAL",
}
_EXACT = {"id", "reference", "date", "datetime", "time", "int", "long", "boolean", "double", "currency", "percent"}
INDEXED = {"Email", "User_Email__c", "AccountId", "OwnerId"}


def _column(field: Field) -> str:
    """Return the column's definition: text compares without case unless the field minds it."""
    if field.name == "Id":
        return '"Id" TEXT PRIMARY KEY'
    affinity = _AFFINITY.get(field.type, "TEXT")
    collation = "" if field.type in _EXACT or field.case_sensitive else " COLLATE NOCASE"
    return f'"{field.name}" {affinity}{collation}'


class Store:
    """The tables of one org. Every thread reads through its own connection; writers take turns.

    Args:
        path: the SQLite file; one that is there is reused.
        objects: the objects to keep.
    """

    def __init__(self, path: Path, objects: Sequence[SObject]) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._write_lock = threading.RLock()
        self._guard = threading.Lock()
        with self.writing() as connection:
            for item in objects:
                columns = ", ".join(_column(field) for field in item.stored)
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{item.name}" ({columns}) WITHOUT ROWID')
                for field in item.stored:  # the file may be of an earlier version
                    self.add_column(item.name, field)

    def add_column(self, sobject: str, field: Field) -> None:
        """Add a column for a field, unless there is one of its name."""
        with self.writing() as connection:
            known = {row[1].lower() for row in connection.execute(f'PRAGMA table_info("{sobject}")')}
            if field.name.lower() not in known:
                connection.execute(f'ALTER TABLE "{sobject}" ADD COLUMN {_column(field)}')

    def create_indexes(self, objects: Sequence[SObject]) -> None:
        """Index what the org indexes: looked-up e-mail addresses, external ids, lookups."""
        with self.writing() as connection:
            for item in objects:
                for field in item.stored:
                    if field.name in INDEXED or field.unique:
                        connection.execute(
                            f'CREATE INDEX IF NOT EXISTS "{item.name}_{field.name}" ON "{item.name}"("{field.name}")'
                        )

    @property
    def connection(self) -> sqlite3.Connection:
        """The calling thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=60)
            connection.execute("PRAGMA journal_mode = WAL")
            # A lost emulator file is remade from its seed, so durability would only cost time.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -65536")
            connection.create_function("FOLD", 1, _fold, deterministic=True)
            connection.create_function("DOUBLE_TEXT", 1, format_double, deterministic=True)
            self._local.connection = connection
            self._keep(connection)
        return connection

    def _keep(self, connection: sqlite3.Connection) -> None:
        """Note a thread's connection, and close those of threads that have ended: worker threads come and go."""
        with self._guard:
            for thread in [item for item in self._connections if not item.is_alive()]:
                self._connections.pop(thread).close()
            self._connections[threading.current_thread()] = connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a transaction, one writer at a time; roll back when the block raises."""
        with self._write_lock:
            connection = self.connection
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a SELECT."""
        return self.connection.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.connection.execute(sql, parameters).fetchone()
        return found[0] if found else None

    def record(self, sobject: str, record_id: str) -> dict[str, Any] | None:
        """Return one record as stored, by its 18-character id."""
        cursor = self.connection.execute(f'SELECT * FROM "{sobject}" WHERE Id = ?', (record_id,))  # noqa: S608
        found = cursor.fetchone()
        return dict(zip((column[0] for column in cursor.description), found, strict=True)) if found else None

    def records(self, sobject: str, where: str = "1", parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return records as stored, by an SQL condition (for tests)."""
        cursor = self.connection.execute(f'SELECT * FROM "{sobject}" WHERE {where}', parameters)  # noqa: S608
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def count(self, sobject: str, where: str = "IsDeleted = 0") -> int:
        """Return the number of records, without those in the recycle bin unless `where` says otherwise."""
        return int(self.value(f'SELECT COUNT(*) FROM "{sobject}" WHERE {where}'))  # noqa: S608

    def insert_many(self, sobject: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert rows as they are, without any check (for seeding and for checked rows)."""
        names = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" * len(columns))
        with self.writing() as connection:
            connection.executemany(f'INSERT INTO "{sobject}" ({names}) VALUES ({marks})', rows)  # noqa: S608

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._guard:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()


def _fold(value: str | float | None) -> str | float | None:
    """Lower a text in every script; SQLite itself lowers ASCII only."""
    return value.casefold() if isinstance(value, str) else value
