"""Work that a process of a user does once, and that a worker would do again for each test.

Each test opens databases of its own, with the same tables and the same statements.
"""

import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log import SqlEventLogStorageMetadata, SqliteEventLogStorage
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource
from sqlalchemy import Connection, Dialect, Engine, NullPool, Pool, QueuePool, create_engine, event
from sqlalchemy.engine import URL

from integration_center.database import engine as engine_module
from integration_center.database.engine import build_engine

STATEMENTS = 3_000
"""Compiled statements to keep. All of Dagster's and ours are fewer."""


def share_compiled_statements(patch: pytest.MonkeyPatch) -> None:
    """Let the engines of all SQLite files share one dialect and its compiled statements.

    To compile a statement takes longer than to execute it. Dagster builds an engine for each event that it stores in
    files, and an engine compiles each of its statements once.
    """
    first = create_engine("sqlite://", poolclass=NullPool, query_cache_size=STATEMENTS)
    first.connect().close()  # completes the dialect
    build = Engine.__init__

    def build_sharing(
        engine: Engine,
        pool: Pool,
        dialect: Dialect,
        url: URL,
        # `create_engine` looks here for the names of options.
        logging_name: str | None = None,
        echo: Any = None,
        query_cache_size: int = 500,
        execution_options: Any = None,
        hide_parameters: bool = False,
    ) -> None:
        shares = type(dialect) is type(first.dialect)
        dialect = first.dialect if shares else dialect
        build(engine, pool, dialect, url, logging_name, echo, query_cache_size, execution_options, hide_parameters)
        if shares:
            engine._compiled_cache = first._compiled_cache

    patch.setattr(Engine, "__init__", build_sharing)


def load_revisions_once(patch: pytest.MonkeyPatch) -> None:
    """Load the revisions of Dagster's tables once, not three times for each instance. They are some 100 modules."""
    patch.setattr(ScriptDirectory, "from_config", cache(ScriptDirectory.from_config))


