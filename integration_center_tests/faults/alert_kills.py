"""`python -m integration_center_tests.faults.alert_kills`: whatever is killed, each incident has one message.

A real installation with `up`, its daemon, code server, web server and console, sends alerts to a receiver over HTTP.
Runs fail because their report is missing, or because they are killed. Processes are killed at random moments, and the
sender of a message exactly when the receiver has its message and has not answered, or has just answered.

At the end each incident of the database was opened once and ended once in each channel. A channel that knows the ids of
messages (webhooks and PagerDuty) may get a message again; it then has the same id.
"""

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml
from sqlalchemy import func, select

from integration_center.database.engine import reading
from integration_center.database.incidents import Incidents
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import alert_messages, incidents
from integration_center.installation import open_installation
from integration_center_tests.alerts.receivers import SECRET, Receiver, receiving
from integration_center_tests.faults.soak import SLUG, Soak, last_full_day_now, prepared, settle
from integration_center_tests.pipeline.center import FIRST, HEADER, LAST

FURTHER = {"second": (HEADER[1], FIRST), "third": (HEADER[2], LAST)}
"""Two further integrations: column and field."""
SLUGS = (SLUG, *FURTHER)
PAUSE = (8.0, 20.0)
"""Seconds between two kills at random."""
TRIES = 6
"""How often a run is started until it is not killed."""
LATEST = 150.0
"""Seconds within which the receiver has all messages, whatever was killed meanwhile."""
SHARE = 0.4
"""The share of the messages whose sender is killed."""
TCP = Path("/proc/net/tcp")


