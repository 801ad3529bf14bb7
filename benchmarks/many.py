"""`python -m benchmarks.many`: what an installation takes by its number of integrations, which must grow with it alone.

The code location, the jobs of a project of somebody else, one tick of the daily schedule and the log are measured,
each in a process of its own. Dagster's history is kept as the documentation says for hundreds of integrations: by
`RunHistory`, or in a database of `--database`, which must be new.
"""

import argparse
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster._daemon  # noqa: F401 - before the scheduler, which it imports and is imported by
import yaml
from cryptography.fernet import Fernet
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._scheduler.scheduler import launch_scheduled_runs
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.console_pages import build_file
from benchmarks.processor_time import list_children, read_seconds
from benchmarks.product import write_home
from benchmarks.runner import KEPT_VARIABLES, ROOT
from benchmarks.whole import Used, measure
from integration_center.pipeline.instance.code_locations import LOCATION
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.names import DAILY_SCHEDULE
from integration_center.pipeline.planned_events import TOGETHER
from integration_center.pipeline.run_history import RunHistory
from integration_center.settings import read_settings
from integration_center.store.home import ON_SERVER

HISTORY = {
    "storage": {
        "custom": {
            "module": RunHistory.__module__,
            "class": RunHistory.__name__,
            "config": {"base_dir": {"env": "DAGSTER_HOME"}},
        }
    }
}
SIZES = (10, 100, 500)
GOALS = {"load": 6.0, "foreign": 3.0, "server": 10.0, "tick": 20.0}
"""Seconds of the processor at the most integrations."""
MOST_GROWTH = 1.5
"""How much more one integration may take among many than among a hundred."""
LOAD = """
import time
from integration_center.definitions import defs
begun = time.process_time()
defs().get_repository_def().get_all_jobs()
print("took", time.process_time() - begun)
"""
FOREIGN = """
import pathlib, sys, time, dagster
definitions = dagster.load_from_defs_folder(path_within_project=pathlib.Path(sys.argv[1]))
repository = definitions.get_repository_def()
begun = time.process_time()
repository.get_all_jobs()
print("took", time.process_time() - begun)
"""
"""In a project of somebody else, what all jobs take once Dagster has loaded the components, one by one."""
TOOK = re.compile(r"^took ([\d.]+)$", re.MULTILINE)
LOADED = re.compile(r"^loaded ([\d.]+)$", re.MULTILINE)
QUEUED = re.compile(r"^queued (\d+) runs$", re.MULTILINE)
TICK = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """What one number of integrations took, in seconds of the processor.

    Attributes:
        server: to start the code server, and to load the location in it.
        tick: what daemon and code server take to queue the runs, once they have loaded it.
        peak: the largest resident memory of the tick, in bytes.
        queued: how many runs the tick queued.
    """

    integrations: int
    load: float
    foreign: float
    server: float
    tick: float
    log: float
    peak: int
    queued: int


def main() -> int:
    """Print the measures; return 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=3, default=SIZES, help="three numbers of integrations")
    parser.add_argument("--database", help="the URL of a new database for each number, with {number} in it")
    parser.add_argument("--tick", action="store_true", help="evaluate one tick in this process, for the measure")
    options = parser.parse_args()
    if options.tick:
        queued, loaded, took = evaluate_tick()
        print(f"\nqueued {queued} runs\nloaded {loaded}\ntook {took}", flush=True)
        return 0
    console = Console()
    results = [measure_size(number, options.database) for number in options.sizes]
    console.print(build_table(results))
    missed = list_missed(results)
    for line in missed:
        console.print(f"missed: {line}")
    return 1 if missed else 0


def measure_size(number: int, database: str | None) -> Measured:
    """Measure an installation with so many integrations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = prepare(folder, number, database)
        project = write_project(folder / "acme", number)
        runs = [
            measure([sys.executable, "-W", "ignore", *command], environment, ROOT)
            for command in (
                ("-c", LOAD),
                ("-c", FOREIGN, str(project)),
                ("-m", "benchmarks.many", "--tick"),
                ("-m", "integration_center", "log", "--json"),
            )
        ]
    load, jobs, tick, log = runs
    queued = QUEUED.search(tick.output)  # among what Dagster's code server prints
    return Measured(
        integrations=number,
        load=read_took(load),
        foreign=read_took(jobs),
        server=read_took(tick, LOADED),
        tick=read_took(tick),
        log=log.cpu,
        peak=tick.peak,
        queued=int(queued[1]) if queued else 0,
    )


def read_took(used: Used, said: re.Pattern[str] = TOOK) -> float:
    """Read the seconds that a process printed.

    Raises:
        RuntimeError: it printed none.
    """
    took = said.search(used.output)
    if took is None:
        raise RuntimeError(f"no time was printed: {used.output[-500:]}")
    return float(took[1])


