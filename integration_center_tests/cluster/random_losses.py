"""A push is killed, stopped, or loses its host at random moments; another host takes over. Nothing is written twice.

`make cluster-test` runs it. `ROUNDS` says how often, and `SEED` which moments: a failure names both.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_center.database.workers import GONE_AFTER
from integration_center_tests.cluster.deployment import GO_ON, STOP
from integration_center_tests.cluster.hosts import LONGEST, Host, can_enter
from integration_center_tests.cluster.shared import DAY, SLUG, Cluster, open_cluster
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, email, logins
from integration_center_tests.postgresql import Server
from salesforce_emulator.server import Emulator, EmulatorConfig

ROUNDS = int(os.environ.get("ROUNDS", 40 if os.environ.get("FULL") else 6))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
SIZES = (300, 2_500)
"""Rows of the reports: one of them is sent by REST, the other by the Bulk API."""
MOST_DELAY = 0.3
"""Seconds after a call of the org: what follows it is lost at another place each time."""
LOOK_SECONDS = 0.005
STEP = 10_000
"""Between the values of two reports, so that each value tells which report it is of."""
WRITTEN = (
    "CREATE TABLE written (place INTEGER PRIMARY KEY, id TEXT, value REAL)",
    f'CREATE TRIGGER note_written AFTER UPDATE OF "{COUNT}" ON "Lead" WHEN NEW."{COUNT}" IS NOT NULL'
    f' BEGIN INSERT INTO written (id, value) VALUES (NEW."Id", NEW."{COUNT}"); END',
)
"""Let the emulator note each value that is written, in order, also one that was there before."""

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(300 + 120 * ROUNDS),
]


@dataclass
class Attack:
    """Two hosts that push the same integration, and what was done to them."""

    cluster: Cluster
    postgresql: Server
    database: str
    chance: random.Random
    number: int = 0

    def query(self, statement: str) -> list[str]:
        """The lines that the database answers."""
        return self.postgresql.execute(self.database, statement).splitlines()

    def drop(self, size: int) -> None:
        """Drop a report in which everybody has a value that nobody had before."""
        self.number += 1
        self.cluster.drop(logins(range(size), count=self.number * STEP))

    def let_beats_grow_old(self, host: str) -> None:
        """Let the time go by after which the processes of a host are gone, for these alone."""
        past = f"interval '{GONE_AFTER.total_seconds() + 1} seconds'"
        self.query(f"UPDATE workers SET beat_at = beat_at - {past} WHERE process LIKE '{host}@%'")
        self.query(f"UPDATE leases SET expires_at = expires_at - {past} WHERE process LIKE '{host}@%'")

    def read_values(self) -> dict[str, Any]:
        """The value that each Lead has, by its address."""
        return {lead["Email"]: lead[COUNT] for lead in self.cluster.emulator.sandbox.store.records("Lead")}

    def list_faults(self) -> list[str]:
        """The records that were given a value twice, or an older one after a newer."""
        last: dict[str, float] = {}
        faults = []
        for place, record, value in self.cluster.emulator.sandbox.store.rows("SELECT * FROM written ORDER BY place"):
            if value <= last.get(record, -1.0):
                faults.append(f"{place}: {record} was given {value} after {last[record]}")
            last[record] = value
        return faults


def kill_process(attack: Attack, host: Host) -> None:
    """Kill one process of a host."""
    if pids := host.list_processes():
        with suppress(ProcessLookupError):
            os.kill(attack.chance.choice(pids), signal.SIGKILL)


def lose_host(attack: Attack, host: Host) -> None:
    """Lose a host with its disk."""
    host.lose()


def stop_host(attack: Attack, host: Host) -> None:
    """Stop all processes of a host, until somebody lets them go on."""
    host.signal(STOP)


LOSSES: tuple[Callable[[Attack, Host], None], ...] = (kill_process, lose_host, stop_host)


@pytest.fixture
def attack(tmp_path: Path, postgresql_server: Server) -> Iterator[Attack]:
    """A cluster whose runs are executed by the command that asks for them."""
    database = postgresql_server.make()
    config = EmulatorConfig(records=max(SIZES) + 500, today=YESTERDAY + timedelta(days=1), insights=False)
    with Emulator(config) as emulator:
        with emulator.sandbox.store.writing() as connection:
            for statement in WRITTEN:
                connection.execute(statement)
        with open_cluster(tmp_path, emulator, lambda: postgresql_server.url(database)) as cluster:
            yield Attack(cluster, postgresql_server, database, random.Random(SEED))


def test_whatever_is_lost_at_whatever_moment_nothing_is_written_twice(attack: Attack) -> None:
    b, c = map(attack.cluster.host, "bc")
    people: dict[int, list[int]] = {}
    usual: dict[int, int] = {}
    calls = attack.cluster.emulator.sandbox.calls
    for size in SIZES:
        before = attack.read_values()
        for _ in range(2):  # the second knows the records already, as all that follow
            calls.clear()
            attack.drop(size)
            b.run("run", SLUG, "--partition", DAY)
        usual[size] = len(calls)
        after = attack.read_values()
        people[size] = [number for number in range(size) if after.get(email(number)) != before.get(email(number))]
    for turn in range(ROUNDS):
        size, loss = attack.chance.choice(SIZES), attack.chance.choice(LOSSES)
        moment, delay = attack.chance.randint(1, usual[size]), attack.chance.uniform(0.0, MOST_DELAY)
        said = f"SEED={SEED}, round {turn}: {loss.__name__} {delay:.2f} s after call {moment} of about {usual[size]}"
        said += f" with {size} rows"
        attack.drop(size)
        calls.clear()
        pushing = b.start("run", SLUG, "--partition", DAY)
        while len(calls) < moment and pushing.poll() is None:
            time.sleep(LOOK_SECONDS)
        time.sleep(delay)
        ended = pushing.poll() is not None
        loss(attack, b)
        attack.let_beats_grow_old("b")
        if attack.chance.random() < 0.5:  # the newest report counts, also where the lost run had another
            attack.drop(size)
        began = time.monotonic()
        taken = c.ask("run", SLUG, "--partition", DAY)
        print(f"{said}{', it had ended' if ended else ''}; the next took {time.monotonic() - began:.0f} s", flush=True)
        if loss is stop_host:
            b.signal(GO_ON)
        if loss is not lose_host:
            pushing.communicate(timeout=LONGEST)
        assert taken["status"] == "Completed", said
        values = attack.read_values()
        wrong = [number for number in people[size] if values[email(number)] != attack.number * STEP + number]
        assert (wrong, attack.list_faults()) == ([], []), said
        assert attack.query("SELECT * FROM leases") == [], said
        assert attack.query("SELECT * FROM sent_work WHERE settled_at IS NULL") == [], said
        outcomes = {line["outcome"] for line in c.ask("ledger", taken["run_id"], "--limit", str(2 * size))}
        assert not outcomes & {"unknown", "failed", "unprocessed", "conflict"}, said