@dataclass
class Killer:
    """Kills the sender of a message while the receiver has it.

    Attributes:
        armed: whether senders are killed.
        killed: how often at which moment.
    """

    chance: random.Random
    armed: bool = False
    killed: Counter[str] = field(default_factory=Counter)

    def look(self, moment: Literal["unanswered", "answered"], port: int) -> None:
        """Kill the process that has this port, or let it live."""
        if self.armed and self.chance.random() < SHARE / 2 and (pid := find_process(port)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed[f"the sender of a message, {moment}"] += 1


def find_process(port: int) -> int | None:
    """Find the process that has a TCP connection from a port of this machine."""
    for line in TCP.read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            return find_owner(f"socket:[{fields[9]}]")
    return None


def find_owner(socket: str) -> int | None:
    """Find the process that has a socket open."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if any(os.readlink(each) == socket for each in (folder / "fd").iterdir()):
                    return int(folder.name)
    return None


def prepare(it: Soak, receiver: Receiver) -> None:
    """Add two integrations, and the channels."""
    document = yaml.safe_load((it.home / "defs" / SLUG / "defs.yaml").read_text(encoding="utf-8"))
    for slug, (column, name) in FURTHER.items():
        document["attributes"] |= {"name": f"The {slug}", "fields": [{"column": column, "field": name}]}
        (it.home / "defs" / slug).mkdir()
        (it.home / "defs" / slug / "defs.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    channels = {
        "chat": {"type": "slack", "url": f"{receiver.url}/slack"},
        "pager": {"type": "pagerduty", "routing_key": "R" * 32, "url": f"{receiver.url}/v2/enqueue"},
        "hook": {"type": "webhook", "url": f"{receiver.url}/hooks", "secret": SECRET},
    }
    place = it.home / "alerts.yaml"
    place.write_text(yaml.safe_dump({"channels": channels}), encoding="utf-8")
    place.chmod(0o600)


def run_until_told(it: Soak, slug: str, *, good: bool) -> None:
    """Run an integration until the log says that its last run went well, or that it failed."""
    for _ in range(TRIES):
        it.run("run", slug)
        settle(it)
        with open_installation() as installation:
            history = installation.syncs.history(slug, limit=1)
        if history and (history[0].status is SyncStatus.COMPLETED) == good:
            return
    raise SystemExit(f"{slug} could not be brought to an end in {TRIES} runs")


def kill_run(it: Soak, number: int) -> None:
    """Start a run, and kill it while it works, until the log says that a killed run failed."""
    for attempt in range(TRIES):
        it.drop(number + attempt)
        command = it.launch(["run", SLUG], it.home / "commands.log")
        while command.poll() is None:
            for pid in it.find_runs():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    it.killed["a run"] += 1
            time.sleep(0.05)
        settle(it)
        with open_installation() as installation:
            history = installation.syncs.history(SLUG, limit=1)
        if history and history[0].status is SyncStatus.FAILED:
            return
    raise SystemExit(f"no run could be killed in {TRIES} runs")


def await_messages(*, open_incidents: int) -> None:
    """Wait until so many incidents are open, and all messages are sent.

    Raises:
        SystemExit: it takes too long.
    """
    waiting = select(func.count()).where(alert_messages.c.due_at.is_not(None))
    deadline = time.monotonic() + LATEST
    while time.monotonic() < deadline:
        with open_installation() as installation:
            still = [each for each in Incidents(installation.engine).open() if each.slug]
            with reading(installation.engine) as connection:
                if len(still) == open_incidents and not connection.execute(waiting).scalar_one():
                    return
        time.sleep(0.5)
    raise SystemExit(f"after {LATEST:.0f} s there are {len(still)} incidents open, instead of {open_incidents}")


def kill_at_random(it: Soak, killer: Killer, over: threading.Event, seconds: tuple[float, float]) -> None:
    """Kill processes until it is over, and start `up` again each time it is killed."""
    following = time.monotonic() + it.chance.uniform(*seconds)
    while not over.wait(0.5):
        if it.up and it.up.poll() is not None:
            killer.armed = False
            it.up.wait()
            it.start_up()
            killer.armed = True
        elif time.monotonic() > following:
            it.kill_something()
            following = time.monotonic() + it.chance.uniform(*seconds)


def find_wrong(receiver: Receiver, killed: int) -> list[str]:
    """Compare the incidents of the database with the messages that the receiver took."""
    with open_installation() as installation, reading(installation.engine) as connection:
        rows = connection.execute(select(incidents.c.id, incidents.c.content, incidents.c.ended_at)).all()
    wrong = [] if len(rows) >= len(SLUGS) else [f"there were only {len(rows)} incidents"]
    phases = Counter((row.id, phase) for row in rows for phase in ("opened", "ended")[: 2 if row.ended_at else 1])
    hooks = Counter((each["incident"], each["type"].removeprefix("incident.")) for each in receiver.of("/hooks"))
    events = Counter(
        (each["dedup_key"], "ended" if each["event_action"] == "resolve" else "opened")
        for each in receiver.of("/v2/enqueue")
    )
    ids = {each["id"] for each in receiver.of("/hooks")}
    wrong += [f"the webhook's {len(ids)} ids are of {len(hooks)} messages"] if len(ids) != len(hooks) else []
    for name, taken in (("webhook", hooks), ("PagerDuty", events)):
        wrong += [f"{name} has no message {phase} of {number}" for number, phase in phases.keys() - taken.keys()]
        wrong += [f"{name} has a message {phase} of {number}" for number, phase in taken.keys() - phases.keys()]
        again = sum(taken.values()) - len(taken)
        print(f"{name}: {len(taken)} messages, {again} came again with the same id")
    # Slack has no ids: of each title there are as many messages as incidents.
    chats = Counter(say_phase(each["text"]) for each in receiver.of("/slack"))
    expected = Counter(
        (row.content["title"], phase) for row in rows for phase in ("opened", "ended") if (row.id, phase) in phases
    )
    print(f"Slack: {chats.total()} messages, {expected.total()} expected")
    for key in chats.keys() | expected.keys():
        if chats[key] != expected[key]:
            wrong.append(f"Slack has {chats[key]} messages {key[1]} of {key[0]!r}, instead of {expected[key]}")
    print(f"{len(rows)} incidents, {killed} kills")
    return wrong


def say_phase(text: str) -> tuple[str, str]:
    """Read the title of an incident from a message, and whether it opens or ends it."""
    plain = text.removeprefix("Recovered: ").removeprefix("Over: ")
    title = ": ".join(plain.split(": ")[:2])
    return title, "opened" if plain == text else "ended"


def rehearse(rounds: int, seed: int, *, calm: bool = False) -> list[str]:
    """Let incidents begin and end while processes are killed; return what was wrong afterwards.

    Args:
        rounds: how often each integration fails and recovers.
        seed: of the random moments.
        calm: kill nothing, and measure how late messages are.
    """
    with prepared(seed) as it, receiving() as receiver:
        killer = Killer(it.chance)
        receiver.notice = killer.look
        prepare(it, receiver)
        if it.run("connect", "sandbox", "--flow", "client-credentials"):
            return [f"connect failed: {(it.home / 'commands.log').read_text()}"]
        it.start_up()
        killer.armed = not calm
        over = threading.Event()
        worker = threading.Thread(target=kill_at_random, args=(it, killer, over, PAUSE if not calm else (1e9, 1e9)))
        worker.start()
        try:
            for number in range(rounds):
                if not calm:
                    kill_run(it, 100 * (number + 1))
                    await_messages(open_incidents=1)
                    run_until_told(it, SLUG, good=True)
                    await_messages(open_incidents=0)
                    print(f"round {number + 1}: a run was killed, and the next one recovered", flush=True)
                (it.home / "drops" / "logins" / f"{last_full_day_now()}.csv").unlink(missing_ok=True)
                for good, wanted in ((False, len(SLUGS)), (True, 0)):
                    if good:
                        it.drop(100 * (number + 1) + 50)
                    for slug in SLUGS:
                        run_until_told(it, slug, good=good)
                    await_messages(open_incidents=wanted)
                    print(f"round {number + 1}: {'recovered' if good else 'failed'}", flush=True)
        finally:
            over.set()
            worker.join()
            killer.armed = False
            if it.up:
                it.up.send_signal(signal.SIGTERM)
                it.up.wait()
        print("killed:", dict(it.killed + killer.killed))
        print("seconds from the end of a run until its message:", say_delays(receiver))
        return find_wrong(receiver, (it.killed + killer.killed).total())


def say_delays(receiver: Receiver) -> str:
    """Say how long after the end of a failed run its message arrived, by the clock of this machine."""
    with open_installation() as installation, reading(installation.engine) as connection:
        opened = {row.id: row for row in connection.execute(select(incidents))}
        history = installation.syncs.history(limit=10_000)
    delays = []
    for (path, document), at in zip(receiver.taken, receiver.times, strict=True):
        if path == "/hooks" and document["type"] == "incident.opened" and opened[document["incident"]].slug:
            incident = opened[document["incident"]]
            ends = [
                line.ended_at
                for line in history
                if line.slug == incident.slug and line.ended_at and line.ended_at <= incident.opened_at
            ]
            delays += [(at - max(ends)).total_seconds()] if ends else []
    return ", ".join(f"{delay:.0f}" for delay in sorted(delays))


def main() -> None:
    """Rehearse, and exit 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--calm", action="store_true", help="kill nothing; measures how late messages are")
    arguments = parser.parse_args()
    print("seed:", arguments.seed)
    wrong = rehearse(arguments.rounds, arguments.seed, calm=arguments.calm)
    for sentence in wrong:
        print("WRONG:", sentence)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
