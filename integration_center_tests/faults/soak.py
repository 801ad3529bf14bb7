"""`python -m integration_center_tests.faults.soak`: processes are killed at random while runs and commands go on.

Against two local orgs over real HTTP. At the end no run is left started, no process is left, no line of the log is
open, the org holds what the last report says, and no value was written to a record twice.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import certifi
import dagster as dg
import yaml

from integration_center.cli.embedded import free_port
from integration_center.database.processes import this_process
from integration_center.database.sync_records import SyncStatus
from integration_center.insights.source import last_full_day
from integration_center.installation import open_installation
from integration_center.pipeline.instance.webserver import WEBSERVER_FILE
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, HEADER
from salesforce_emulator.people import build_person
from salesforce_emulator.server import Emulator, EmulatorConfig

RECORDS = 400
PEOPLE = range(1, 300)
PAUSE = (2.0, 9.0)
"""Seconds between two kills."""
READY_SECONDS = 120
SETTLED_SECONDS = 300
ORPHAN_SECONDS = 45
SLUG = "logins_to_leads"
PARTS = {
    "the Dagster UI": "integration_center.pipeline.instance.dagster_ui",
    "the daemon": "dagster._daemon",
    "the console": "integration_center\0console",
}
"""The processes of `up`, with words of their command lines."""
COMMANDS = (("log",), ("list",), ("log", SLUG, "--json"), ("plan", SLUG), ("ledger", "0" * 8))
WRITTEN = """
CREATE TABLE written (id TEXT, value REAL);
CREATE TRIGGER note_written AFTER UPDATE OF "{field}" ON "Lead" WHEN NEW."{field}" IS NOT NULL
BEGIN INSERT INTO written VALUES (NEW."Id", NEW."{field}"); END;
"""


@dataclass
class Soak:
    """One home with its `up`, and what was done to it.

    Attributes:
        home: `DAGSTER_HOME`.
        environment: the settings, as variables.
        ports: of the Dagster UI and the console.
        killed: how often what was killed.
        ended: how the commands ended, by their exit codes.
    """

    home: Path
    environment: Mapping[str, str]
    ports: tuple[int, int]
    emulator: Emulator
    chance: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    up: subprocess.Popen[bytes] | None = None
    command: subprocess.Popen[bytes] | None = None

    def start_up(self) -> None:
        """Start `up`, and wait until the Dagster UI answers."""
        options = ["--port", str(self.ports[0]), "--console-port", str(self.ports[1])]
        (self.home / WEBSERVER_FILE).unlink(missing_ok=True)
        self.up = self.launch(["up", *options], self.home / "up.log")
        deadline = time.monotonic() + READY_SECONDS
        while not (self.home / WEBSERVER_FILE).exists():
            if self.up.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"`up` did not start; see {self.home / 'up.log'}")
            time.sleep(0.2)

    def launch(self, arguments: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
        """A command of ours, which writes to a file."""
        with output.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "integration_center", *arguments],
                env=dict(self.environment),
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def work(self, until: float) -> int:
        """Drop a report, run it, look at the log, until the time is over; the number of the last report."""
        number = 0
        while time.monotonic() < until:
            number += 1
            self.drop(number)
            self.run("run", SLUG)
            self.run(*self.chance.choice(COMMANDS))
        return number

    def run(self, *arguments: str) -> int:
        """A command, to its end or until it is killed."""
        self.command = self.launch(arguments, self.home / "commands.log")
        code = self.command.wait()
        self.ended[f"{arguments[0]}: {code}"] += 1
        return code

    def drop(self, number: int) -> None:
        """A report in which each person has another value than ever before."""
        folder = self.home / "drops" / "logins"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [",".join(HEADER)]
        lines += [f"{build_person(person).email},,,{number * 1_000 + person}" for person in PEOPLE]
        new = folder / "new"
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        new.replace(folder / f"{last_full_day_now()}.csv")

    def kill_something(self) -> None:
        """Kill one process at random with SIGKILL, and start `up` again if it was that."""
        target = self.chance.choice([*PARTS, "a run", "a command", "up"])
        if target in PARTS:
            pids = self.find(PARTS[target])
        elif target == "a run":
            pids = self.find_runs()
        else:
            process = self.up if target == "up" else self.command
            pids = [process.pid] if process and process.poll() is None else []
        if not pids:
            return
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(pids), signal.SIGKILL)
            self.killed[target] += 1
        if target == "up" and self.up:
            self.up.wait()
            self.start_up()

    def find(self, words: str) -> list[int]:
        """The processes of this home whose command line has these words."""
        return [pid for pid, command in self.processes().items() if "tethered" in command and words in command]

    def find_runs(self) -> list[int]:
        """The processes that execute a run now."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        tags = [run.tags.get(PROCESS_TAG, "") for run in runs]
        return [int(tag.split("/")[1]) for tag in tags if tag and tag != this_process()]

    def processes(self) -> dict[int, str]:
        """The processes of this home, by number, with their command lines."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and int(folder.name) != os.getpid():
                with suppress(OSError):
                    if f"DAGSTER_HOME={self.home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                        found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        return found

    def await_end(self) -> dict[int, str]:
        """The processes that are left after a while."""
        deadline = time.monotonic() + ORPHAN_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(1)
        return left


def last_full_day_now() -> str:
    """The day that a run without one is for."""
    return last_full_day(datetime.now(UTC)).isoformat()


@contextmanager
def prepared(seed: int) -> Iterator[Soak]:
    """A home with the example and its org; nothing runs yet."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name, Emulator(EmulatorConfig(records=RECORDS)) as emulator:
        home = Path(name)
        (home / "defs" / SLUG).mkdir(parents=True)
        document = {
            "type": "integration_center.Integration",
            "attributes": {**EXAMPLE, "fields": [{"column": HEADER[3], "field": COUNT}], "limits": {"max_failed": 100}},
        }
        (home / "defs" / SLUG / "defs.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("INTEGRATION_", "WALKME_"))},
            "SSL_CERT_FILE": certifi.where(),
            "DAGSTER_HOME": str(home),
            "INTEGRATION_CENTER_DEFS": str(home / "defs"),
            "WALKME_SOURCE": "files",
            "WALKME_FILES_ROOT": str(home / "drops"),
            "SALESFORCE_SANDBOX_LOGIN_URL": emulator.sandbox.url,
            "SALESFORCE_SANDBOX_CLIENT_ID": emulator.sandbox.client_id,
            "SALESFORCE_SANDBOX_CLIENT_SECRET": emulator.sandbox.client_secret,
        }
        os.environ.update(environment)
        os.chdir(home)
        with emulator.sandbox.store.writing() as connection:
            for statement in WRITTEN.format(field=COUNT).strip().split("\n", 1):
                connection.execute(statement)
        yield Soak(home, environment, (free_port(), free_port()), emulator, random.Random(seed))


