import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import inspect, make_url, select, text
from sqlalchemy.schema import CreateTable

from integration_center.database import sqlite_engine
from integration_center.database.engine import build_engine, reading, upsert, writing
from integration_center.database.revision import VERSION_TABLE
from integration_center.database.tables import leases, metadata
from integration_center.errors import ConfigurationError, TransientError

LEASE = {"org_id": "00D000000000001EAA", "object": "lead", "run_id": "run-1", "process": "host/1/1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "our.db"


def test_a_new_file_is_private_and_lets_others_read_while_one_writes(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600
    with writing(engine) as writer:
        upsert(writer, leases, ("org_id", "object"), LEASE | {"expires_at": datetime.now(UTC)})
        with reading(engine) as reader:
            assert reader.execute(select(leases)).all() == []
    assert path.with_name("our.db-wal").exists() is False or path.with_name("our.db-wal").stat().st_mode & 0o077 == 0


def test_a_file_others_could_read_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch(mode=0o644)

    build_engine(f"sqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.proof
def test_two_processes_create_the_tables_at_once(path: Path) -> None:
    script = (
        "import sys; from integration_center.database.engine import build_engine;"
        " print('ready', flush=True); sys.stdin.readline(); build_engine(sys.argv[1])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, f"sqlite:///{path}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (0, "")

    with reading(build_engine(f"sqlite:///{path}")) as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_moments_come_back_in_utc(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")
    moment = datetime(2026, 11, 23, 9, 30, 1, 250, tzinfo=timezone(timedelta(hours=2)))
    with writing(engine) as connection:
        upsert(connection, leases, ("org_id", "object"), LEASE | {"expires_at": moment})

    with reading(engine) as connection:
        found = connection.execute(select(leases.c.expires_at)).scalar_one()

    assert found == moment
    assert found.tzinfo is UTC


def test_a_moment_without_zone_is_refused(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")
    with pytest.raises(Exception, match="without a zone"), writing(engine) as connection:
        upsert(connection, leases, ("org_id", "object"), LEASE | {"expires_at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_a_transaction_that_raises_leaves_nothing(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")

    def half() -> None:
        with writing(engine) as connection:
            upsert(connection, leases, ("org_id", "object"), LEASE | {"expires_at": datetime.now(UTC)})
            raise LookupError

    with pytest.raises(LookupError):
        half()
    with reading(engine) as connection:
        assert connection.execute(select(leases)).all() == []


def test_a_locked_database_may_be_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build_engine(f"sqlite:///{path}")
    monkeypatch.setattr(sqlite_engine, "BUSY_TIMEOUT_MS", 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(TransientError, match="locked"), writing(engine):
            pass
    finally:
        other.close()


def test_a_full_disk_says_so(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")

    def fill() -> None:
        with writing(engine) as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))
            connection.execute(text("CREATE TABLE big AS SELECT hex(randomblob(100000)) AS content"))

    with pytest.raises(ConfigurationError, match="disk is full"):
        fill()


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("some notes of mine, which are longer than a header of SQLite " * 20)
    with pytest.raises(ConfigurationError, match=r"damaged; bring back a copy of .* from a backup$"):
        build_engine(f"sqlite:///{path}")
    assert path.read_text().startswith("some notes")


def test_tables_that_were_changed_meanwhile_are_named(path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE leases DROP COLUMN expires_at"))
    with pytest.raises(ConfigurationError, match="lacks a table or column"), reading(engine) as connection:
        connection.execute(select(leases))


@pytest.mark.parametrize(
    "url",
    ["nonsense", "sqlite://", "postgresql+nodriver://ann:hunter2@db/x", "oracle+cx_oracle://ann:hunter2@db/x"],
)
def test_a_url_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="INTEGRATION_CENTER_DATABASE_URL") as caught:
        build_engine(url)
    assert "hunter2" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        build_engine(f"sqlite:///{blocked}/our.db")


def test_a_file_system_that_is_read_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "our.db"
    build_engine(f"sqlite:///{path}").dispose()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigurationError, match="this user may not do that"):
        build_engine(f"sqlite:///{path}")
    monkeypatch.setattr("integration_center.database.engine.is_read_only", lambda _: True)
    with pytest.raises(ConfigurationError, match="the file system is read-only; make it writable"):
        build_engine(f"sqlite:///{path}")


def test_postgresql_gets_the_same_tables() -> None:
    dialect = make_url("postgresql://").get_dialect()()
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    assert any("TIMESTAMP WITH TIME ZONE" in statement for statement in statements)