def prepare(folder: Path, number: int, database: str | None = None) -> Mapping[str, str]:
    """Write an installation, and return its environment."""
    defs, home = folder / "defs", folder / "home"
    write_home(home)
    write_integrations(defs, number)
    with (home / "dagster.yaml").open("a", encoding="utf-8") as options:
        options.write(ON_SERVER.read_text(encoding="utf-8") if database else yaml.safe_dump(HISTORY))
    kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
    environment = {
        **kept,
        **TOGETHER,  # as `up` starts Dagster
        "DAGSTER_HOME": str(home),
        "INTEGRATION_CENTER_DEFS": str(defs),
        "PYTHONPATH": str(folder / "acme"),
    }
    if database:
        environment["INTEGRATION_CENTER_DATABASE_URL"] = database.replace("{number}", str(number))
        environment["INTEGRATION_CENTER_SECRET_KEY"] = Fernet.generate_key().decode()
        subprocess.run([sys.executable, "-m", "integration_center", "migrate"], env=environment, cwd=ROOT, check=True)
    return environment


def write_integrations(defs: Path, number: int) -> None:
    """Write so many integrations, each to an object of its own."""
    for index in range(number):
        place = defs / f"integration_{index}"
        place.mkdir(parents=True)
        (place / "defs.yaml").write_text(yaml.safe_dump(build_file(index)), encoding="utf-8")


def write_project(root: Path, number: int) -> Path:
    """Write a project of somebody else as `create-dagster` lays it out, and return its folder."""
    defs = root / "acme" / "defs"
    write_integrations(defs, number)
    for package in (defs.parent, defs):
        (package / "__init__.py").touch()
    project = "[project]\nname = 'acme'\nversion = '0.1.0'\n"
    tool = (
        "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'acme'\ncode_location_name = 'acme'\n"
    )
    (root / "pyproject.toml").write_text(project + tool, encoding="utf-8")
    return root


def evaluate_tick() -> tuple[int, float, float]:
    """Evaluate the tick of the daily schedule as the daemon does.

    The daemon looks once before it is time, as it does all day: Dagster and the code server have loaded all by then.

    Returns:
        How many runs it queued; the seconds of the processor of the code server until it has loaded all and answered
        what is in it; and those of daemon and code server for the tick.
    """
    target = ModuleTarget("integration_center.definitions", None, str(ROOT), LOCATION)
    with (
        open_instance(read_settings()) as instance,
        WorkspaceProcessContext(instance, target) as process,
    ):
        (daemon, server), (later_daemon, later_server) = (
            evaluate(process, moment) for moment in (TICK - timedelta(minutes=5), TICK + timedelta(seconds=1))
        )
        return instance.get_runs_count(), server, later_daemon - daemon + later_server - server


def evaluate(process: WorkspaceProcessContext, moment: datetime) -> tuple[float, float]:
    """Evaluate the schedules, and return what this process and its code server took of the processor until now."""
    list(launch_scheduled_runs(process, logging.getLogger(DAILY_SCHEDULE), moment, {}))
    return time.process_time(), sum(map(read_seconds, list_children(os.getpid())))


def build_table(results: list[Measured]) -> Table:
    """Build the table of what was measured."""
    table = Table(title="Many integrations, seconds of the processor", box=box.SIMPLE)
    for name in (
        "integrations",
        "load",
        "jobs of a foreign project",
        "code server loaded",
        "tick",
        "runs queued",
        "log",
        "peak MB of the tick",
    ):
        table.add_column(name, justify="right")
    for one in results:
        table.add_row(
            *(str(one.integrations), f"{one.load:.2f}", f"{one.foreign:.2f}", f"{one.server:.1f}", f"{one.tick:.2f}"),
            *(str(one.queued), f"{one.log:.1f}", f"{one.peak / 1_000_000:.0f}"),
        )
    return table


def list_missed(results: list[Measured]) -> list[str]:
    """List the goals that were missed."""
    few, some, most = results
    missed = [f"{name}: over {goal:g} s" for name, goal in GOALS.items() if getattr(most, name) > goal]
    for name in GOALS:
        base = getattr(few, name)
        each = (getattr(some, name) - base) / (some.integrations - few.integrations)
        last = (getattr(most, name) - base) / (most.integrations - few.integrations)
        if last > MOST_GROWTH * each:
            missed.append(f"{name}: one integration takes {last / each:.1f} times as much among many")
    missed += [
        f"{one.queued} runs of {one.integrations} were queued" for one in results if one.queued < one.integrations
    ]
    return missed


if __name__ == "__main__":
    sys.exit(main())
