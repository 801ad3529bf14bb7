"""`python -m benchmarks.reading [--rows N] [--columns 4 300]`: what reading and storing a report of quoted cells takes.

Each report is read in a process of its own, measured from outside; what its imports take is subtracted. `read_csv` of
Polars alone reads the same file in the same run.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measure import MEGABYTE
from benchmarks.runner import KEPT_VARIABLES, ROOT
from benchmarks.scenario import build_report
from benchmarks.whole import EMPTY, READ_CSV, Used, measure
from integration_center.insights.drop_folders.drops import RESTING_SECONDS

DAY = date(2026, 11, 20)
IMPORTS = """
import sys
from datetime import date
from pathlib import Path
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.store.frames import write_slices
"""
READ = f"""{IMPORTS}
root = Path(sys.argv[1])
source = FilesSource(LocalDrops(root))
keep = lambda schema, slices: write_slices(slices, schema, root / "report.parquet").scan()
source.read(source.find("logins"), date.fromisoformat({DAY.isoformat()!r}), keep)
"""


def write_report(rows: int, columns: int, root: Path) -> Path:
    """Write a report as a drop."""
    path = root / "logins" / f"{DAY}.csv"
    path.parent.mkdir(parents=True)
    build_report(rows, 0, columns).write_csv(path, quote_style="always")
    return path


def measure_reading(rows: int, columns: int) -> tuple[int, Used, Used]:
    """Measure the reading of a report; return the size of its file, what was used, and what Polars alone used."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory(prefix="benchmark-reading-") as name:
        root = Path(name)
        path = write_report(rows, columns, root)
        size = path.stat().st_size
        empty = measure([sys.executable, "-c", IMPORTS], environment, root)
        time.sleep(RESTING_SECONDS)  # as every drop lies there for a while before a run reads it
        used = measure([sys.executable, "-c", READ, str(root)], environment, root)
        bare = measure([sys.executable, "-c", EMPTY], environment, root)
        alone = measure([sys.executable, "-c", READ_CSV, str(path)], environment, root)
    return size, subtract(used, empty), subtract(alone, bare)


def subtract(used: Used, start: Used) -> Used:
    """Leave out what the start of a process takes; its memory counts."""
    return Used(used.wall - start.wall, used.cpu - start.cpu, used.peak, "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000], help="report rows, several sizes")
    parser.add_argument("--columns", type=int, nargs="+", default=[4, 300], help="columns of the report, 4 or more")
    options = parser.parse_args()
    titles = ("Rows", "Columns", "File MB", "Wall s", "CPU s", "Peak MB", "read_csv: CPU s", "Peak MB", "CPU beside it")
    table = Table(*titles, box=box.SIMPLE_HEAD)
    for rows in options.rows:
        for columns in options.columns:
            size, used, alone = measure_reading(rows, columns)
            cells = (size / MEGABYTE, used.wall, used.cpu, used.peak / MEGABYTE, alone.cpu, alone.peak / MEGABYTE)
            times = f"{used.cpu / alone.cpu:.1f} x"
            table.add_row(f"{rows:,}", str(columns), *(f"{each:.1f}" for each in cells), times)
    console = Console()
    if not console.is_terminal:
        console.width = 130
    console.print(table)


if __name__ == "__main__":
    main()
