"""`migrate` and `up` upgrade the database of an earlier version; every other command names `migrate`."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from integration_center.cli.only_up import only_up
from integration_center_tests.database.old_forms import make_old, read_schema
from integration_center_tests.installed import find_ports
from integration_center_tests.pipeline.commands import build_command

UP = """
from integration_center.cli import main, supervision
def start(self):
    print("the parts are started")
    raise KeyboardInterrupt
supervision.Supervisor.start = start
main()
"""
"""`up` that ends where it would start its processes."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"DAGSTER_HOME": tmp_path, "INTEGRATION_CENTER_DEFS": tmp_path / "defs"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("INTEGRATION_CENTER_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "defs").mkdir()
    return tmp_path


@pytest.fixture
def database(home: Path) -> Path:
    return home / "integration_center.db"


@pytest.fixture
def command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command, and gives its exit code and all that it said."""
    run_apart = build_command(monkeypatch, capsys)

    def run(*arguments: str) -> tuple[int, str]:
        code, out, error = run_apart(*arguments)
        return code, " ".join((out + error).split())

    return run


def test_migrate_says_what_it_did(command: Callable[..., tuple[int, str]], database: Path) -> None:
    assert command("migrate") == (0, "The database is new. Its tables are created.")
    new = read_schema(database)
    assert command("migrate") == (0, "The database is up to date. Nothing was changed.")
    database.unlink()
    make_old(database, "DROP TABLE audit")
    assert command("migrate") == (0, "The database is upgraded.")
    assert read_schema(database) == new


@pytest.mark.sampled
@pytest.mark.parametrize("verb", ["list", "log", "accounts", "audit", "reports", "console", "disconnect sandbox"])
def test_another_command_says_what_to_do(command: Callable[..., tuple[int, str]], database: Path, verb: str) -> None:
    make_old(database)
    before = read_schema(database)
    code, said = command(*verb.split())
    assert (code, read_schema(database)) == (1, before)
    assert re.search(r"^Failed: the database .* must be upgraded.* run: integration-center migrate$", said)


def test_migrate_waits_for_nobody_who_works_with_the_tables(
    command: Callable[..., tuple[int, str]], home: Path, database: Path
) -> None:
    make_old(database)
    with only_up(home, print):
        code, said = command("migrate")
    assert (code, "`up` runs already" in said) == (1, True)


@pytest.mark.proof
def test_up_upgrades_before_it_starts(home: Path, database: Path) -> None:
    make_old(database, "DROP TABLE audit")
    port, console_port = find_ports()
    environment: Mapping[str, str] = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", UP, "up", "--port", str(port), "--console-port", str(console_port)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "the parts are started\n"), done.stderr
    assert "The database was of an earlier version, and is upgraded" in done.stderr
    assert "audit" in read_schema(database)
