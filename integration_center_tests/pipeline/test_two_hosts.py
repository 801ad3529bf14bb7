"""Two hosts with folders of their own, one database and one bucket: the same results as on one host."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from integration_center.database.engine import writing
from integration_center.database.tables import stored_files
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.doctor.machine import check_storage
from integration_center.pipeline.names import PARENT_RUN_TAG
from integration_center.store.ledgers import find_ledger
from integration_center.store.stored_files import FileKind
from integration_center_tests.insights.object_servers import BUCKET, S3Server, running
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json

REMEDY = "Delete it: integration-center forget-report"
COMPANIES = [{"column": "User ID", "field": "Company"}]
"""A key by which a whole object is read, so that its snapshot is kept."""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with running(S3Server()) as server:
        yield server


@dataclass
class Hosts:
    """Hosts A and B of one installation, and how to go from one to the other."""

    center: Center
    bucket: str
    s3: S3Server
    monkeypatch: pytest.MonkeyPatch

    def use(self, name: str) -> Path:
        """Go to a host."""
        home = self.center.home / f"host_{name}"
        home.mkdir(exist_ok=True)
        shutil.copy(self.center.home / "dagster.yaml", home)
        self.monkeypatch.setenv("DAGSTER_HOME", str(home))
        return home

    def lose(self, name: str) -> None:
        """Lose the disk of a host."""
        shutil.rmtree(self.center.home / f"host_{name}")

    def keep_in_bucket(self) -> None:
        """Keep frames in the bucket."""
        self.monkeypatch.setenv("INTEGRATION_CENTER_STORAGE", f"s3://{self.bucket}/center")

    def objects(self, prefix: str = "") -> list[str]:
        """The objects that are kept, by key."""
        listed = self.s3.client().list_objects_v2(Bucket=self.bucket, Prefix=f"center/{prefix}")
        return [each["Key"].removeprefix("center/") for each in listed.get("Contents", [])]


@pytest.fixture
def apart(center: Center, server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Two hosts that share a database, and each of which keeps its frames in its own folder."""
    if "INTEGRATION_CENTER_DATABASE_URL" not in os.environ:  # else the installation is on a server already
        monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", (center.home / "secret.key").read_text().strip())
        monkeypatch.setenv("INTEGRATION_CENTER_DATABASE_URL", f"sqlite:///{center.home / 'integration_center.db'}")
    for name, value in server.variables().items():
        monkeypatch.setenv(name, value)
    bucket = f"{BUCKET}-{abs(hash(request.node.nodeid))}"
    server.client().create_bucket(Bucket=bucket)
    hosts = Hosts(center, bucket, server, monkeypatch)
    hosts.use("a")
    return hosts


@pytest.fixture
def hosts(apart: Hosts) -> Hosts:
    """Two hosts that share a database and a bucket."""
    apart.keep_in_bucket()
    return apart


def shrink(center: Center) -> str:
    """Let the newest report have 3 rows after one of 305, and say what the check of its run that failed said."""
    center.drop(logins(PLAIN[:3], count=20))
    run = center.run()
    assert not run.success
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0], "nothing is written"
    checked = center.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [record.event_log_entry.get_dagster_event() for record in checked.records]
    found = [event.asset_check_evaluation_data for event in events]
    return "\n".join(f"{check.description}. {check.metadata['remedy'].value}" for check in found if not check.passed)


def test_hosts_with_folders_of_their_own_know_what_the_others_stored(apart: Hosts, command: Command) -> None:
    center = apart.center
    center.integrate()
    center.drop(logins(range(1, 306)), days_before(1))
    run = center.run(day=days_before(1))
    apart.use("b")
    assert shrink(center).startswith("3 rows, after 305 before.")
    code, _, err = command("ledger", run.run_id)
    assert (code, "INTEGRATION_CENTER_STORAGE" in err, "has no ledger" in err) == (1, True, False)


