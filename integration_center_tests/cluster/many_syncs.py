"""Many integrations on the cluster's two workers: no run fails, the processors are used, connections stay few.

`make cluster-test` runs these; they need what `celery_hosts` needs. `SYNCS` and `ROWS` say how many.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.processor_time import list_children, read_busy, read_seconds
from integration_center_tests.cluster.deployment import DEPLOY, WORKERS, Deployment, open_deployment, wait_until
from integration_center_tests.cluster.hosts import can_enter
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import EXAMPLE, logins
from integration_center_tests.postgresql import Server
from salesforce_emulator.org.custom_fields import build_field
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(7200),
]

FULL = bool(os.environ.get("FULL"))
SYNCS = int(os.environ.get("SYNCS", 50 if FULL else 10))
ROWS = int(os.environ.get("ROWS", 100_000 if FULL else 2_000))
FURTHER = ("third", "fourth", "fifth")
ACCOUNTS = ("sandbox", "production", *FURTHER)
MOST_WALL = 1.3
"""Times what the processors took, as far as others left them free. It is held by the full form."""
CORES = os.cpu_count() or 1
PASSED = "SUCCESS"
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on PythonError { message } }
}
"""


@dataclass
class Watched:
    """What some syncs took.

    Attributes:
        wall: seconds by the clock.
        own: seconds of the processors that the hosts and their servers took.
        others: those that anything else on this machine took.
        most_connections: to the database, at any moment that was looked at.
    """

    wall: float = 0.0
    own: float = 0.0
    others: float = 0.0
    most_connections: int = 0
    _done: threading.Event = field(default_factory=threading.Event, repr=False)


@pytest.fixture(scope="module")
def orgs() -> Iterator[Emulator]:
    """Five orgs with a Lead for each row of the report, and a custom field for each integration."""
    config = EmulatorConfig(
        records=ROWS + 100, today=YESTERDAY + timedelta(days=2), further=dict.fromkeys(FURTHER, True), insights=False
    )
    with Emulator(config) as emulator:
        for name in ACCOUNTS:
            prepare_org(emulator.org(name), [number for number in range(SYNCS) if account_of(number) == name])
        yield emulator


def account_of(number: int) -> str:
    """The account of an integration."""
    return ACCOUNTS[number % len(ACCOUNTS)]


def field_of(number: int) -> str:
    """The field that an integration updates."""
    return f"WalkMe_Logins_{number}__c"


def prepare_org(org: OrgHandle, numbers: list[int]) -> None:
    """Give Leads the fields, which hold what the report says: a first sync of so many rows is tested elsewhere."""
    for number in numbers:
        described = build_field(
            field_of(number), {"type": "Number", "label": f"Logins {number}", "precision": 18, "scale": 0}
        )
        org.store.add_column("Lead", described)
        org.org.schema.add("Lead", described, hidden=False)
    assigned = ", ".join(f'"{field_of(number)}" = :count' for number in numbers)
    values = [{"email": row[0], "count": row[3]} for row in logins(range(ROWS))]
    with org.store.writing() as connection:
        connection.executemany(f'UPDATE "Lead" SET {assigned} WHERE "Email" = :email', values)


