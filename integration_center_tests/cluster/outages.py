"""The database, the object store and the parts on host A go away in a push of many rows, and come back.

`make cluster-test` runs these; they need what `celery_hosts` needs.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from integration_center_tests.cluster.deployment import Deployment, open_deployment, wait_until
from integration_center_tests.cluster.hosts import can_enter
from integration_center_tests.cluster.shared import DAY, SLUG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, email, logins
from integration_center_tests.postgresql import Server
from salesforce_emulator.server import Emulator, EmulatorConfig

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(600),
]

ROWS = 20_000 if os.environ.get("FULL") else 3_000
OUTAGE_SECONDS = 10.0
FREE_SECONDS = 90.0
"""When lease, run and place in the pool are free, at the latest."""

MOMENTS: Mapping[str, Mapping[str, Any]] = {
    "reading": {"path": "*/query*", "when": "after"},  # by REST or the Bulk API, as few or many records have changed
    "opening": {"path": "*/jobs/ingest", "method": "POST", "when": "after"},
    "pushing": {"path": "*/jobs/ingest/*", "method": "PATCH", "when": "after"},
    "waiting": {"path": "*/jobs/ingest/*", "method": "GET", "when": "after"},
}
"""The calls after which something goes away: the org is read, a job is open, its rows are sent, they are waited for."""


@contextmanager
def without_database(deployment: Deployment) -> Iterator[None]:
    """Let the database server be away."""
    deployment.postgresql.control("-m", "immediate", "stop")
    try:
        yield
    finally:
        deployment.postgresql.start()


def without_part(part: str) -> Callable[[Deployment], AbstractContextManager[None]]:
    """Kill a part on host A and start it again, as its container is."""

    @contextmanager
    def lose(deployment: Deployment) -> Iterator[None]:
        deployment.kill_part(part)
        try:
            yield
        finally:
            deployment.start_part(part)

    return lose


OUTAGES: Mapping[str, Callable[[Deployment], AbstractContextManager[None]]] = {
    "database": without_database,
    "storage": lambda deployment: deployment.cluster.without_storage(),
    "daemon": without_part("daemon"),
    "webserver": without_part("webserver"),
    "code-server": without_part("code-server"),
}
SHORT = {("database", "pushing"), ("storage", "waiting"), ("daemon", "pushing")}
CASES = [(outage, moment) for outage in OUTAGES for moment in MOMENTS]


@pytest.fixture(scope="module")
def crowded() -> Iterator[Emulator]:
    """An org with more people than the report has rows."""
    with Emulator(EmulatorConfig(records=ROWS + 500, today=YESTERDAY + timedelta(days=1))) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, crowded: Emulator, postgresql_server: Server
) -> Iterator[Deployment]:
    """All parts, started once."""
    with open_deployment(tmp_path_factory.mktemp("outages"), crowded, postgresql_server) as deployment:
        yield deployment


@dataclass(frozen=True)
class Undisturbed:
    """What a push does that nothing disturbs.

    Attributes:
        people: those whose Lead it updates.
        outcomes: how many lines of these people have each outcome; some have two Leads.
    """

    people: Sequence[int]
    outcomes: Counter[str]


@pytest.fixture(scope="module")
def undisturbed(whole: Deployment) -> Undisturbed:
    """A first push of all rows."""
    numbers = range(ROWS)
    before = read_counts(whole)
    whole.cluster.drop(logins(numbers))
    ran = whole.host("a").ask("run", SLUG, "--partition", DAY)
    after = read_counts(whole)
    people = [number for number in numbers if after.get(email(number)) != before.get(email(number))]
    addresses = {email(number) for number in people}
    lines = whole.host("a").ask("ledger", ran["run_id"], "--limit", str(2 * ROWS))
    return Undisturbed(people, Counter(line["outcome"] for line in lines if line["key"] in addresses))


def read_counts(deployment: Deployment) -> dict[str, Any]:
    """The count that each Lead has, by its address."""
    return {lead["Email"]: lead[COUNT] for lead in deployment.cluster.emulator.sandbox.store.records("Lead")}


def count_outcomes(deployment: Deployment, run_id: str) -> Counter[str]:
    """How many lines of a run's ledger have each outcome."""
    lines = deployment.host("a").ask("ledger", run_id, "--limit", str(2 * ROWS))
    return Counter(line["outcome"] for line in lines)


