"""An installation of release 0.1.0 goes on working after an upgrade: accounts, jobs under way, log, audit, undo."""

import shutil
import sqlite3
from contextlib import closing, nullcontext
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from integration_center.access.audit import Action
from integration_center.database.engine import build_engine, reading
from integration_center.database.journal import SentKind, unfinished
from integration_center.database.revision import VERSION_TABLE
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.database.tables import metadata
from integration_center.installation import open_installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.sync.columns import AFTER, BEFORE
from integration_center_tests.database.fixtures.make_release import (
    BY_COMPANY,
    CONTACT_JOB,
    FIRST_COUNT,
    KEY,
    PEOPLE,
    SECOND_COUNT,
    SECOND_SLUG,
)
from integration_center_tests.pipeline.center import COUNT, Center, as_stored, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command
from salesforce_emulator.clock import stamp
from salesforce_emulator.server import Emulator

RELEASE = Path(__file__).parent / "fixtures" / "release_0_1_0"
DAY = date(2026, 10, 27)
"""The day of its syncs."""
COUNTS_BEFORE = [3.0, 9.0, None, None, None]
COUNTS_BETWEEN = [float(FIRST_COUNT + number) for number in PEOPLE]
"""What the org held before its first sync, and between its syncs."""
SLUG = "logins_to_leads"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the kept database."""
    dump = (RELEASE / f"{request.param}.sql").read_text(encoding="utf-8")
    if request.param == "sqlite":
        if request.config.getoption("--postgresql"):
            pytest.skip("each installation of this run is on PostgreSQL")
        with closing(sqlite3.connect(home / "integration_center.db")) as connection:
            connection.executescript(dump)
        return f"sqlite:///{home / 'integration_center.db'}"
    url: str = request.getfixturevalue("new_postgresql")(dump)
    monkeypatch.setenv("INTEGRATION_CENTER_DATABASE_URL", url)
    return url


@pytest.fixture
def command(
    home: Path,
    history_in_memory: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs a command in the installation."""
    monkeypatch.setattr(
        "integration_center.cli.runs.open_instance", lambda settings, **options: nullcontext(history_in_memory)
    )
    return build_command(monkeypatch, capsys)


@pytest.fixture
def center(
    home: Path,
    database: str,
    emulator: Emulator,
    history_in_memory: dg.DagsterInstance,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> Center:
    """The kept installation, upgraded. The org holds what its syncs wrote; it has another address than it had then."""
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", KEY)
    shutil.copytree(RELEASE / "storage", home / "storage")
    history_in_memory.wipe()
    center = Center(home, emulator, history_in_memory)
    center.integrate()
    center.integrate(SECOND_SLUG, **BY_COMPANY)
    code, _, err = command("accounts")
    assert (code, "integration-center migrate" in err) == (1, True), err
    assert command("migrate") == (0, "The database is upgraded.\n", "")
    write_as_the_syncs_did(center)
    return center


def write_as_the_syncs_did(center: Center) -> None:
    """Give the org the values of the newest ledger, whose writes it had got."""
    with open_installation() as installation:
        lines = installation.ledgers.read(kept_syncs()["cut"].run_id, SLUG)
    org = center.emulator.sandbox
    with org.store.writing() as connection:
        for line in lines.iter_rows(named=True):
            for column in lines.columns:
                if column.startswith(AFTER):
                    values = (as_stored(line[column]), stamp(org.clock.now()), line["record_id"])
                    field = column.removeprefix(AFTER)
                    connection.execute(f'UPDATE "Lead" SET "{field}" = ?, SystemModstamp = ? WHERE Id = ?', values)
    center.let_time_pass()


def kept_syncs() -> dict[str, SyncRecord]:
    """The syncs of the release: the one that is complete, the one that was cut off, and that of another integration."""
    with open_installation() as installation:
        found = {(sync.slug, sync.status): sync for sync in installation.syncs.history() if sync.partition_end == DAY}
    return {
        "complete": found[SLUG, SyncStatus.COMPLETED],
        "cut": found[SLUG, SyncStatus.FAILED],
        "other": found[SECOND_SLUG, SyncStatus.COMPLETED],
    }


def test_the_tables_are_those_of_the_code(center: Center, database: str) -> None:
    with reading(build_engine(database)) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_accounts_log_and_audit_are_there(center: Center, command: Command) -> None:
    accounts = as_json(command("accounts", "--json"))
    assert [account["environment"] for account in accounts] == ["sandbox", "production"]
    with open_installation() as installation:
        for environment in FIRST:
            tokens = installation.accounts.tokens(environment)
            assert tokens.access_token.get_secret_value().startswith("00D")
        entries = installation.audit.list()
    assert [entry.action for entry in reversed(entries)] == [Action.CONNECTED] * 2 + [Action.RAN] * 3
    syncs = kept_syncs()
    assert syncs["complete"].counts["lines"] == {"updated": len(PEOPLE)}
    assert syncs["cut"].counts["lines"] == {"planned": len(PEOPLE)}
    log = as_json(command("log", "--json"))
    assert [line["run_id"] for line in log] == [syncs[name].run_id for name in ("cut", "other", "complete")]


def test_the_stored_frames_are_read(center: Center, command: Command) -> None:
    syncs = kept_syncs()
    lines = as_json(command("ledger", syncs["complete"].run_id, "--json"))
    assert [line["outcome"] for line in lines] == ["updated"] * len(PEOPLE)
    with open_installation() as installation:
        lines = installation.ledgers.read(syncs["complete"].run_id, SLUG)
        assert lines[f"{AFTER}{COUNT}"].to_list() == COUNTS_BETWEEN
        assert lines[f"{BEFORE}{COUNT}"].to_list() == COUNTS_BEFORE
        account = installation.accounts.get(Environment.SANDBOX)
        snapshot = installation.snapshots.of(SECOND_SLUG, "Lead", account.org_id, account.user_id)
        assert snapshot.find() is not None
        stored = snapshot.open()
        assert stored is not None
        records = stored.read()
        before = installation.reports.rows_before("logins", DAY + timedelta(days=1))
        assert before is not None
        assert before.rows == len(PEOPLE)
    assert records is not None
    assert records.height > len(PEOPLE)


@pytest.mark.proof
def test_jobs_under_way_are_finished_and_both_syncs_undone(center: Center, command: Command) -> None:
    syncs = kept_syncs()
    with open_installation() as installation:
        org_id = installation.accounts.get(Environment.PRODUCTION).org_id
        (job,) = unfinished(installation.engine, org_id, "Contact")
        assert (job.job_id, job.kind, job.rows) == (CONTACT_JOB, SentKind.JOB, 3)
    code, _, err = command("undo", syncs["cut"].run_id, "--yes")
    assert (code, f"run: integration-center plan {SLUG}" in err) == (1, True), err

    center.drop(logins(PEOPLE, SECOND_COUNT))
    ran = center.run()

    assert ran.success, ran.error
    assert center.sync(ran).counts["lines"] == {"unchanged": len(PEOPLE)}
    assert kept_syncs()["cut"].counts["lines"] == {"updated": len(PEOPLE)}
    for name, counts in (("cut", COUNTS_BETWEEN), ("complete", COUNTS_BEFORE)):
        undone = as_json(command("undo", syncs[name].run_id, "--yes", "--json"))
        assert (undone["status"], undone["lines"]) == ("Completed", {"updated": len(PEOPLE)})
        assert [center.lead(number)[COUNT] for number in PEOPLE] == counts
        center.let_time_pass()
