"""What the terminal says of failures that the code did not foresee, and what their reports hold."""

import errno
import importlib
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FunctionType

import pytest
import sqlalchemy as sa

from integration_center.cli.failures import FOLDER, KEPT, describe_failure
from integration_center.files.system_errors import READ_ONLY
from integration_center_tests.pipeline.commands import Command

SECRET = "ann@example.com"


def read_report(said: str) -> str:
    """The text of the report that a sentence names."""
    found = re.search(r"The details are in (\S+);", said)
    assert found, said
    return Path(found[1]).read_text(encoding="utf-8")


def fail_in_database() -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        connection.execute(sa.text(f"SELECT '{SECRET}' FROM nothing"))


def fail_to_decode() -> None:
    try:
        SECRET.encode("utf-16").decode("ascii")
    except UnicodeDecodeError as error:
        raise RuntimeError(SECRET) from error


def fail_to_import() -> None:
    importlib.import_module("nothing_of_this_name")


def fail_in_the_system() -> None:
    os.kill(2**22 + 1, 0)


@pytest.mark.parametrize(
    ("fail", "said", "detail"),
    [
        (fail_in_database, "a database of Dagster's did not work, OperationalError", ": SQLITE_ERROR"),
        (fail_to_decode, "(RuntimeError)", ": ascii at 0"),
        (fail_to_import, "(ModuleNotFoundError)", ": nothing_of_this_name"),
        (fail_in_the_system, "(ProcessLookupError)", ": ESRCH, No such process"),
    ],
)
def test_a_report_says_the_kind_of_each_cause_and_no_value(
    command: Command, fail: FunctionType, said: str, detail: str
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each case has its own
        fail()
    sentence = describe_failure(caught.value)
    assert said in sentence
    text = read_report(sentence)
    assert detail in text
    assert f"in {fail.__name__}" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOSPC, "/data/report", "/data/report: the disk is full; free some space"),
        (errno.EACCES, None, "this user may not do that; change the rights of the file or folder"),
        (errno.EMFILE, None, "too many files are open; raise the limit of open files (ulimit -n)"),
    ],
)
def test_what_the_system_refuses_needs_no_report(
    command: Command, tmp_path: Path, number: int, name: str | None, said: str
) -> None:
    assert describe_failure(OSError(number, os.strerror(number), name)) == said
    assert "there is not enough memory" in describe_failure(MemoryError())
    assert not (tmp_path / FOLDER).exists()


def fill(path: Path) -> None:
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        connection.execute(sa.text("CREATE TABLE kept (value TEXT)"))
        connection.execute(sa.text("PRAGMA max_page_count = 2"))
        connection.execute(sa.text("INSERT INTO kept VALUES (:value)"), {"value": SECRET * 1_000})


def write_what_is_read_only(path: Path) -> None:
    sqlite3.connect(path).close()
    with sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true").connect() as connection:
        connection.execute(sa.text(f"CREATE TABLE kept AS SELECT '{SECRET}' AS value"))


def open_in_no_folder(path: Path) -> None:
    sa.create_engine(f"sqlite:///{path}/nowhere/x.db").connect()


def write_what_is_locked(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0}).connect() as connection:
            connection.execute(sa.text("CREATE TABLE kept (value TEXT)"))


def read_what_is_damaged(path: Path) -> None:
    path.write_text(SECRET * 1_000)
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        connection.execute(sa.text("SELECT * FROM kept"))


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (fill, "the disk is full; free some space"),
        (write_what_is_read_only, "a database of Dagster's cannot be written; change the rights of the files"),
        (open_in_no_folder, "a database of Dagster's cannot be opened; change the rights of the files"),
        (write_what_is_locked, "another process locks a database of Dagster's; try again in a while"),
        (read_what_is_damaged, "a database of Dagster's is damaged; bring back a copy from a backup"),
    ],
)
def test_what_a_database_refuses_needs_no_report(
    command: Command, tmp_path: Path, fail: Callable[[Path], None], said: str
) -> None:
    with pytest.raises(sa.exc.DatabaseError) as caught:
        fail(tmp_path / "runs.db")
    assert describe_failure(caught.value) == f"{tmp_path}: {said}"
    assert not (tmp_path / FOLDER).exists()


def test_an_unclear_failure_on_a_full_disk_is_a_full_disk(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(sa.exc.DatabaseError) as caught:
        fail_in_database()
    monkeypatch.setattr("integration_center.database.engine.SMALLEST_SPACE", 1 << 62)
    assert describe_failure(caught.value) == f"{tmp_path}: the disk is full; free some space"


def test_a_database_on_a_file_system_that_is_read_only_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(sa.exc.DatabaseError) as caught:
        write_what_is_read_only(tmp_path / "runs.db")
    monkeypatch.setattr("integration_center.database.system_failures.is_read_only", lambda _: True)
    assert describe_failure(caught.value) == f"{tmp_path}: {READ_ONLY}"


def test_the_newest_reports_stay(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    old = [folder / f"2026-01-01T0000{number:02}-x.txt" for number in range(KEPT)]
    for each in old:
        each.touch()
    (folder / "notes.md").touch()
    assert read_report(describe_failure(KeyError("x")))
    assert len(list(folder.glob("*.txt"))) == KEPT
    assert [each.exists() for each in old] == [False, *[True] * (KEPT - 1)]
    assert (folder / "notes.md").exists()


def test_where_no_report_can_be_written_it_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FOLDER).touch()  # in the place of the folder
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / FOLDER))
    assert (
        describe_failure(KeyError("x"))
        == "something unexpected happened (KeyError), and no report of it could be written"
    )