def copy_dagsters_new_files(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let Dagster's new SQLite files be copies of empty ones, which it makes once: it takes a quarter of a second.

    Args:
        patch: until when.
        folder: where the empty files are kept.
    """
    with dg.DagsterInstance.local_temp(str(folder)) as empty:
        empty.get_runs_count()
        empty.event_log_storage.get_maximum_record_id()
        empty.all_instigator_state()
    for storage, name in ((SqliteRunStorage, "history/runs.db"), (SqliteScheduleStorage, "schedules/schedules.db")):
        _copy_before_opening(patch, storage, folder / name)
    open_events, make = SqliteEventLogStorage.__init__, SqliteEventLogStorage._initdb
    index = folder / "history/runs/index.db"

    def open_copy(events: SqliteEventLogStorage, base_dir: str, inst_data: Any = None) -> None:
        copy_new(index, Path(base_dir) / index.name)
        open_events(events, base_dir, inst_data)

    def make_copy(events: SqliteEventLogStorage, engine: Engine, for_index_shard: bool = False) -> None:
        copy_new(index, Path(engine.url.database or ""))
        make(events, engine, for_index_shard)

    patch.setattr(SqliteEventLogStorage, "__init__", open_copy)
    patch.setattr(SqliteEventLogStorage, "_initdb", make_copy)


def copy_our_new_files(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let our new SQLite files be copies of one with our tables: to run all revisions for each takes a tenth longer.

    Args:
        patch: until when.
        folder: where the empty file is kept.
    """
    empty = folder / "empty.sqlite"
    build_engine(f"sqlite:///{empty}").dispose()
    create = engine_module.create_file

    def create_copy(path: Path) -> None:
        copy_new(empty, path)
        create(path)

    patch.setattr(engine_module, "create_file", create_copy)


def _copy_before_opening(patch: pytest.MonkeyPatch, storage: Any, empty: Path) -> None:
    open_ = storage.from_local.__func__

    def from_local(cls: type, base_dir: str, inst_data: Any = None) -> Any:
        copy_new(empty, Path(base_dir) / empty.name)
        return open_(cls, base_dir, inst_data)

    patch.setattr(storage, "from_local", classmethod(from_local))


def copy_new(empty: Path, path: Path) -> None:
    """Copy a file to where there is none, whole or not at all, with its mode."""
    if os.path.lexists(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = path.with_name(f".{path.name}.{uuid4().hex}")
    shutil.copy(empty, copy)
    with suppress(FileExistsError):  # another thread was first
        os.link(copy, path)
    copy.unlink()


def keep_connections_to_memory(patch: pytest.MonkeyPatch) -> None:
    """Let Dagster's history in memory use its connections again. It opens some 200 in a run, and sets up each."""

    def build(storage: Any) -> Engine:
        options = {"check_same_thread": False}  # they are used by one thread after another
        engine = create_engine(storage._engine.url, poolclass=QueuePool, max_overflow=-1, connect_args=options)
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
        return engine

    def build_keeping(storage: type) -> None:
        open_ = storage.__init__  # type: ignore[misc] # of each of two classes

        def open_keeping(self: Any, *arguments: Any, **options: Any) -> None:
            open_(self, *arguments, **options)
            self._engine = build(self)

        patch.setattr(storage, "__init__", open_keeping)

    @contextmanager
    def connect_to_events(events: InMemoryEventLogStorage) -> Iterator[Connection]:
        with events._db_lock, events._engine.begin() as connection:
            yield connection

    @contextmanager
    def connect_to_runs(runs: InMemoryRunStorage) -> Iterator[Connection]:
        with runs._engine.begin() as connection:
            yield connection

    def has_table(events: InMemoryEventLogStorage, name: str) -> bool:
        return name in SqlEventLogStorageMetadata.tables  # all are made when it is opened, and stay

    for storage in (InMemoryEventLogStorage, InMemoryRunStorage):
        build_keeping(storage)
    patch.setattr(InMemoryEventLogStorage, "_connect", connect_to_events)
    patch.setattr(InMemoryEventLogStorage, "has_table", has_table)
    patch.setattr(InMemoryRunStorage, "connect", connect_to_runs)
    # Whether an older Dagster made the tables: it looks again for each event.
    patch.setattr(InMemoryRunStorage, "has_run_stats_index_cols", lambda runs: True)
    patch.setattr(InMemoryEventLogStorage, "_has_asset_key_col_on_connection", lambda events, connection, name: True)


def remember_materializations(patch: pytest.MonkeyPatch) -> None:
    """Let Dagster's history in memory remember its answers until an asset is materialized or history is deleted.

    Dagster asks for the newest materialization of an asset again for each of its checks: 20 times in a run, which takes
    a twentieth of it.
    """
    storage = InMemoryEventLogStorage
    fetch = storage.fetch_materializations
    store: Any = storage.store_event
    answers: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()

    def fetch_once(
        self: Any, records_filter: Any, limit: int, cursor: str | None = None, ascending: bool = False
    ) -> Any:
        known = answers.setdefault(self, {})  # another one after each change: an answer from before it is never kept
        question = repr((records_filter, limit, cursor, ascending))
        if question not in known:
            known[question] = fetch(self, records_filter, limit, cursor, ascending)
        return known[question]

    def store_and_forget(self: Any, event: Any) -> None:
        store(self, event)
        if event.dagster_event and event.dagster_event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
            answers.pop(self, None)

    def forgetting(change: Any) -> Any:
        def change_and_forget(self: Any, *arguments: Any, **options: Any) -> Any:
            try:
                return change(self, *arguments, **options)
            finally:
                answers.pop(self, None)

        return change_and_forget

    patch.setattr(storage, "fetch_materializations", fetch_once)
    patch.setattr(storage, "store_event", store_and_forget)
    for name in ("wipe", "delete_events", "delete_events_for_run", "wipe_asset", "wipe_asset_partitions"):
        patch.setattr(storage, name, forgetting(getattr(storage, name)))


class _InsertOfEvent:
    """A row for the table of events, inserted by one statement that all rows share."""

    statement = SqlEventLogStorageTable.insert()

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row

    def _execute_on_connection(self, connection: Connection, _: Any, options: Any) -> Any:
        return self.statement._execute_on_connection(connection, [self.row], options)


def share_the_insert_of_events(patch: pytest.MonkeyPatch) -> None:
    """Let Dagster's events be inserted by one statement. To build one for each takes longer than to execute it."""
    for storage in (InMemoryEventLogStorage, SqliteEventLogStorage):
        patch.setattr(storage, "prepare_insert_event", lambda self, event: _InsertOfEvent(self._event_to_row(event)))


def inspect_settings_once(patch: pytest.MonkeyPatch) -> None:
    """Let pydantic-settings find the variables of each setting once. A run reads the settings six times.

    Their values are read each time, as always.
    """
    extract, judge = EnvSettingsSource._extract_field_info, EnvSettingsSource._field_is_complex
    variables: dict[Any, Any] = {}
    complexities: dict[int, tuple[FieldInfo, tuple[bool, bool]]] = {}

    def extract_once(source: Any, field: FieldInfo, field_name: str, model_config: Any = None) -> Any:
        key = (type(source), source.settings_cls, source.case_sensitive, source.env_prefix, field_name, id(field))
        if model_config is not None or source.settings_cls.model_fields.get(field_name) is not field:
            return extract(source, field, field_name, model_config)
        if key not in variables:
            variables[key] = extract(source, field, field_name)
        return variables[key]

    def judge_once(source: Any, field: FieldInfo) -> tuple[bool, bool]:
        if id(field) not in complexities:
            complexities[id(field)] = field, judge(source, field)  # the field, too: else its id could be another's
        return complexities[id(field)][1]

    patch.setattr(EnvSettingsSource, "_extract_field_info", extract_once)
    patch.setattr(EnvSettingsSource, "_field_is_complex", judge_once)


def do_not_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    """Let files be written without waiting for the disk: what a test writes need not survive a power failure."""
    patch.setattr(os, "fsync", lambda fd: None)


def spare_the_garbage_collector() -> None:
    """Leave all that is loaded out of garbage collections, and collect less often: it takes a twentieth otherwise.

    Nearly all is freed when its last reference goes. Nothing was collected while modules were loaded, see `conftest`.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 25)
    gc.enable()
