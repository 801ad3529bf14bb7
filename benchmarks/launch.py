"""`python -m benchmarks.launch`: seconds from a launch in the Dagster UI to the first API call, with the queue between.

The Dagster webserver and daemon run as `integration-center up` starts them; each launch is the mutation that the UI
sends. The org's own log tells when the first call came, so both clocks are this machine's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from statistics import median

import dagster as dg
import httpx
from rich.console import Console
from rich.table import Table

from benchmarks import product
from benchmarks.emulated_org import EmulatedOrg, emulated_org
from benchmarks.runner import KEPT_VARIABLES, PRODUCT, ROOT, Place, connect
from benchmarks.scenario import Task, plan_days, write_reports
from integration_center.cli.embedded import running
from integration_center.cli.serve import LOOPBACK, await_answer
from integration_center.integration import Environment
from integration_center.launching import RunRequest, Webserver, wait_for
from integration_center.settings import PROJECT
from integration_center.translator import run_tags

GOAL_SECONDS = 3.6
PORT = 3999
ROWS = 1_000
PHASES = ("queued", "taken from the queue", "run started", "first API call")
MARKS = (
    dg.DagsterEventType.PIPELINE_ENQUEUED,
    dg.DagsterEventType.PIPELINE_STARTING,
    dg.DagsterEventType.PIPELINE_START,
)


def main() -> int:
    """Print each launch's phases; 1 when the median of the first calls is over the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launch", description=__doc__)
    parser.add_argument("--launches", type=int, default=5)
    options = parser.parse_args()
    days = plan_days()
    with tempfile.TemporaryDirectory(prefix="benchmark-launch-") as name, ExitStack() as stack:
        folder = Path(name)
        write_reports(ROWS, days, folder / "reports")
        org = stack.enter_context(emulated_org(ROWS, folder / "org"))
        environment = prepare(org, folder)
        webserver = stack.enter_context(served(environment))
        home = environment["DAGSTER_HOME"]
        instance = stack.enter_context(dg.DagsterInstance.from_config(home))
        launches = [launch(org, webserver, instance, days[-1].date) for _ in range(options.launches)]
    table = Table("launch", *PHASES, title="Seconds since the launch")
    for number, seconds in enumerate(launches, start=1):
        table.add_row(str(number), *(f"{each:.2f}" for each in seconds))
    middle = median(seconds[-1] for seconds in launches)
    table.add_row("median", *(f"{median(each):.2f}" for each in zip(*launches, strict=True)))
    Console().print(table)
    met = middle <= GOAL_SECONDS
    Console().print(f"{'met' if met else 'missed'}: first API call after {middle:.2f} s, at most {GOAL_SECONDS} s")
    return 0 if met else 1


def prepare(org: EmulatedOrg, folder: Path) -> dict[str, str]:
    """A home of the product with one integration, connected; the environment of its processes."""
    product.write_home(folder / "home")
    task = Task(org.url, org.client_id, org.client_secret, "", "")
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"PYTHONPATH": str(ROOT)} | product.build_environment(folder / "home", folder / "reports", task)
    connect(Place(PRODUCT, org, environment, folder))
    return environment


@contextmanager
def served(environment: dict[str, str]) -> Iterator[Webserver]:
    """The Dagster webserver and daemon, for the length of the block."""
    workspace = ["-w", str(PROJECT / "workspace.yaml")]
    python = [sys.executable, "-m"]
    with ExitStack() as stack:
        commands = (
            [*python, "dagster_webserver", "-h", LOOPBACK, "-p", str(PORT), *workspace],
            [*python, "dagster._daemon", "run", *workspace],
        )
        processes = [
            stack.enter_context(running(command, environment, stdout=subprocess.DEVNULL)) for command in commands
        ]
        url = f"http://{LOOPBACK}:{PORT}"
        await_answer(f"{url}/server_info", processes)
        yield Webserver(url)


def launch(org: EmulatedOrg, webserver: Webserver, instance: dg.DagsterInstance, day: date) -> list[float]:
    """One run of one day; the seconds from its launch to each of `PHASES`."""
    org.forget_calls()
    begun = time.time()
    tags = run_tags(product.SLUG, Environment.SANDBOX, "benchmark")
    run_id = webserver.launch(RunRequest(product.SLUG, (day, day), tags))
    if not wait_for(instance, run_id, lambda status: None, poll=0.5):
        raise RuntimeError(f"run {run_id} failed")
    marks = {
        event.dagster_event.event_type: event.timestamp for event in instance.all_logs(run_id) if event.dagster_event
    }
    calls = httpx.get(f"{org.url}/__emulator__/calls").raise_for_status().json()
    first = min(datetime.fromisoformat(call["at"]) for call in calls if call["path"].startswith("/services/data"))
    return [*(marks[mark] - begun for mark in MARKS), first.timestamp() - begun]


if __name__ == "__main__":
    sys.exit(main())