@pytest.mark.proof
def test_a_run_of_one_host_is_read_and_undone_on_another(hosts: Hosts, command: Command) -> None:
    center = hosts.center
    before = center.lead(PLAIN[0])[COUNT]
    center.integrate()
    center.drop(logins(range(1, 306)), days_before(1))
    run = center.run(day=days_before(1))
    assert run.success, run.error
    hosts.lose("a")
    hosts.use("b")
    older = f"logins {days_before(1)}"
    said = f"after 305 before. If that is right, delete the older stored report. {REMEDY} {older}"
    assert shrink(center).endswith(said)
    assert command("forget-report", *older.split())[0] == 0
    assert len(as_json(command("ledger", run.run_id, "--json"))) == len(center.ledger(run))
    (entry,) = as_json(command("why", email(PLAIN[0]), "--json"))["entries"]
    assert entry["run_id"] == run.run_id
    code, _, err = command("undo", run.run_id, "--yes")
    assert code == 0, err
    assert center.lead(PLAIN[0])[COUNT] == before
    with open_installation() as installation:
        ledger = installation.frames.index.find(find_ledger(run.run_id, "logins_to_leads").name)
    assert ledger is not None
    versions = hosts.objects(f"ledgers/{run.run_id}/")
    assert (ledger.key in versions, len(versions)) == (True, 2), "the plan and the ledger are objects of their own"


@pytest.mark.proof
def test_steps_go_on_where_another_host_ended_and_an_org_is_forgotten_everywhere(
    hosts: Hosts, command: Command
) -> None:
    center = hosts.center
    for number in PLAIN:
        center.change_lead(number, "Company", email(number))
    center.integrate(keys=COMPANIES)
    center.drop(logins(PLAIN))
    planned = center.run(assets=["insights/logins", "logins_to_leads/update_set"])
    assert planned.success, planned.error
    hosts.lose("a")
    hosts.use("b")
    pushed = center.run(assets=["logins_to_leads/push"], tags={PARENT_RUN_TAG: planned.run_id})
    assert center.sync(pushed).counts["lines"] == {"updated": len(PLAIN)}, pushed.error
    hosts.lose("b")
    hosts.use("a")
    hosts.s3.requests.clear()
    center.emulator.sandbox.clock.advance(86_400)
    again = center.run()
    assert center.sync(again).counts["lines"] == {"unchanged": len(PLAIN)}, again.error
    said = "\n".join(entry.user_message for entry in center.instance.all_logs(again.run_id))
    assert "by the changes since the last read" in said, "the snapshot came from the bucket"
    assert "already stored" in said, "and so did the report"
    assert not any("PUT" in request and "/insights/" in request for request in hosts.s3.requests)

    assert len(hosts.objects("snapshots/")) == 1
    hosts.use("b")
    code, out, err = command("disconnect", "sandbox")
    assert (code, hosts.objects("snapshots/")) == (0, []), (out, err)
    assert hosts.objects("ledgers/") != []


@pytest.mark.proof
def test_an_installation_moves_from_a_folder_to_a_bucket(apart: Hosts, command: Command) -> None:
    center = apart.center
    center.integrate()
    center.drop(logins(PLAIN))
    run = center.run()
    assert run.success, run.error
    with open_installation() as installation:
        ledger = installation.ledgers.file(run.run_id, "logins_to_leads")
        assert ledger is not None
        # As a release without an index left it.
        ledger.path.rename(ledger.path.with_name("logins_to_leads.parquet"))
        with writing(installation.engine) as connection:
            connection.execute(stored_files.delete().where(stored_files.c.kind == FileKind.LEDGER))
    apart.keep_in_bucket()
    moved = "The database is up to date. Nothing was changed.\n1 stored file was noted in its index.\n"
    assert command("migrate")[:2] == (0, moved)
    apart.lose("a")
    apart.use("b")
    lines = as_json(command("ledger", run.run_id, "--json"))
    assert [line["outcome"] for line in lines] == ["updated"] * len(PLAIN)
    with open_installation() as installation:
        assert [finding.state for finding in check_storage(installation)] == ["ok"]

    apart.lose("b")
    apart.use("b")
    apart.monkeypatch.setenv("INTEGRATION_CENTER_STORAGE", "s3://elsewhere/center")
    code, _, err = command("ledger", run.run_id)
    assert (code, "check INTEGRATION_CENTER_STORAGE" in err) == (1, True), "what cannot be reached is not gone"
    with open_installation() as installation, pytest.raises(ConfigurationError, match="s3://elsewhere/center"):
        list(check_storage(installation))
