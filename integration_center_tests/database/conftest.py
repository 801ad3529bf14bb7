"""An installation with the local orgs, and a PostgreSQL server where one is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from integration_center_tests.pipeline.conftest import connect, history_in_memory, home, one_certificate

__all__ = ["connect", "history_in_memory", "home", "one_certificate"]

NOT_ROOT = "nobody"
"""PostgreSQL refuses to run as root."""


def find_program(name: str) -> str | None:
    """A program of PostgreSQL's server, which Debian keeps out of PATH."""
    beside = [str(path.parent) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *beside]))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The folder with the socket of a PostgreSQL server of this worker; its user is `tests`."""
    pytest.importorskip("dagster_postgres", reason="the extra `postgres` is not installed")
    initdb, pg_ctl = find_program("initdb"), find_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL server is installed")
    user = NOT_ROOT if os.geteuid() == 0 else None

    def run(*command: str) -> None:
        done = subprocess.run(
            command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    with TemporaryDirectory(prefix="pg") as name:  # a socket's path has 107 characters at most
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        run(initdb, "-D", f"{folder}/data", "-A", "trust", "-U", "tests", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run(pg_ctl, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield folder
        finally:
            run(pg_ctl, "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")


@pytest.fixture
def new_postgresql(postgresql_server: Path) -> Callable[[str], str]:
    """Makes a database on the server, fills it with the statements of a dump, and gives its URL."""
    psql = find_program("psql")
    assert psql is not None

    def execute(database: str, statements: str) -> None:
        command = (psql, "-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(postgresql_server), "-U", "tests", database)
        subprocess.run(command, input=statements, stdout=subprocess.DEVNULL, text=True, check=True)

    def make(dump: str = "") -> str:
        name = f"test_{uuid4().hex}"
        execute("postgres", f'CREATE DATABASE "{name}"')
        execute(name, dump)
        return f"postgresql://tests@/{name}?host={postgresql_server}"

    return make
