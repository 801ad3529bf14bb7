"""A PostgreSQL server for tests, where one is installed: its fixtures, and databases on it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from integration_center.database.server import close_pools
from integration_center.store.home import ON_SERVER

NOT_ROOT = "nobody"
"""PostgreSQL refuses to run as root."""
REQUIRED = "INTEGRATION_CENTER_REQUIRE_POSTGRESQL"
"""Set it, and what needs a server fails where none is installed."""


def find_program(name: str) -> str | None:
    """A program of PostgreSQL's server, which Debian keeps out of PATH."""
    beside = [str(path.parent) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *beside]))


@dataclass(frozen=True)
class Server:
    """A server of this worker, on a socket; its user is `tests`."""

    folder: Path
    user: str | None

    def control(self, *command: str) -> None:
        """Let `pg_ctl` do something with the server."""
        program = find_program("pg_ctl")
        assert program is not None
        run(self.user, program, "-D", f"{self.folder}/data", "-w", *command)

    def start(self) -> None:
        """Start it. No disk is waited for."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.control("-l", f"{self.folder}/log", "-o", options, "start")

    def restart(self) -> None:
        """Restart it, which ends all its connections."""
        self.control("-m", "immediate", "restart")

    def execute(self, database: str, statements: str) -> str:
        """What `psql` prints for some statements."""
        psql = find_program("psql")
        assert psql is not None
        command = (psql, "-q", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "tests", database)
        done = subprocess.run(command, input=statements, capture_output=True, text=True, check=True)
        return done.stdout

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://tests@/{database}?host={self.folder}"

    def make(self, template: str = "template1") -> str:
        """Make a database, and return its name."""
        name = f"test_{uuid4().hex}"
        self.execute("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name


def run(user: str | None, *command: str) -> None:
    """Run a program of the server as the user who owns its files."""
    done = subprocess.run(
        command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server of this worker."""
    initdb = find_program("initdb")
    if initdb is None or find_program("pg_ctl") is None:
        missing = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        missing("no PostgreSQL server is installed")
    assert initdb is not None
    user = NOT_ROOT if os.geteuid() == 0 else None
    with TemporaryDirectory(prefix="pg") as name:  # a socket's path has 107 characters at most
        server = Server(Path(name), user)
        if user is not None:
            shutil.chown(server.folder, user)
        run(user, initdb, "-D", f"{name}/data", "-A", "trust", "-U", "tests", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            close_pools()
            server.control("-m", "immediate", "stop")


@pytest.fixture
def new_postgresql(postgresql_server: Server) -> Iterator[Callable[..., str]]:
    """Makes a database on the server, fills it with the statements of a dump, and gives its URL."""

    def make(dump: str = "") -> str:
        name = postgresql_server.make()
        postgresql_server.execute(name, dump)
        return postgresql_server.url(name)

    yield make
    close_pools()


@pytest.fixture(scope="session")
def complete_database(postgresql_server: Server) -> str:
    """The name of a database with our tables and Dagster's, to be copied: to make them takes a second."""
    from integration_center.database.engine import build_engine
    from integration_center.pipeline.server_storage import create_tables

    name = postgresql_server.make()
    url = postgresql_server.url(name)
    create_tables(url, build_engine(url))
    close_pools()
    return name


def set_database(environment: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Set the address of a new database with all tables, and a key, as an installation's settings; return the address.

    Args:
        environment: where they are set.
        request: of the test or fixture that needs them.
    """
    server: Server = request.getfixturevalue("postgresql_server")
    url = server.url(server.make(request.getfixturevalue("complete_database")))
    environment.setenv("INTEGRATION_CENTER_DATABASE_URL", url)
    environment.setenv("INTEGRATION_CENTER_SECRET_KEY", Fernet.generate_key().decode())
    return url


@pytest.fixture
def on_postgresql(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """Puts the installation in a home on a database of its own, by the one setting, and gives the database's URL."""

    def put(home: Path) -> str:
        url = set_database(monkeypatch, request)
        settings = home / "dagster.yaml"
        settings.write_text(settings.read_text(encoding="utf-8") + ON_SERVER.read_text(encoding="utf-8"))
        return url

    yield put
    close_pools()
