"""Dagster's history in SQLite, written by the process of a command that executes runs itself.

Dagster's own class opens a connection for each event, writes it to the disk before it goes on, and closes the
connection: a fifth of the time of a small sync, and two thirds of what it takes to queue a run. The files are the same,
and so is what is in them. `dagster.yaml` may name it for all processes.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dagster import AssetKey, AssetRecordsFilter
from dagster._core.event_api import EventRecordsResult
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import (
    AssetKeyTable,
    SqlEventLogStorageMetadata,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.runs.schema import InstanceInfo
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.schedules.schema import JobTable
from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION, get_alembic_config
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from dagster.version import __version__ as dagster_version
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from integration_center.pipeline.known_runs import KnownRuns
from integration_center.pipeline.late_imports import put_off
from integration_center.pipeline.planned_events import INSERT, are_announced, build_rows, store_announced

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | EVENT_TYPE_TO_PIPELINE_RUN_STATUS.keys()
"""Events that are stored where all runs can be asked for them, besides the file of their run."""
TEMPLATES = {"mako": ("exceptions",), "mako.template": ("Template",), "mako.pygen": ("PythonPrinter",)}
"""What Alembic takes for writing migrations, which takes longer to import than Alembic itself."""


class RunHistory(DagsterSqliteStorage):
    """Dagster's SQLite storage that keeps its connections to runs and events open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        runs, schedules = (
            (create_db_conn_string(folder, name), is_made(Path(folder, f"{name}.db"), table))
            for folder, name, table in (
                (_runs_directory(base_dir), "runs", InstanceInfo.name),
                (_schedule_directory(base_dir), "schedules", JobTable.name),
            )
        )
        if not (runs[1] and schedules[1]):
            with migrations_read_once():
                super().__init__(base_dir, inst_data)  # which makes the files
        else:
            self.base_dir = base_dir
            self._inst_data = inst_data
            self._schedule_storage = SqliteScheduleStorage(schedules[0])
            super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call] # of Dagster
        self._run_storage = Runs(runs[0])
        self._event_log_storage = EventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "RunHistory":
        """Open the history in the folder that the options name."""
        return cls.from_local(config_value["base_dir"], inst_data=inst_data)


class Runs(KnownRuns, SqliteRunStorage):
    """Dagster's table of runs in SQLite, on connections that are used again."""

    def __init__(self, conn_string: str) -> None:
        super().__init__(conn_string)
        self._engine = create_engine(conn_string, poolclass=QueuePool)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Begin a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        super().dispose()


