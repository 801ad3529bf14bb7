"""Opening a database: one with the tables of this version is only read, and no other is changed unasked."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_center.database.engine import build_engine, kept_open, upgrade_database
from integration_center.database.revision import COMPATIBILITY_TABLE, REVISION, VERSION_TABLE
from integration_center.database.syncs import SyncLog
from integration_center.errors import ConfigurationError, DatabaseOutdated, DatabaseTooNew
from integration_center.installation import open_installation
from integration_center.settings import Settings
from integration_center_tests.database.old_forms import change, make_old, read_schema
from integration_center_tests.statements import noted_statements


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "integration_center.db"


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements that are executed on any database of ours from now on."""
    with noted_statements() as sent:
        yield sent


def open_all(home: Path) -> None:
    """Open an installation, and what it keeps in its database."""
    with open_installation(Settings(_env_file=None, dagster_home=home)) as installation:
        for part in (installation.accounts, installation.syncs, installation.audit, installation.leases):
            assert part is not None


def test_opening_executes_two_queries_and_no_definition(tmp_path: Path, path: Path, statements: list[str]) -> None:
    open_all(tmp_path)
    assert any(statement.lstrip().startswith("CREATE TABLE") for statement in statements)
    statements.clear()

    open_all(tmp_path)

    begin, *queries = statements
    assert begin == "BEGIN"
    assert len(queries) == 2
    assert all(query.split()[0] in {"PRAGMA", "SELECT"} for query in queries)
    assert "=" not in "".join(queries), "a PRAGMA that sets something"


@pytest.mark.parametrize("held", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_opening_waits_for_no_writer(tmp_path: Path, path: Path, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_all(tmp_path)
    monkeypatch.setattr("integration_center.database.sqlite_engine.BUSY_TIMEOUT_MS", 0)  # who waits at all, fails
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(held)
        writer.execute("INSERT INTO audit (at, who, place, action) VALUES ('2026-01-02', 'ann', '::1', 'ran')")
        open_all(tmp_path)
        writer.execute("ROLLBACK")


def test_opening_needs_no_right_to_change_the_tables(tmp_path: Path, path: Path) -> None:
    build_engine(f"sqlite:///{path}").dispose()
    before = path.read_bytes()
    open_all(tmp_path)
    assert path.read_bytes() == before


def test_an_older_database_is_left_alone_and_the_command_named(tmp_path: Path, path: Path) -> None:
    url = make_old(path, "DROP TABLE audit")
    before = read_schema(path)

    with pytest.raises(DatabaseOutdated, match=r"run: integration-center migrate$") as caught:
        open_all(tmp_path)

    assert str(path) in str(caught.value)
    assert read_schema(path) == before
    assert upgrade_database(url) == 0
    open_all(tmp_path)


def test_a_revision_below_ours_is_older_too(tmp_path: Path, path: Path) -> None:
    make_old(path, f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32))")
    change(path, f"INSERT INTO {VERSION_TABLE} VALUES ('{REVISION - 1:04d}')")
    with pytest.raises(DatabaseOutdated):
        open_all(tmp_path)


def test_a_newer_database_is_left_alone_whatever_is_asked(tmp_path: Path, path: Path) -> None:
    url = f"sqlite:///{path}"
    build_engine(url).dispose()
    change(
        path,
        f"UPDATE {VERSION_TABLE} SET version_num = '{REVISION + 1:04d}'",
        f"UPDATE {COMPATIBILITY_TABLE} SET oldest = {REVISION + 1}",
    )
    before = read_schema(path)
    for use in (build_engine, upgrade_database):
        with pytest.raises(DatabaseTooNew, match="this program is older than its data") as caught:
            use(url)
        assert "migrate" not in str(caught.value)
    assert read_schema(path) == before


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(path: Path, statements: list[str]) -> None:
    url = f"sqlite:///{path}"
    assert upgrade_database(url) is None
    statements.clear()
    assert upgrade_database(url) == REVISION
    assert "BEGIN IMMEDIATE" not in statements


def test_a_table_of_another_program_is_not_taken_for_ours(path: Path) -> None:
    """Dagster calls a table `jobs`, too."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, job_origin_id VARCHAR(255))")
    before = read_schema(path)
    with pytest.raises(ConfigurationError, match=r"table jobs .* another program .* INTEGRATION_CENTER_DATABASE_URL"):
        build_engine(f"sqlite:///{path}")
    assert read_schema(path) == before


def test_an_upgrade_that_fails_changes_nothing(path: Path) -> None:
    url = make_old(path, "DROP TABLE audit", "ALTER TABLE syncs DROP COLUMN describe_hash", "DROP TABLE jobs")
    change(path, "CREATE TABLE jobs (id INTEGER PRIMARY KEY)")
    before = read_schema(path)
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        upgrade_database(url)
    assert read_schema(path) == before


def test_a_database_that_is_kept_open_is_not_tidied_up_after_each_transaction(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")
    syncs, log = SyncLog(engine), path.with_name(f"{path.name}-wal")

    syncs.note_progress("run", "logins", 1, 3)
    assert not log.exists()
    with kept_open(engine):
        syncs.note_progress("run", "logins", 2, 3)
        assert log.exists()
        assert syncs.progress("run", "logins") == (2, 3)
    assert not log.exists()
    assert syncs.progress("run", "logins") == (2, 3)


def test_opening_again_ends_no_lock_of_this_process(path: Path) -> None:
    """SQLite's log stays as long as somebody has the file open; another process that closes it would delete it."""
    log = path.with_name(f"{path.name}-wal")
    other = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM audit'); c.commit(); c.close()"
    )
    with kept_open(build_engine(f"sqlite:///{path}")):
        build_engine(f"sqlite:///{path}")
        subprocess.run((sys.executable, "-c", other, path), check=True)
        assert log.exists()