def write_integration(folder: Path, number: int) -> None:
    """Write the file of an integration."""
    name = account_of(number)
    chosen: dict[str, Any] = {"account": name} if name in FURTHER else {"environment": name}
    attributes = {
        **{key: value for key, value in EXAMPLE.items() if key != "environment"},
        **chosen,
        "name": f"Logins {number}",
        "fields": [{"column": "# Logins Last 30 Days", "field": field_of(number)}],
    }
    place = folder / "defs" / f"logins_{number}"
    place.mkdir(parents=True)
    (place / "defs.yaml").write_text(
        yaml.safe_dump({"type": "integration_center.Integration", "attributes": attributes}), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, orgs: Emulator, postgresql_server: Server
) -> Iterator[Deployment]:
    """All parts with all integrations, connected to all orgs."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(SYNCS):
        write_integration(folder, number)
    variables: dict[str, str] = {}
    for name in ACCOUNTS:
        org, prefix = orgs.org(name), f"SALESFORCE_{name.upper()}"
        variables |= {
            f"{prefix}_LOGIN_URL": org.url,
            f"{prefix}_CLIENT_ID": org.client_id,
            f"{prefix}_CLIENT_SECRET": org.client_secret,
        }
    with open_deployment(folder, orgs, postgresql_server, variables, one_run_a_worker=False) as started:
        for name in ACCOUNTS[1:]:
            kind = ("--kind", "sandbox") if name in FURTHER else ()
            started.host("a").run("connect", name, *kind, "--flow", "client-credentials")
        yield started


@contextmanager
def watched(deployment: Deployment) -> Iterator[Watched]:
    """Measure what happens meanwhile."""
    found = Watched()
    looking = threading.Thread(target=watch_connections, args=(deployment, found))
    began, own, busy = time.monotonic(), read_own(deployment), read_busy()
    looking.start()
    try:
        yield found
    finally:
        found.wall, found.own = time.monotonic() - began, read_own(deployment) - own
        found.others = max(0.0, read_busy() - busy - found.own)
        found._done.set()
        looking.join()


def watch_connections(deployment: Deployment, found: Watched) -> None:
    """Look at the connections until it is done."""
    database = deployment.database
    counted = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name <> 'psql'"
    while not found._done.wait(1):
        found.most_connections = max(found.most_connections, int(deployment.query(counted)[0]))


def read_own(deployment: Deployment) -> float:
    """The seconds of the processors that hosts, the database server and this process took until now.

    This process is the orgs and the object store.
    """
    mine = os.times()
    postmaster = int((deployment.postgresql.folder / "data" / "postmaster.pid").read_text().split()[0])
    hosts = [pid for host in deployment.cluster.hosts.values() for pid in host.list_processes()]
    return mine.user + mine.system + sum(map(read_seconds, [postmaster, *list_children(postmaster), *hosts]))


def launch(deployment: Deployment, number: int, day: date) -> None:
    """Launch the run of an integration as Dagster's UI does."""
    parameters = {
        "selector": {
            "repositoryLocationName": "integration_center",
            "repositoryName": "__repository__",
            "jobName": f"logins_{number}",
        },
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(day)}]},
    }
    url = f"{deployment.cluster.variables['INTEGRATION_CENTER_DAGSTER_URL']}/graphql"
    answer = httpx.post(url, json={"query": LAUNCH, "variables": {"params": parameters}}, timeout=120).json()
    assert answer["data"]["launchRun"]["__typename"] == "LaunchRunSuccess", answer


def sync_all(deployment: Deployment, day: date) -> Watched:
    """Run all integrations for a day, and return what that took."""
    before = len(deployment.query("SELECT run_id FROM runs"))
    ended = "SELECT count(*) FROM runs WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')"
    with watched(deployment) as found:
        for number in range(SYNCS):
            launch(deployment, number, day)
        wait_until(lambda: int(deployment.query(ended)[0]) == before + SYNCS, "the end of all runs", 3600)
    print(f"\n{SYNCS} syncs of {ROWS:,} rows for {day}: {found}", flush=True)
    return found


def count_lines(deployment: Deployment, day: date) -> list[dict[str, int]]:
    """The lines by outcome of each sync of a day."""
    found = deployment.host("a").ask("log", "--limit", str(4 * SYNCS))
    return [sync["lines"] for sync in found if sync["partition"] == str(day)]


def check(deployment: Deployment, found: Watched) -> None:
    """Check what holds of all syncs together."""
    assert deployment.list_statuses() == [PASSED]
    assert deployment.count_leases() == 0
    concurrent = yaml.safe_load((DEPLOY / "compose" / "dagster.yaml").read_text())["concurrency"]["runs"]
    assert found.most_connections <= 2 * concurrent["max_concurrent_runs"] + 10
    if FULL:  # a short sync waits for the start of its process and for Dagster's daemon more than it works
        assert found.wall * CORES - found.others <= MOST_WALL * found.own


def test_many_syncs_with_nothing_and_with_little_to_write(deployment: Deployment) -> None:
    assert len(WORKERS) == CORES or not FULL
    days = [YESTERDAY + timedelta(days=number) for number in (-2, -1, 0)]
    rows, later = logins(range(ROWS)), logins(range(ROWS), 8)
    changed = [later[number] if number % 100 == 0 else row for number, row in enumerate(rows)]
    for day, given in zip(days, (rows, rows, changed), strict=True):
        deployment.cluster.drop(given, str(day))
    sync_all(deployment, days[0])  # reads all records for the first time
    check(deployment, sync_all(deployment, days[1]))
    assert all(not lines.get("updated") for lines in count_lines(deployment, days[1]))
    check(deployment, sync_all(deployment, days[2]))
    updated = {lines.get("updated", 0) for lines in count_lines(deployment, days[2])}
    assert all(0.5 * ROWS / 100 <= number <= 2 * ROWS / 100 for number in updated), updated
