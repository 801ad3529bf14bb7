"""A new home that several commands use at once, and homes that were damaged that way before."""

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import dagster as dg
import pytest

from integration_center.database.revision import REVISION, VERSION_TABLE
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import INDEX, STORES, open_instance
from integration_center.settings import read_settings

pytestmark = pytest.mark.sqlite

TOGETHER = 8
OLDER = "f495c27d5019"
"""An earlier version of Dagster's tables."""


@pytest.fixture
def new_home(home: Path) -> Path:
    """A home in which no database is made yet."""
    assert not any((home / name).exists() for name in STORES)
    return home


def tables(path: Path) -> set[str]:
    statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute(statement)}


def versions(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]


def test_many_open_a_new_home_at_once(new_home: Path) -> None:
    barrier = Barrier(TOGETHER)

    def open_both() -> int:
        barrier.wait()
        with open_instance(read_settings()) as instance, open_installation() as installation:
            return instance.get_runs_count() + len(installation.syncs.history())

    with ThreadPoolExecutor(TOGETHER) as pool:
        assert list(pool.map(lambda _: open_both(), range(TOGETHER))) == [0] * TOGETHER
    assert {name: len(versions(new_home / name)) for name in STORES} == dict.fromkeys(STORES, 1)


@pytest.mark.every_fault
@pytest.mark.parametrize("attempt", range(20))
def test_eight_commands_at_once_in_a_new_home(new_home: Path, attempt: int) -> None:
    commands = ("log", "list", "accounts", "reports", "log --json", "list --json", "audit", "log")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "integration_center", *command.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "200"},
        )
        for command in commands
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(commands), (attempt, said)
    made = {name for name in STORES if (new_home / name).exists()}  # none of Dagster's is needed without news
    assert {name: len(versions(new_home / name)) for name in made} == dict.fromkeys(made, 1)
    with closing(sqlite3.connect(new_home / "integration_center.db")) as connection:
        assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(f"{REVISION:04d}",)]


def test_a_home_that_two_commands_damaged_is_repaired(new_home: Path) -> None:
    with open_instance(read_settings()):
        pass
    for name in STORES:
        with closing(sqlite3.connect(new_home / name)) as connection, connection:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (OLDER,))
    with pytest.raises(Exception, match="more than one head"), dg.DagsterInstance.from_config(str(new_home)) as damaged:
        damaged.get_runs_count()
    with open_instance(read_settings()) as instance:
        assert instance.get_runs_count() == 0
    for name in STORES:
        assert len(versions(new_home / name)) == 1
        assert versions(new_home / name) != [OLDER]


def test_an_index_that_was_only_begun_is_made_again(new_home: Path) -> None:
    with open_instance(read_settings()):
        pass
    for ending in ("-wal", "-shm"):
        (new_home / (INDEX + ending)).unlink(missing_ok=True)
    (new_home / INDEX).write_bytes(b"")
    with open_instance(read_settings()) as instance:
        assert instance.event_log_storage.get_maximum_record_id() in {0, None}


def test_tables_that_are_missing_are_made_again(new_home: Path) -> None:
    with open_instance(read_settings()):
        pass
    whole = {name: tables(new_home / name) for name in STORES}
    for name in STORES:
        with closing(sqlite3.connect(new_home / name)) as connection, connection:
            for table in whole[name] - {"event_logs", "alembic_version"}:
                connection.execute(f"DROP TABLE {table}")
    with open_instance(read_settings()) as instance:
        assert instance.get_runs_count() == 0
    assert {name: tables(new_home / name) for name in STORES} == whole


@pytest.mark.parametrize("name", STORES)
def test_a_database_that_is_none_is_named(new_home: Path, name: str) -> None:
    with open_instance(read_settings()):
        pass
    (new_home / name).write_bytes(b"no database " * 1_000)
    with pytest.raises(ConfigurationError, match=rf"{name} is damaged or no database\. Bring back a copy") as caught:
        open_instance(read_settings())
    assert "away" not in str(caught.value)
    shutil.rmtree(new_home / "history")
    shutil.rmtree(new_home / "schedules")
    with open_instance(read_settings()) as instance:
        assert instance.get_runs_count() == 0
