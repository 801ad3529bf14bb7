"""One setting puts our tables and Dagster's history on one PostgreSQL server, and the main job works there."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import dagster as dg
import pytest
from cryptography.fernet import Fernet
from dagster._daemon.types import DaemonHeartbeat
from dagster_postgres import PostgresRunStorage
from sqlalchemy import inspect, make_url, text

from integration_center.database.engine import build_engine, reading, upgrade_database
from integration_center.database.journal import unfinished
from integration_center.database.leases import Leases
from integration_center.database.server import CONNECTIONS, open_pool, outlast_restarts
from integration_center.database.syncs import SyncLog
from integration_center.database.tables import metadata
from integration_center.errors import ServiceUnavailable
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.settings import read_settings
from integration_center_tests.database.lease_owners import find_owner
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command
from integration_center_tests.postgresql import Server
from salesforce_emulator.server import Emulator

THREADS = 12
DOCUMENTED = """
telemetry: {enabled: false}
storage:
  postgres:
    postgres_url: {env: INTEGRATION_CENTER_DATABASE_URL}
"""
"""As Dagster's documentation has it."""
SLUG = "logins_to_leads"


@pytest.fixture
def command(
    home: Path,
    on_postgresql: Callable[[Path], str],
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs a command in an installation on PostgreSQL."""
    on_postgresql(home)
    return build_command(monkeypatch, capsys)


@pytest.mark.proof
def test_the_main_job_works_by_one_setting(
    command: Command, home: Path, emulator: Emulator, postgresql_server: Server
) -> None:
    with dg.DagsterInstance.ephemeral() as none:
        center = Center(home, emulator, none)
    before = center.lead(PLAIN[0])[COUNT]
    center.integrate()
    center.drop(logins(PLAIN))
    code, said, err = command("connect", "sandbox", "--flow", "client-credentials")
    assert code == 0, said + err
    ran = as_json(command("run", SLUG, "--json"))
    assert (ran["status"], ran["lines"]) == ("Completed", {"updated": len(PLAIN)})
    assert as_json(command("log", "--json"))[0]["run_id"] == ran["run_id"]
    assert command("ledger", ran["run_id"])[0] == 0
    center.let_time_pass()
    assert command("undo", ran["run_id"], "--yes")[0] == 0
    assert center.lead(PLAIN[0])[COUNT] == before
    assert command("migrate") == (0, "The database is up to date. Nothing was changed.\n", "")
    settings = read_settings()
    with open_instance(settings) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    assert not list(home.glob("**/*.db"))
    name = settings.database.partition("@/")[2].partition("?")[0]
    opened = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    assert int(postgresql_server.execute("postgres", opened)) <= 2 * CONNECTIONS
    postgresql_server.restart()
    assert [line["status"] for line in as_json(command("log", "--json"))] == ["Completed", "Completed"]


@pytest.mark.proof
def test_dagsters_documented_storage_may_name_the_same_database(
    home: Path, new_postgresql: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have tables, and neither takes one of the other's for its own, whichever comes first."""
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", Fernet.generate_key().decode())
    for dagster_first in (True, False):
        monkeypatch.setenv("INTEGRATION_CENTER_DATABASE_URL", new_postgresql())
        (home / "dagster.yaml").write_text(DOCUMENTED, encoding="utf-8")
        if not dagster_first:
            upgrade_database(read_settings().database)
        with open_instance(read_settings()) as instance:
            instance.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", None, None))
            instance.report_engine_event("it notifies", run_id=str(uuid4()), job_name="a job")
            assert list(instance.all_instigator_state()) == []
        with open_installation() as installation:
            with reading(installation.engine) as connection:
                assert set(inspect(connection).get_table_names()) > {*metadata.tables, "jobs", "runs", "event_logs"}
            assert list(unfinished(installation.engine, "00D", "Lead")) == []


def test_threads_of_a_process_share_its_connections(new_postgresql: Callable[[], str]) -> None:
    url = make_url(new_postgresql())
    engines = [open_pool(url), open_pool(url, autocommit=True)]
    names = {"postgresql+psycopg", "postgres", "postgresql+psycopg2"}
    assert {open_pool(url.set(drivername=name)) for name in names} == {engines[0]}
    barrier = Barrier(THREADS)

    def count(number: int) -> int:
        barrier.wait()
        with engines[number % 2].connect() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return int(connection.execute(text(query)).scalar_one())

    with ThreadPoolExecutor(THREADS) as pool:
        assert max(pool.map(count, range(THREADS))) <= 2 * CONNECTIONS


def test_only_a_process_that_executes_runs_waits_for_a_server_that_is_restarted(
    postgresql_server: Server, new_postgresql: Callable[[], str]
) -> None:
    engine = build_engine(new_postgresql())
    thread = ThreadPoolExecutor(1)
    postgresql_server.control("-m", "immediate", "stop")
    try:
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            find_owner(engine, "00D", "Lead")
        outlast_restarts()
        asked = thread.submit(find_owner, engine, "00D", "Lead")
    finally:
        postgresql_server.start()
    assert asked.result(timeout=60) is None


def test_dagster_may_ask_for_a_connection_while_it_holds_one(new_postgresql: Callable[[], str]) -> None:
    engine = open_pool(make_url(new_postgresql()), autocommit=True)
    who = text("SELECT pg_backend_pid()")
    with engine.connect() as outer:
        with engine.connect() as inner:
            assert inner.execute(who).scalar_one() == outer.execute(who).scalar_one()
        assert outer.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_name_with_nul_is_nobodys(new_postgresql: Callable[[], str], name: str) -> None:
    engine = build_engine(new_postgresql())
    assert SyncLog(engine).get(name, name) is None
    Leases(engine).take("00D", name, "run", is_finished=lambda run: None)


def test_a_server_that_is_not_there_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_DATABASE_URL", f"postgresql://ann:hunter2@/x?host={tmp_path}")
    code, out, err = build_command(monkeypatch, capsys)("log")
    assert (code, "does not answer" in err, "hunter2" in out + err) == (1, True, False)


def test_it_is_said_why_a_server_does_not_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"postgresql://ann:hunter2@127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(
            ServiceUnavailable, match=r"does not answer; look at .*/x \(nothing listens there\)"
        ) as failed:
            SyncLog(build_engine(url)).get("a", "b")
    assert "hunter2" not in str(failed.value)