def soak(seconds: float, seed: int) -> list[str]:
    """Kill at random for so many seconds; what was found wrong afterwards."""
    with prepared(seed) as it:
        code = it.run("connect", "sandbox", "--flow", "client-credentials")
        if code:
            return [f"connect ended with {code}: {(it.home / 'commands.log').read_text()}"]
        it.start_up()
        over = time.monotonic() + seconds
        worker = threading.Thread(target=it.work, args=(over,))
        worker.start()
        while time.monotonic() < over:
            time.sleep(it.chance.uniform(*PAUSE))
            it.kill_something()
        worker.join()
        it.drop(9_999)
        last = it.run("run", SLUG)
        settle(it)
        wrong = [f"the last run ended with {last}"] if last else []
        if it.up:
            it.up.send_signal(signal.SIGTERM)
            it.up.wait()
        wrong += find_wrong(it)
        print("killed:", dict(it.killed))
        print("commands by exit code:", dict(sorted(it.ended.items())))
        if wrong:
            print((it.home / "up.log").read_text()[-6_000:])
            print((it.home / "commands.log").read_text()[-6_000:])
        return wrong


def settle(it: Soak) -> None:
    """Wait until Dagster has no run that is not finished."""
    finished = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
    going = dg.RunsFilter(statuses=[status for status in dg.DagsterRunStatus if status not in finished])
    deadline = time.monotonic() + SETTLED_SECONDS
    with dg.DagsterInstance.from_config(str(it.home)) as instance:
        while instance.get_runs(going) and time.monotonic() < deadline:
            time.sleep(1)
    it.run("log")


def find_wrong(it: Soak) -> list[str]:
    """What should not be, after everything has ended."""
    wrong = []
    with dg.DagsterInstance.from_config(str(it.home)) as instance:
        statuses = Counter(run.status.value for run in instance.get_runs())
        print("runs:", dict(statuses))
        going = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
        wrong += [f"{statuses[status]} runs are {status}" for status in going if statuses[status]]
    with open_installation(read_settings()) as installation:
        lines = Counter(line.status for line in installation.syncs.history(limit=10_000))
        print("lines of the log:", {status.value: count for status, count in lines.items()})
        wrong += [f"{lines[SyncStatus.RUNNING]} lines of the log are open"] if lines[SyncStatus.RUNNING] else []
    wrong += [f"process {pid} is left: {command[:80]!r}" for pid, command in it.await_end().items()]
    with it.emulator.sandbox.store.writing() as connection:
        repeated = "SELECT id, value, COUNT(*) FROM written GROUP BY 1, 2 HAVING COUNT(*) > 1"
        twice = connection.execute(repeated).fetchall()
        written = connection.execute("SELECT COUNT(*) FROM written").fetchone()[0]
    print("values written:", written)
    wrong += [f"{len(twice)} values were written twice, such as {tuple(twice[0])}"] if twice else []
    return wrong


def main() -> None:
    """Soak, and exit 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print("seed:", arguments.seed)
    wrong = soak(arguments.seconds, arguments.seed)
    for sentence in wrong:
        print("WRONG:", sentence)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
