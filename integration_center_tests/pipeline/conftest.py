"""An isolated installation for each test, connected to the local orgs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from integration_center.accounts.connecting import connect_client_credentials
from integration_center.accounts.store import Account, Tokens
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.planned_events import TOGETHER
from integration_center.settings import Settings, read_settings
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.commands import Command, build_command
from salesforce_emulator.org.sessions import Session
from salesforce_emulator.server import Emulator

DAGSTER_YAML = """
telemetry:
  enabled: false
nux:
  enabled: false
"""


@pytest.fixture
def home(
    tmp_path: Path,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Path:
    """An empty home: no integrations, no drops, nobody connected; the environment says where everything is."""
    for field in Settings.model_fields.values():
        if field.alias:
            monkeypatch.delenv(field.alias, raising=False)
    orgs = {"SANDBOX": emulator.sandbox, "PRODUCTION": emulator.production}
    variables = {
        **TOGETHER,  # as commands set it
        "DAGSTER_HOME": str(tmp_path),
        "INTEGRATION_CENTER_DEFS": str(tmp_path / "defs"),
        "WALKME_FILES_ROOT": str(tmp_path / "drops"),
        **{f"SALESFORCE_{name}_LOGIN_URL": org.url for name, org in orgs.items()},
        **{f"SALESFORCE_{name}_CLIENT_ID": org.client_id for name, org in orgs.items()},
        **{f"SALESFORCE_{name}_CLIENT_SECRET": org.client_secret for name, org in orgs.items()},
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # away from the project's own .env
    for folder in ("defs", "drops"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    if request.config.getoption("--postgresql"):
        request.getfixturevalue("on_postgresql")(tmp_path)
    return tmp_path


@pytest.fixture
def connect(home: Path, emulator: Emulator) -> Callable[[Environment], None]:
    """Connects an environment, and forgets the calls that took."""

    def connect(environment: Environment) -> None:
        with open_installation() as installation:
            connect_client_credentials(
                environment, installation.settings, installation.accounts, connected_by="the tests"
            )
        (emulator.sandbox if environment is Environment.SANDBOX else emulator.production).calls.clear()

    return connect


@dataclass(frozen=True)
class Connected:
    """The sandbox as the first test of this worker connected it.

    Attributes:
        session: the org's session of the account.
        files: what was in the home then, where the database is a file: name and content.
    """

    account: Account
    session: Session
    files: Mapping[str, bytes]


_connected: dict[tuple[str, ...], Connected] = {}
"""By whether the database is on a server, and by the settings that name the org and its app."""


def connect_sandbox(home: Path, emulator: Emulator, connect: Callable[[Environment], None]) -> None:
    """Connect the sandbox. Only the first test of a worker signs in and asks the org who and what it is.

    The others get the files that it had then, a tenth of the work, and the org knows the token of that account again.
    """
    on_server = read_settings().has_database_server
    org = tuple(os.environ[f"SALESFORCE_SANDBOX_{name}"] for name in ("LOGIN_URL", "CLIENT_ID", "CLIENT_SECRET"))
    place = (str(on_server), *org)
    sessions = emulator.sandbox.org.sessions
    if place not in _connected:
        before = {*home.iterdir()}
        connect(Environment.SANDBOX)
        with open_installation() as installation:
            account = installation.accounts.get(Environment.SANDBOX)
            tokens = installation.accounts.tokens(Environment.SANDBOX)
        session = sessions.find(tokens.access_token.get_secret_value())
        assert session is not None
        files = {path.name: path.read_bytes() for path in home.iterdir() if path not in before}
        _connected[place] = Connected(account, replace(session), files)
        return
    known, now = _connected[place], datetime.now(UTC)
    sessions._sessions[known.session.token] = replace(known.session, issued=now, last_used=now)
    if on_server:
        with open_installation() as installation:
            tokens = Tokens(SecretStr(known.session.token), None, known.account.instance_url, now)
            installation.accounts.save(known.account, tokens)
        return
    for name, content in known.files.items():
        path = home / name
        path.touch(mode=0o600)
        path.write_bytes(content)


@pytest.fixture(scope="session")
def history_in_memory() -> Iterator[dg.DagsterInstance]:
    """A Dagster history in memory, one a worker: to make one takes as long as a fifth of a run."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def center(
    home: Path,
    emulator: Emulator,
    connect: Callable[[Environment], None],
    history_in_memory: dg.DagsterInstance,
) -> Center:
    """An installation with the sandbox connected; its Dagster history is in memory, and empty."""
    connect_sandbox(home, emulator, connect)
    history_in_memory.wipe()
    return Center(home, emulator, history_in_memory)


@pytest.fixture
def center_on_disk(home: Path, emulator: Emulator, connect: Callable[[Environment], None]) -> Iterator[Center]:
    """The same with the history in files, as commands open it that execute runs themselves."""
    connect_sandbox(home, emulator, connect)
    with open_instance(read_settings(), executes_runs=True) as instance:
        yield Center(home, emulator, instance)


@pytest.fixture
def center_of_daemon(home: Path, emulator: Emulator, connect: Callable[[Environment], None]) -> Iterator[Center]:
    """The same with the history in files as Dagster's daemon writes it, and with the standard output of the steps."""
    connect_sandbox(home, emulator, connect)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Center(home, emulator, instance)


@pytest.fixture
def command(center: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in the installation.

    Its Dagster history is the one in memory, three times as quick as files; `test_protection` has a run with files.
    """
    monkeypatch.setattr(
        "integration_center.cli.runs.open_instance", lambda settings, **options: nullcontext(center.instance)
    )
    return build_command(monkeypatch, capsys)
