"""Three hosts, PostgreSQL and an S3-compatible store: the same results as on one host, also when a host is lost.

`make cluster-test` runs these. They need Linux namespaces and a PostgreSQL server (Debian's package).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_center_tests.cluster.hosts import can_enter
from integration_center_tests.cluster.shared import DAY, SLUG, Cluster, open_cluster
from integration_center_tests.pipeline.center import COUNT, PLAIN, email, logins
from salesforce_emulator.server import Emulator

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def cluster(tmp_path: Path, emulator: Emulator, new_postgresql: Callable[..., str]) -> Iterator[Cluster]:
    """A cluster whose runs are executed by the command that asks for them."""
    with open_cluster(tmp_path, emulator, new_postgresql) as cluster:
        yield cluster


def test_whichever_host_does_a_step_the_result_is_that_of_one_host(cluster: Cluster) -> None:
    a, b, c = map(cluster.host, "abc")
    (lead,) = cluster.emulator.sandbox.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    cluster.drop(logins(PLAIN))
    a.run("plan", SLUG, "--partition", DAY)
    b.run("run", SLUG, "--partition", DAY)
    again = c.ask("run", SLUG, "--partition", DAY)
    first = next(line for line in a.ask("log", SLUG) if line["rows"].get("updated"))
    assert first["rows"] == {"updated": len(PLAIN)}
    assert again["rows"] == {"unchanged": len(PLAIN)}
    for host in (a, b, c):
        assert len(host.ask("ledger", first["run_id"])) == len(PLAIN)
    entry = a.ask("why", email(PLAIN[0]))["entries"][0]
    assert entry["run_id"] == first["run_id"]
    c.run("undo", first["run_id"], "--yes")
    (restored,) = cluster.emulator.sandbox.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    assert restored[COUNT] == lead[COUNT]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_host_that_is_lost_in_a_push_leaves_nothing_undone_and_nothing_written_twice(
    cluster: Cluster, when: Any
) -> None:
    org = cluster.emulator.sandbox
    b, c = map(cluster.host, "bc")
    cluster.drop(logins(PLAIN, count=33))
    held = org.faults.hold("*/composite/sobjects", method="PATCH", when=when)
    process = b.start("run", SLUG, "--partition", DAY)
    assert held.reached.wait(60), process.communicate(timeout=60)
    b.lose()
    held.release()

    ended = c.ask("run", SLUG, "--partition", DAY)

    assert ended["status"] == "Completed"
    leads = [org.store.records("Lead", "Email = ?", (email(number),))[0] for number in PLAIN]
    assert [lead[COUNT] for lead in leads] == [33 + number for number in PLAIN]
    assert {org.org.saves[lead["Id"]] for lead in leads} == {1}, "each record was saved once"
    cut = next(line for line in c.ask("log", SLUG) if line["run_id"] != ended["run_id"])
    assert cut["status"] == "Failed"
    outcomes = [line["outcome"] for run in (cut, ended) for line in c.ask("ledger", run["run_id"])]
    assert outcomes.count("updated") == len(PLAIN)
    assert "unknown" not in outcomes