class EventLog(SqliteEventLogStorage):
    """Dagster's event log in SQLite, on one connection to the index and one to the file of the run under way."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[bool, Engine] = {}
        self._run = ""
        self._empty: bytes | None = None
        self._found: set[str] = set()
        self._last_found: tuple[object, EventRecordsResult] | None = None
        self._changed_by_checks = 0
        super().__init__(base_dir)
        # Taken twice, because what a run announces is written to two files.
        self._db_lock = RLock()  # type: ignore[assignment] # of Dagster's class, which takes it once

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._open_shard(shard).begin() as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether there is such a table; one that was found stays."""
        if table_name not in self._found and super().has_table(table_name):
            self._found.add(table_name)
        return table_name in self._found

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        column = f"{AssetKeyTable.name}.{column_name}"
        if column not in self._found and super()._has_asset_key_col_on_connection(conn, column_name):
            self._found.add(column)
        return column in self._found

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event. Most are of a run alone: a row of its file."""
        kind = event.dagster_event_type if event.is_dagster_event else None
        if kind in ASSET_CHECK_EVENTS:
            with self._db_lock:
                before = self._count_changes()
                super().store_event(event)
                self._changed_by_checks += self._count_changes() - before
        elif kind in MIRRORED:
            super().store_event(event)
        else:
            with self.run_connection(event.run_id) as own:
                own.execute(INSERT, self._event_to_row(event))

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """Find materializations of an asset, unless they were asked for last: each check of a run asks twice."""
        with self.index_connection() as index:
            others = index.exec_driver_sql("PRAGMA data_version").scalar_one()  # tells what other connections changed
        asked = (others, self._count_changes() - self._changed_by_checks, records_filter, limit, cursor, ascending)
        if self._last_found is None or self._last_found[0] != asked:
            self._last_found = asked, super().fetch_materializations(records_filter, limit, cursor, ascending)
        return self._last_found[1]

    def _count_changes(self) -> int:
        """Count the rows of the index that this process has changed."""
        with self.index_connection() as index:
            changed: int = index.connection.total_changes
            return changed

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that Dagster hands over together; see `planned_events`."""
        if not are_announced(events):
            super().store_event_batch(events)
            return
        rows = build_rows(self, events)
        with self.run_connection(events[0].run_id) as own, self.index_connection() as index:
            own.execute(INSERT, rows)
            with_times = self._has_asset_key_index_cols_on_connection(index)
            store_announced(self, index, events, rows, with_times=with_times)

    def dispose(self) -> None:
        """Close the connections."""
        self._last_found = None
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
        super().dispose()

    def _open_shard(self, shard: str) -> Engine:
        is_index = shard == INDEX_SHARD_NAME
        if shard not in self._initialized_dbs:
            path = Path(self.path_for_shard(shard))
            is_there = is_made(path, SqlEventLogStorageTable.name)
            if not is_there and (is_index or not self._copy_empty(path)):
                url, waiting = self.conn_string_for_shard(shard), {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
                self._initdb(create_engine(url, poolclass=NullPool, connect_args=waiting))  # takes several connections
            self._initialized_dbs.add(shard)
        engine = self._engines.get(is_index)
        if engine is None:
            engine = self._engines[is_index] = self._build_engine(is_index=is_index)
        if not is_index and shard != self._run:
            engine.dispose()  # closes the file of the run before
            self._run = shard
        return engine

    def _build_engine(self, *, is_index: bool) -> Engine:
        """Build the engine of the index, or the one of whichever run is under way: it keeps what it has compiled."""

        def connect() -> sqlite3.Connection:
            path = self.path_for_shard(INDEX_SHARD_NAME if is_index else self._run)
            return sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False)

        url = self.conn_string_for_shard(INDEX_SHARD_NAME)
        engine = create_engine(url, creator=connect, poolclass=QueuePool, pool_size=1)
        event.listen(engine, "connect", _commit_without_waiting)
        return engine

    def _copy_empty(self, path: Path) -> bool:
        """Make the file of a new run as a copy of an empty one, which Dagster makes once; whether it was made here.

        Dagster reads all its migrations for each file, which takes longer than all other writing of a run that is
        queued. So the empty file stays beside the others, for later commands with this version of Dagster.
        """
        if os.path.lexists(path):
            return False
        if self._empty is None:
            self._empty = self._find_empty(path.with_name(f".empty_{dagster_version}"))
        copy = path.with_name(f".new_run_{uuid4().hex}")
        try:
            copy.write_bytes(self._empty)
            os.link(copy, path)
        except OSError:  # another process made it, or this file system knows no second names
            return False
        finally:
            copy.unlink(missing_ok=True)
        return True

    def _find_empty(self, kept: Path) -> bytes:
        """Return the bytes of an empty file: those that are kept, or of a new one, which is kept then."""
        if is_made(kept, SqlEventLogStorageTable.name):
            return kept.read_bytes()
        empty = self._make_empty()
        temp = kept.with_name(f".new_run_{uuid4().hex}")
        try:
            temp.write_bytes(empty)
            temp.replace(kept)
        except OSError:  # the next command makes it again
            temp.unlink(missing_ok=True)
        return empty

    def _make_empty(self) -> bytes:
        from alembic.runtime.migration import MigrationContext  # see `late_imports`

        with TemporaryDirectory() as folder:
            path = Path(folder) / "empty.db"
            engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
            with engine.begin() as connection:
                connection.exec_driver_sql("BEGIN")  # else the disk is waited for after each table and index
                SqlEventLogStorageMetadata.create_all(connection)
                MigrationContext.configure(connection).stamp(read_migrations(), "head")
            with engine.connect() as connection:  # all that is written is in the one file
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            return path.read_bytes()


@contextmanager
def migrations_read_once() -> Iterator[None]:
    """Let Dagster make its files without reading its migrations again for each: it does so eight times, for 0.3 s."""
    migrations = read_migrations()
    from alembic.script import ScriptDirectory

    read = ScriptDirectory.from_config

    def find(config: "Config") -> ScriptDirectory:
        is_dagsters = config.get_main_option("script_location") == ALEMBIC_SCRIPTS_LOCATION
        return migrations if is_dagsters else read(config)

    ScriptDirectory.from_config = find  # type: ignore[method-assign] # read by all that makes a file
    try:
        yield
    finally:
        ScriptDirectory.from_config = read  # type: ignore[method-assign]


@cache
def read_migrations() -> "ScriptDirectory":
    """Read the migrations of Dagster's history, which all of its files share."""
    with put_off(TEMPLATES):
        from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def is_made(path: Path, table: str) -> bool:
    """Whether Dagster has made a file: it holds a table, and the version, which Dagster notes last.

    Dagster itself reads all its migrations to find that out, for each of its files.
    """
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)) as connection:
            noted = connection.execute("SELECT count(*) FROM alembic_version").fetchone()
            there = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    except sqlite3.DatabaseError:  # no version, or no database: Dagster makes it, or says what is wrong
        return False
    return bool(noted[0] and there[0])


def _commit_without_waiting(connection: object, record: object) -> None:
    """Let a commit return before the disk has it.

    The file stays sound in a power cut, which may only cost the last events (sqlite.org/pragma.html#pragma_synchronous,
    NORMAL with a write-ahead log). Dagster's run monitoring ends such a run.
    """
    connection.execute("PRAGMA synchronous = NORMAL")  # type: ignore[attr-defined] # of the driver, which has no type
