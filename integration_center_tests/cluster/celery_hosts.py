"""Dagster's queue with Celery's run launcher on a real Redis: whole syncs run on hosts B and C, the parts on host A.

`make cluster-test` runs these. They need Linux namespaces, and PostgreSQL and Redis servers (Debian's packages).
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from integration_center_tests.cluster.deployment import (
    GO_ON,
    STOP,
    WORKERS,
    Deployment,
    open_deployment,
    wait_until,
)
from integration_center_tests.cluster.hosts import Host, can_enter
from integration_center_tests.cluster.shared import DAY, SLUG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, email, logins
from integration_center_tests.postgresql import Server
from salesforce_emulator.faults import Hold
from salesforce_emulator.server import Emulator

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(600),
]


FREE_SECONDS = 90.0
"""When lease, run and place in the queue of a lost host are free, at the latest."""
ENDED = "('SUCCESS', 'FAILURE', 'CANCELED')"
AWAY_SECONDS = 120.0
"""How long a worker is away in the long form; the short one ages its beats instead."""


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, emulator_process: tuple[Emulator, Any], postgresql_server: Server
) -> Iterator[Deployment]:
    """All parts, started once."""
    with open_deployment(tmp_path_factory.mktemp("whole"), emulator_process[0], postgresql_server) as deployment:
        yield deployment


@pytest.fixture
def deployment(whole: Deployment, emulator: Emulator) -> Iterator[Deployment]:
    """All parts, and an org as it was at the start."""
    yield whole
    emulator.sandbox.faults.clear()
    assert whole.count_leases() == 0


def read_counts(deployment: Deployment) -> list[Any]:
    """The count that each person's Lead has."""
    store = deployment.cluster.emulator.sandbox.store
    return [store.records("Lead", "Email = ?", (email(number),))[0][COUNT] for number in PLAIN]


def count_saves(deployment: Deployment) -> set[int]:
    """How often the Leads of people were saved."""
    org = deployment.cluster.emulator.sandbox
    leads = [org.store.records("Lead", "Email = ?", (email(number),))[0]["Id"] for number in PLAIN]
    return {org.org.saves[lead] for lead in leads}


def hold_push(deployment: Deployment, when: Any = "before") -> Hold:
    """Hold the next push just before, or just after, the org saves."""
    return deployment.cluster.emulator.sandbox.faults.hold("*/composite/sobjects", method="PATCH", when=when)


def test_whole_syncs_run_on_the_workers_and_the_results_are_those_of_one_host(deployment: Deployment) -> None:
    a, cluster = deployment.host("a"), deployment.cluster
    before = read_counts(deployment)
    cluster.drop(logins(PLAIN))
    first = a.ask("run", SLUG, "--partition", DAY)
    assert first["rows"] == {"updated": len(PLAIN)}
    assert deployment.find_worker(first["run_id"]) in WORKERS
    for name in "abc":
        assert len(deployment.host(name).ask("ledger", first["run_id"])) == len(PLAIN)
    deployment.run_now(DAY)
    wait_until(lambda: deployment.query("SELECT COUNT(*) FROM runs WHERE status = 'SUCCESS'") == ["2"], "Run Now")
    assert a.ask("log", SLUG)[0]["rows"] == {"unchanged": len(PLAIN)}
    a.run("undo", first["run_id"], "--yes")
    assert read_counts(deployment) == before

    days = [YESTERDAY - timedelta(days=number) for number in (1, 0)]
    for number, day in enumerate(days):
        cluster.drop(logins(PLAIN, count=20 + number), str(day))
    deployment.backfill(*days)
    assert read_counts(deployment) == [21 + number for number in PLAIN]
    assert deployment.list_statuses() == ["SUCCESS"]


@contextmanager
def stopped(host: Host) -> Iterator[None]:
    """Let all processes of a host be stopped."""
    host.signal(STOP)
    try:
        yield
    finally:
        host.signal(GO_ON)


@contextmanager
def cut_off(host: Host) -> Iterator[None]:
    """Let a host reach nobody, and be reached by nobody, while its processes go on."""
    if host.network is None:
        pytest.skip("this machine makes no networks")
    host.network.pull(host.name)
    try:
        yield
    finally:
        host.network.plug(host.name)


