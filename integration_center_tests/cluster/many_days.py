"""The days of a month in fast-forward: no process of the cluster that stays takes more memory with each sync.

`make soak-memory` runs this: 200 syncs of 10 integrations, each day's as soon as those of the day before have ended.
`SYNCS`, `ROWS` and `DAYS` say how many.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx

from integration_center_tests.cluster.deployment import Deployment
from integration_center_tests.cluster.many_syncs import ROWS, deployment, orgs, pytestmark, sync_all
from integration_center_tests.cluster.network import RELAY
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import logins

__all__ = ["deployment", "orgs", "pytestmark"]

DAYS = int(os.environ.get("DAYS", "20"))
WARM = max(1, DAYS * 3 // 10)
"""Days after which each process has done all that it does on any day."""
MOST_GROWTH = 1.05
PAGES = ("/", "/log", "/integrations/logins_0", "/health/ready", "/metrics")
"""Of the console, which is looked at each day."""
MEGABYTE = 2**20


def read_memory(deployment: Deployment) -> dict[int, int]:
    """The resident bytes of each process of the hosts, but for the relays of the tests."""
    found = {}
    for host in deployment.cluster.hosts.values():
        for pid in host.list_processes():
            with suppress(OSError):
                if RELAY.name in read_command(pid):
                    continue
                pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
                found[pid] = pages * os.sysconf("SC_PAGE_SIZE")
    return found


def read_command(pid: int) -> str:
    """The command line of a process, shortened."""
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")[:120]


def look_at_console(deployment: Deployment) -> None:
    """Ask for pages as people and monitoring do."""
    with httpx.Client(base_url=deployment.console, timeout=60) as client:
        for page in PAGES:
            assert client.get(page).status_code == 200, page


def describe(then: Mapping[int, int], now: Mapping[int, int]) -> dict[str, str]:
    """What the processes took then and take now."""
    return {
        f"{pid} {read_command(pid)}": f"{then[pid] / MEGABYTE:.1f} MB, then {now[pid] / MEGABYTE:.1f} MB"
        for pid in sorted(then.keys() & now.keys())
    }


def test_no_process_that_stays_takes_more_memory_with_each_sync(deployment: Deployment) -> None:
    warm: dict[int, int] = {}
    for number in range(DAYS):
        day = YESTERDAY - timedelta(days=DAYS - 1 - number)
        deployment.cluster.drop(logins(range(ROWS), 7 + number % 2), str(day))
        sync_all(deployment, day)
        look_at_console(deployment)
        if number + 1 == WARM:
            warm = read_memory(deployment)
    assert deployment.list_statuses() == ["SUCCESS"]
    assert deployment.count_leases() == 0
    now = read_memory(deployment)
    stayed = warm.keys() & now.keys()
    print(*describe(warm, now).items(), sep="\n", flush=True)
    assert len(stayed) >= 7, "web server, daemon, code server, console and two workers stay"
    grown = {pid for pid in stayed if now[pid] > MOST_GROWTH * warm[pid]}
    assert not grown, describe({pid: warm[pid] for pid in grown}, now)
