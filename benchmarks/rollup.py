"""`python -m benchmarks.rollup`: what a roll-up takes, beside the same sync without it, in Markdown.

Each case runs once as a plain mapping, which uses one row per key, and once with `rows: all`: the same report, the same
keys and fields, a copy of the same org, and a fresh process each.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import polars as pl
import yaml

from benchmarks import product
from benchmarks.emulated_org import emulated_org
from benchmarks.measure import MEGABYTE, Measurement
from benchmarks.runner import KEPT_VARIABLES, ROOT, Place, build_task, connect, run_process
from benchmarks.runner import PRODUCT as CONTESTANT
from benchmarks.scenario import FIELDS, KEY_COLUMN, Day, Task, build_report, plan_days

MOST_CPU = 1.5
"""How many times the processor time of the plain sync a roll-up may take."""
ABOUT = """
## Roll-ups

`python -m benchmarks.rollup`: the same report into the same org, once with one row per key and once with `rows: all`. A
roll-up may take 1.5 times the processor time of the sync without it.

"""
AGGREGATES = {"First Login": "MIN", "Last Login": "MAX", "# Logins Last 30 Days": "SUM"}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "one row per key": {"latest_by": "Last Login"},
    "rolled up": {
        "rows": "all",
        "fields": [{"value": f'{AGGREGATES[column]}("{column}")', "field": field} for column, field in FIELDS.items()],
    },
}


@dataclass(frozen=True)
class Case:
    """One report.

    Attributes:
        rows: of each day.
        records: how many keys the rows share.
        days: how many days there are; several are a report of events with a window.
    """

    rows: int
    records: int
    days: int = 1

    @property
    def title(self) -> str:
        """The case in a few words."""
        what = f"{self.rows:,} rows" if self.days == 1 else f"{self.days} days of {self.rows:,} rows"
        return f"{what} to {self.records:,} records"

    def write(self, reports: Path, day: Day) -> Path:
        """Write the report's files; returns the newest."""
        folder = reports / "logins"
        folder.mkdir(parents=True)
        about = {"name": "Logins Review", "kind": "events" if self.days > 1 else "snapshot", "key_column": KEY_COLUMN}
        (folder / "report.yaml").write_text(yaml.safe_dump(about))
        people = build_report(self.records, 0).get_column(KEY_COLUMN)
        values = build_report(self.rows, 0).drop(KEY_COLUMN)
        for back in range(self.days):
            keys = people.gather((pl.int_range(self.rows, eager=True) * 31 + back) % self.records)
            path = folder / f"{day.date - timedelta(days=back)}.csv"
            pl.DataFrame([keys, *values.with_columns(pl.col("# Logins Last 30 Days") + back)]).write_csv(path)
        return folder / f"{day.date}.csv"


CASES = (Case(1_000_000, 50_000), Case(20_000, 20_000, days=90))


def measure_case(case: Case, *, divide: int = 1) -> Iterator[tuple[str, Measurement]]:
    """Run both variants of a case, with all its numbers of rows divided by `divide`."""
    case = Case(case.rows // divide, case.records // divide, case.days)
    day = plan_days()[-1]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        root = Path(name)
        report = case.write(root / "reports", day)
        with emulated_org(case.records, root / "seed"):
            pass
        for variant, attributes in VARIANTS.items():
            folder = root / variant.replace(" ", "_")
            folder.mkdir()
            with emulated_org(case.records, Path(copytree(root / "seed", folder / "org"))) as org:
                environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
                window = {"window": case.days} if case.days > 1 else {}
                product.write_home(folder / "home", {**attributes, **window})
                task = Task(org.url, org.client_id, org.client_secret, "", "")
                environment |= {"PYTHONPATH": str(ROOT)}
                environment |= product.build_environment(folder / "home", root / "reports", task)
                connect(Place(CONTESTANT, org, environment, folder))
                yield (
                    variant,
                    run_process(CONTESTANT.module, build_task(org, day, report), environment, folder),
                )


def write_case(case: Case, measured: Mapping[str, Measurement]) -> str:
    """Write the table of a case."""
    plain = next(iter(measured.values()))
    lines = [
        f"### {case.title}",
        "",
        "| | Written | Wall s | CPU s | × plain | Peak MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for variant, one in measured.items():
        times, peak = one.cpu / plain.cpu, one.peak / MEGABYTE
        lines.append(f"| {variant} | {one.written:,} | {one.wall:.1f} | {one.cpu:.2f} | {times:.2f} | {peak:.0f} |")
    return "\n".join([*lines, ""])


def write_rollups(*, divide: int = 1) -> Iterator[tuple[str, bool]]:
    """Run all cases; of each its table, and whether the roll-up takes no more of the processor than it may."""
    for case in CASES:
        measured = dict(measure_case(case, divide=divide))
        plain, rolled = measured.values()
        yield write_case(case, measured), rolled.cpu <= MOST_CPU * plain.cpu


def main() -> int:
    """Run all cases; 1 when a roll-up takes more of the processor than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollup", description=__doc__)
    parser.add_argument("--divide", type=int, default=1, help="divide the numbers of rows, for a quick look")
    options = parser.parse_args()
    passed = True
    for table, is_within in write_rollups(divide=options.divide):
        sys.stdout.write(table + "\n")
        sys.stdout.flush()
        passed = passed and is_within
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