@pytest.mark.parametrize(("away", "count"), [(stopped, 40), (cut_off, 44)])
def test_a_worker_that_was_away_for_long_writes_nothing_after_another_has_taken_over(
    deployment: Deployment, away: Callable[[Host], AbstractContextManager[None]], count: int
) -> None:
    a, held = deployment.host("a"), hold_push(deployment, "after")
    deployment.cluster.drop(logins(PLAIN, count=count))
    asked = a.start("run", SLUG, "--partition", DAY)
    deployment.await_push(held, asked)
    late = deployment.find_started()
    host = deployment.host(deployment.find_worker(late))
    try:
        with away(host):
            if os.environ.get("FULL"):
                time.sleep(AWAY_SECONDS)
            else:
                deployment.let_beats_grow_old(host.name)
            deployment.cluster.drop(logins(PLAIN, count=count + 2))
            taken = a.ask("run", SLUG, "--partition", DAY)
            assert deployment.find_worker(taken["run_id"]) != host.name
            assert read_counts(deployment) == [count + 2 + number for number in PLAIN]
            saves = dict(deployment.cluster.emulator.sandbox.org.saves)
            held.release()
    finally:
        held.release()
    asked.communicate(timeout=120)
    wait_until(lambda: is_idle(deployment, host.name), "the end of the run of the worker that was away")
    assert dict(deployment.cluster.emulator.sandbox.org.saves) == saves
    assert read_counts(deployment) == [count + 2 + number for number in PLAIN]


def is_idle(deployment: Deployment, host: str) -> bool:
    """Whether the newest task of a host's worker has ended."""
    log = (deployment.cluster.folder / f"{host}.log").read_text(encoding="utf-8", errors="replace")
    ended = log.count(" succeeded in ") + log.count(" raised ")
    return log.count(" received") == ended


LOSSES = [(lost, when) for lost in ("worker", "host") for when in ("before", "after")]


@pytest.mark.parametrize(("lost", "when"), LOSSES)
def test_a_worker_or_its_host_that_is_lost_in_a_push_costs_nothing(
    deployment: Deployment, lost: str, when: Any
) -> None:
    a, held = deployment.host("a"), hold_push(deployment, when)
    count = 60 + 10 * LOSSES.index((lost, when))  # the center remembers what earlier tests wrote
    deployment.cluster.drop(logins(PLAIN, count=count))
    asked = a.start("run", SLUG, "--partition", DAY)
    deployment.await_push(held, asked)
    cut = deployment.find_started()
    host = deployment.host(deployment.find_worker(cut))
    if lost == "host":
        host.lose()
    else:
        host.halt()
    held.release()
    deployment.let_beats_grow_old(host.name)

    ended = a.ask("run", SLUG, "--partition", DAY)

    assert ended["status"] == "Completed"
    assert deployment.find_worker(ended["run_id"]) != host.name
    assert asked.wait(120) != 0
    assert read_counts(deployment) == [count + number for number in PLAIN]
    assert count_saves(deployment) == {1}, "each record was saved once"
    outcomes = [line["outcome"] for run in (cut, ended["run_id"]) for line in a.ask("ledger", run)]
    assert (outcomes.count("updated"), outcomes.count("unknown")) == (len(PLAIN), 0)
    deployment.start_worker(host.name)


def test_what_a_lost_host_held_is_free_in_time(deployment: Deployment) -> None:
    """Nobody asks for a page or a run meanwhile, and no beat is made older than it is."""
    held = hold_push(deployment)
    deployment.cluster.drop(logins(PLAIN, count=160))
    deployment.run_now(DAY)
    assert held.reached.wait(120)
    cut = deployment.find_started()
    host = deployment.host(deployment.find_worker(cut))
    host.lose()
    lost = time.monotonic()
    held.release()
    going = f"SELECT run_id FROM runs WHERE run_id = '{cut}' AND status NOT IN {ENDED}"
    in_force = "SELECT run_id FROM leases WHERE expires_at > clock_timestamp()"
    wait_until(lambda: not deployment.query(going) and not deployment.query(in_force), "the end", FREE_SECONDS)
    load = os.getloadavg()[0]
    print(
        f"lease and run of a lost host were free after {time.monotonic() - lost:.0f} s, at load {load:.0f}", flush=True
    )

    deployment.run_now(DAY)

    wait_until(lambda: read_counts(deployment) == [160 + number for number in PLAIN], "the next run")
    wait_until(lambda: deployment.query(f"SELECT run_id FROM runs WHERE status NOT IN {ENDED}") == [], "its end")
    deployment.start_worker(host.name)