def test_a_worker_that_is_asked_to_end_in_a_push_books_what_it_knows(
    whole: Deployment, undisturbed: Undisturbed
) -> None:
    org, a, people = whole.cluster.emulator.sandbox, whole.host("a"), undisturbed.people[:1_500]  # two calls
    whole.await_parts()
    whole.cluster.drop(logins(people, count=90))
    org.org.saves.clear()
    held = org.faults.hold("*/composite", method="POST", when="after")
    asked = a.start("run", SLUG, "--partition", DAY)
    whole.await_push(held, asked)
    while not org.org.saves:  # a call that reads
        read, held = held, org.faults.hold("*/composite", method="POST", when="after")
        read.release()
        whole.await_push(held, asked)
    cut = whole.find_started()
    worker = whole.host(whole.find_worker(cut))
    whole.ask_worker_to_end(worker.name)
    held.release()
    assert asked.wait(FREE_SECONDS) != 0
    assert whole.count_leases() == 0
    first = count_outcomes(whole, cut)
    assert set(first) == {"updated", "unprocessed"}

    ended = a.ask("run", SLUG, "--partition", DAY)

    second = count_outcomes(whole, ended["run_id"])
    assert second == {"updated": first["unprocessed"], "unchanged": first["updated"]}
    assert whole.find_worker(ended["run_id"]) != worker.name
    leads = {lead["Email"]: lead for lead in org.store.records("Lead")}
    assert {leads[email(number)][COUNT] - number for number in people} == {90}
    assert {org.org.saves[leads[email(number)]["Id"]] for number in people} == {1}
    whole.start_worker(worker.name)


@pytest.mark.parametrize(("outage", "moment"), CASES)
def test_what_goes_away_in_a_push_and_comes_back_costs_nothing(
    whole: Deployment, undisturbed: Undisturbed, outage: str, moment: str
) -> None:
    if not os.environ.get("FULL") and (outage, moment) not in SHORT:
        pytest.skip("a part of FULL=1 make cluster-test")
    org, a, people = whole.cluster.emulator.sandbox, whole.host("a"), undisturbed.people
    count = 100 + CASES.index((outage, moment))
    whole.await_parts()
    whole.cluster.drop(logins(people, count=count))
    org.org.saves.clear()
    held = org.faults.hold(**MOMENTS[moment])
    asked = a.start("run", SLUG, "--partition", DAY, "--json")
    whole.await_push(held, asked)
    with OUTAGES[outage](whole):
        held.release()
        time.sleep(OUTAGE_SECONDS)
    out, err = asked.communicate(timeout=240)
    org.faults.clear()
    assert asked.returncode == 0, f"{out}\n{err}"

    leads = {lead["Email"]: lead for lead in org.store.records("Lead")}
    wrong = [number for number in people if leads[email(number)][COUNT] != count + number]
    assert wrong == [], "every record is right"
    saves = {org.org.saves[leads[email(number)]["Id"]] for number in people}
    assert saves == {1}, "each record was saved once"
    (run_id,) = whole.query("SELECT run_id FROM runs ORDER BY create_timestamp DESC LIMIT 1")
    assert count_outcomes(whole, run_id) == undisturbed.outcomes
    wait_until(lambda: whole.count_leases() == 0, "the end of the lease", FREE_SECONDS)
    going = "SELECT run_id FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
    wait_until(lambda: not whole.query(going), "the end of all runs", FREE_SECONDS)
