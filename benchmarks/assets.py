"""`python -m benchmarks.assets`: a sync of rows from an upstream Parquet asset, beside the same rows as a CSV report.

Each way is one whole command in a fresh process, on a home and a copy of the org of its own.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from shutil import copytree

import dagster as dg
import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.emulated_org import emulated_org
from benchmarks.measure import MEGABYTE
from benchmarks.product import ATTRIBUTES, SLUG, build_environment, write_home
from benchmarks.runner import KEPT_VARIABLES, PRODUCT, ROOT, Place, connect
from benchmarks.scenario import Task, build_report, count_records, plan_days
from benchmarks.whole import Used, measure
from integration_center import build_integration_defs
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.location.launching import QUIET
from integration_center.settings import read_settings

ROWS = 1_000_000
MOST_CPU = 1.1
"""How many times the processor time of the report the asset may take."""
PARQUET = "BENCHMARK_PARQUET"
"""The variable that says where the upstream asset is."""
UPSTREAM = "marts/usage"
WAYS = ("report", "asset")


class ParquetFiles(dg.IOManager):
    """The IO manager of a team, which hands on the path to a file."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store nothing: the asset is there already."""

    def load_input(self, context: dg.InputContext) -> str:
        """Hand on the path."""
        return os.environ[PARQUET]


def build_project(way: str) -> dg.Definitions:
    """Build the definitions of a project, whose integration reads a report or an asset."""
    if way == "report":
        return build_integration_defs({SLUG: ATTRIBUTES})
    attributes = {name: value for name, value in ATTRIBUTES.items() if name != "report"}
    ours = build_integration_defs({SLUG: {**attributes, "source": {"asset": UPSTREAM, "load_as": "path"}}})
    team = dg.Definitions(
        assets=[dg.AssetSpec(dg.AssetKey(UPSTREAM.split("/")))], resources={"io_manager": ParquetFiles()}
    )
    return dg.Definitions.merge(team, ours)


def run(way: str, day: date) -> int:
    """Run the sync of a day in this process, print how many records it wrote, and return the exit code."""
    settings = read_settings()
    with open_instance(settings, executes_runs=True) as instance:
        job = build_project(way).resolve_job_def(SLUG)
        result = job.execute_in_process(
            instance=instance, partition_key=day.isoformat(), run_config={"loggers": QUIET}, raise_on_error=False
        )
    with open_installation(settings) as installation:
        sync = installation.syncs.get(result.run_id, SLUG)
    print(sync.counts["lines"].get("updated", 0) if result.success and sync else sync and sync.error)
    return 0 if result.success else 1


def measure_ways(rows: int) -> Iterator[tuple[str, Used]]:
    """Measure both ways with so many rows."""
    day = plan_days()[-1]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        root = Path(name)
        write_rows(rows, root, day.date)
        with emulated_org(count_records(rows), root / "seed"):
            pass
        for way in WAYS:
            folder = root / way
            folder.mkdir()
            with emulated_org(count_records(rows), Path(copytree(root / "seed", folder / "org"))) as org:
                write_home(folder / "home")
                task = Task(org.url, org.client_id, org.client_secret, "", "")
                environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
                environment |= {"PYTHONPATH": str(ROOT), PARQUET: str(root / "usage.parquet")}
                environment |= build_environment(folder / "home", root / "reports", task)
                connect(Place(PRODUCT, org, environment, folder))
                command = [sys.executable, "-W", "ignore", "-m", "benchmarks.assets", "--run", way]
                yield way, measure([*command, "--day", day.date.isoformat()], environment, folder)


def write_rows(rows: int, root: Path, day: date) -> None:
    """Write the same rows as a CSV report, and as Parquet with the types that an asset has."""
    frame = build_report(rows, 0)
    folder = root / "reports" / "logins"
    folder.mkdir(parents=True)
    frame.write_csv(folder / f"{day}.csv", quote_style="always")  # as most exports are
    moments = pl.col("First Login", "Last Login").str.to_datetime("%Y-%m-%d %H:%M:%S")
    frame.with_columns(moments).write_parquet(root / "usage.parquet")


def build_table(rows: int, measured: Mapping[str, Used]) -> Table:
    """Build the table of both ways."""
    table = Table(title=f"{rows:,} rows, first sync, the whole command", box=box.SIMPLE)
    for name in ("", "Written", "Wall s", "CPU s", "× report", "Peak MB"):
        table.add_column(name, justify="right" if name else "left")
    first = measured[WAYS[0]]
    for way, used in measured.items():
        written = f"{int(used.output.splitlines()[-1]):,}"
        shares = f"{used.cpu:.2f}", f"{used.cpu / first.cpu:.2f}"
        table.add_row(way, written, f"{used.wall:.1f}", *shares, f"{used.peak / MEGABYTE:.0f}")
    return table


def main() -> int:
    """Print both ways; return 1 when the asset takes more of the processor than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.assets", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="how many rows")
    parser.add_argument("--run", choices=WAYS, help="run one way in this process, for the measure")
    parser.add_argument("--day", type=date.fromisoformat, help="of that run")
    options = parser.parse_args()
    if options.run:
        return run(options.run, options.day)
    measured = dict(measure_ways(options.rows))
    console = Console()
    console.print(build_table(options.rows, measured))
    report, asset = (measured[way] for way in WAYS)
    return 0 if asset.cpu <= MOST_CPU * report.cpu else 1


if __name__ == "__main__":
    sys.exit(main())
