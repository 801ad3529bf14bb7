"""`python -m benchmarks.launch`: seconds from a launch in the Dagster UI to the first API call, with the queue between.

The Dagster webserver and daemon run as `integration-center up` starts them; each launch is the mutation that the UI
sends. The org's own log tells when the first call came, so both clocks are this machine's.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
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
from benchmarks.tables import Verdict
from integration_center.cli.embedded import LOOPBACK
from integration_center.cli.serve import await_answer, build_dagster_parts
from integration_center.cli.supervision import Supervisor
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.pipeline.location.launching import wait_for
from integration_center.pipeline.names import run_tags
from integration_center.remote import log_retries

GOAL_SECONDS = 3.6
LAUNCHES = 5
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
    parser.add_argument("--launches", type=int, default=LAUNCHES)
    options = parser.parse_args()
    launches = measure_launches(options.launches)
    console = Console()
    console.print(build_table(launches))
    verdict = judge_launches(launches)
    console.print(f"{'met' if verdict.met else 'missed'}: {verdict.sentence}")
    return 0 if verdict.met else 1


def measure_launches(count: int) -> list[list[float]]:
    """Launch so many runs one after another; of each, the seconds from its launch to each of `PHASES`."""
    days = plan_days()
    with tempfile.TemporaryDirectory(prefix="benchmark-launch-") as name, ExitStack() as stack:
        folder = Path(name)
        write_reports(ROWS, days, folder / "reports")
        org = stack.enter_context(emulated_org(ROWS, folder / "org"))
        environment = prepare(org, folder)
        instance = stack.enter_context(dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]))
        instance.get_runs_count()  # makes the tables, which webserver and daemon would both make at once
        webserver = stack.enter_context(served(environment))
        return [launch(org, webserver, instance, days[-1].date) for _ in range(count)]


def find_medians(launches: Sequence[Sequence[float]]) -> list[float]:
    """The median of each phase."""
    return [median(seconds) for seconds in zip(*launches, strict=True)]


def build_table(launches: Sequence[Sequence[float]]) -> Table:
    """Each launch and the medians, for the terminal."""
    table = Table("launch", *PHASES, title="Seconds since the launch")
    for name, seconds in [*enumerate(launches, start=1), ("median", find_medians(launches))]:
        table.add_row(str(name), *(f"{each:.2f}" for each in seconds))
    return table


def judge_launches(launches: Sequence[Sequence[float]]) -> Verdict:
    """Whether the first API call comes soon enough."""
    seconds = find_medians(launches)[-1]
    sentence = (
        f"from a launch in the UI to the first API call, through the queue: {seconds:.2f} s (median of"
        f" {len(launches)}), at most {GOAL_SECONDS} s"
    )
    return Verdict(sentence, seconds <= GOAL_SECONDS, exact=False)


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
    log_retries()  # else waiting for Dagster would fill the terminal
    quiet = [replace(part, silent=True) for part in build_dagster_parts(PORT, environment)]
    supervisor = Supervisor(quiet, say=lambda sentence: None)
    url = f"http://{LOOPBACK}:{PORT}"
    try:
        supervisor.start()
        await_answer(f"{url}/server_info", supervisor)
        yield Webserver(url)
    finally:
        supervisor.stop()


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
