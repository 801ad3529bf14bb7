"""Runs every contestant through the scenario, a fresh process each day, and checks that all reach the same org."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import polars as pl

from benchmarks import floor, product
from benchmarks.emulated_org import EmulatedOrg, Traffic, emulated_org
from benchmarks.measure import Measurement
from benchmarks.scenario import FIELDS, OBJECT, Day, Task, count_records, plan_days, write_reports

ROOT = Path(__file__).resolve().parent.parent
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")
"""All that contestants get of the caller's environment: no proxy, and no setting of a real installation."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the work: a module that is run with the task on standard input."""

    name: str
    module: str


FLOOR = Contestant("floor", "benchmarks.floor")
PRODUCT = Contestant("Integration Center", "benchmarks.product")
ENGINE = Contestant("its engine alone", "benchmarks.engine")
PEER = Contestant("simple-salesforce", "benchmarks.peer")
CONTESTANTS = (FLOOR, PRODUCT, ENGINE, PEER)


@dataclass(frozen=True)
class Result:
    """What one contestant used on one day.

    Attributes:
        same_org: whether the org then holds, record by record, what it holds after the floor.
    """

    rows: int
    day: Day
    contestant: Contestant
    measurement: Measurement
    traffic: Traffic
    same_org: bool

    @property
    def counts_agree(self) -> bool:
        """Whether the contestant's own counts, where it has some, are those of the org's log."""
        own, seen = self.measurement, self.traffic
        pairs = ((own.calls, seen.calls), (own.sent, seen.sent), (own.received, seen.received))
        return all(counted in (None, logged) for counted, logged in pairs)


@dataclass(frozen=True)
class Place:
    """Where one contestant works."""

    contestant: Contestant
    org: EmulatedOrg
    environment: dict[str, str]
    folder: Path


def run_process(module: str, task: Task, environment: dict[str, str], folder: Path) -> Measurement:
    """One day of one contestant.

    Raises:
        RuntimeError: it failed; its own words are above.
    """
    command = [sys.executable, "-m", module]
    ended = subprocess.run(
        command, input=json.dumps(task.as_dict()), env=environment, cwd=folder, stdout=subprocess.PIPE, text=True
    )
    if ended.returncode:
        raise RuntimeError(f"{module} failed")
    return Measurement(**json.loads(ended.stdout.splitlines()[-1]))


def read_state(task: Task) -> pl.DataFrame:
    """What the org holds in the mapped fields."""
    with floor.sign_in(task) as http:
        return floor.read_records(http, f"SELECT {','.join(['Id', *FIELDS.values()])} FROM {OBJECT}").sort("Id")


def build_task(org: EmulatedOrg, day: Day, report: Path) -> Task:
    """The task of one contestant's day."""
    return Task(org.url, org.client_id, org.client_secret, day.date.isoformat(), str(report))


def connect(place: Place) -> None:
    """Connects the product's Sandbox, as a user does once."""
    command = [sys.executable, "-m", "integration_center", "connect", "sandbox", "--flow", "client-credentials"]
    subprocess.run(command, env=place.environment, cwd=place.folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def prepared(rows: int, contestants: Sequence[Contestant], root: Path, reports: Path) -> Iterator[list[Place]]:
    """A running org and a folder for each contestant; the orgs are copies of one, seeded once."""
    records, seed = count_records(rows), root / "seed"
    with emulated_org(records, seed):
        pass
    with ExitStack() as stack:
        places = []
        for contestant in contestants:
            folder = root / contestant.module
            folder.mkdir()
            org = stack.enter_context(emulated_org(records, Path(copytree(seed, folder / "org"))))
            environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
            environment["PYTHONPATH"] = str(ROOT)
            place = Place(contestant, org, environment, folder)
            if contestant is PRODUCT:
                product.write_home(folder / "home")
                task = Task(org.url, org.client_id, org.client_secret, "", "")
                environment |= product.build_environment(folder / "home", reports, task)
                connect(place)
            places.append(place)
        yield places


def run_scenario(
    rows: int, contestants: Sequence[Contestant] = CONTESTANTS, tell: Callable[[str], None] = print
) -> Iterator[Result]:
    """All contestants, day by day, one at a time; the floor is first, for the others are held against it."""
    days = plan_days()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        root = Path(folder)
        tell(f"{rows:,} rows: making the reports and the orgs of {count_records(rows):,} Leads")
        paths = write_reports(rows, days, root / "reports")
        with prepared(rows, contestants, root, root / "reports") as places:
            for day in days:
                state: pl.DataFrame | None = None
                for place in places:
                    tell(f"{rows:,} rows, {day.title}: {place.contestant.name}")
                    task = build_task(place.org, day, paths[day.date])
                    place.org.forget_calls()
                    measurement = run_process(place.contestant.module, task, place.environment, place.folder)
                    traffic = place.org.read_traffic()
                    reached = read_state(task)
                    state = reached if state is None else state
                    yield Result(rows, day, place.contestant, measurement, traffic, reached.equals(state))
                    place.org.move_clock(timedelta(days=1).total_seconds())
