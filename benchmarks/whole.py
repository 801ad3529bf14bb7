"""`python -m benchmarks.whole`: what the whole command takes, from its start to its exit, beside the floor.

Each process is measured from outside: seconds by the clock and of the processor, and its largest resident memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import product
from benchmarks.emulated_org import EmulatedOrg, emulated_org
from benchmarks.measure import MEGABYTE
from benchmarks.runner import FLOOR, KEPT_VARIABLES, PRODUCT, ROOT, Place, build_task, connect
from benchmarks.scenario import COLUMNS, Day, Task, count_records, plan_days, write_reports
from integration_center.progress import Phase, Spent
from integration_center.store.run_progress import ProgressFolder, add_up

SIZES = (1_000, 100_000, 1_000_000)
WIDE = 300
"""The columns of a report of which the integration maps four."""
IMPORTS = "import dagster, polars"
READ_CSV = "import sys, polars; polars.read_csv(sys.argv[1])"
EMPTY = "import polars"
STARTER = """
import os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
took = time.perf_counter() - began
numbers = (os.waitstatus_to_exitcode(status), took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
os.write(int(sys.argv[1]), " ".join(map(str, numbers)).encode())
"""
"""Starts a command from a small process: its largest memory would otherwise be at least that of the benchmark."""
PHASES = (*(phase.value for phase in Phase), "exit")


@dataclass(frozen=True)
class Used:
    """What one process took.

    Attributes:
        wall: seconds by the clock.
        cpu: seconds of the processor, with the child processes that have ended.
        peak: the largest resident memory, in bytes.
        output: what it wrote on standard output.
    """

    wall: float
    cpu: float
    peak: int
    output: str = field(repr=False)


@dataclass(frozen=True)
class Command:
    """One day of the product's whole command, with the floor beside it.

    Attributes:
        used: what the command took.
        floor: what the floor took.
        calls: API calls of the command, from the org's log.
        writes: records that it wrote.
        spent: the time of each phase.
        columns: of the report.
    """

    rows: int
    day: Day
    used: Used
    floor: Used
    calls: int
    writes: int
    spent: Mapping[Phase, Spent]
    columns: int

    @property
    def title(self) -> str:
        """The day, and what the report holds."""
        wide = f" x {self.columns} columns" if self.columns > COLUMNS else ""
        return f"{self.rows:,}{wide}, {self.day.title}"


@dataclass(frozen=True)
class Measure:
    """A line of the table: a measure, its value and its goal."""

    name: str
    value: str
    goal: str
    met: bool


def measure(command: Sequence[str], environment: Mapping[str, str], folder: Path, given: str = "") -> Used:
    """Run a command, and measure its process.

    Raises:
        RuntimeError: the command failed.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as usage:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", STARTER, str(usage.fileno()), *command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            text=True,
            pass_fds=(usage.fileno(),),
        )
        process.communicate(given)
        output.seek(0)
        text = output.read()
        usage.seek(0)
        code, wall, cpu, peak = map(float, usage.read().split())
    if code:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {text[-500:]}")
    return Used(wall, cpu, int(peak) * 1024, text)


def run_days(rows: int, days: Sequence[Day], tell: Console, columns: int = COLUMNS) -> tuple[list[Command], Used]:
    """Run the first sync and the unchanged day of the product and the floor, and read the file with Polars alone."""
    with tempfile.TemporaryDirectory(prefix="benchmark-whole-") as name:
        root = Path(name)
        paths = write_reports(rows, list(days), root / "reports", columns)
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment["PYTHONPATH"] = str(ROOT)
        read = measure([sys.executable, "-c", READ_CSV, str(paths[days[0].date])], environment, root)
        empty = measure([sys.executable, "-c", EMPTY], environment, root)
        floors = []
        with emulated_org(count_records(rows), root / "floor") as org:
            for day in days:
                tell.print(f"{rows:,} rows x {columns} columns, {day.title}: {FLOOR.name}")
                task = json.dumps(build_task(org, day, paths[day.date]).as_dict())
                floors.append(measure([sys.executable, "-m", FLOOR.module], environment, root, task))
        with emulated_org(count_records(rows), root / "org") as org:
            product.write_home(root / "home")
            place = Task(org.url, org.client_id, org.client_secret, "", "")
            environment |= product.build_environment(root / "home", root / "reports", place)
            connect(Place(PRODUCT, org, environment, root))
            commands = []
            for day, floor in zip(days, floors, strict=True):
                tell.print(f"{rows:,} rows x {columns} columns, {day.title}: {PRODUCT.name}")
                commands.append(run_command(rows, columns, day, floor, org, environment, root))
                org.move_clock(timedelta(hours=1).total_seconds())  # the access token lives on
        return commands, Used(read.wall, read.cpu - empty.cpu, read.peak, "")


def run_command(
    rows: int, columns: int, day: Day, floor: Used, org: EmulatedOrg, environment: Mapping[str, str], root: Path
) -> Command:
    """Run `integration-center run` for one day."""
    org.forget_calls()
    verb = ["run", product.SLUG, "--partition", day.date.isoformat(), "--json"]
    used = measure([sys.executable, "-m", "integration_center", *verb], environment, root)
    said = json.loads(used.output)
    steps = ProgressFolder(root / "home" / "storage").read(said["run_id"])
    writes = said["lines"].get("updated", 0)
    return Command(
        rows, day, used, floor, org.read_traffic().calls, writes, add_up(step.spent for step in steps), columns
    )


def list_measures(commands: Sequence[Command], reads: Mapping[int, Used], imports: Used) -> list[Measure]:
    """List what was measured, beside the goals."""
    most = imports.wall + 1.0
    measures = []
    for command in commands:
        if command.columns > COLUMNS:
            measures += compare_columns(command, commands)
            continue
        name, used, floor = f"{command.day.title} of {command.rows:,} rows", command.used, command.floor
        if command.day.edition == 0 and command.writes:
            cpu, wall = used.cpu / floor.cpu, used.wall / floor.wall
            if command.rows >= 1_000_000:
                measures.append(Measure(f"{name}: CPU beside the floor", f"{cpu:.1f} x", "at most 3 x", cpu <= 3))
            times = {100_000: 2.5, 1_000_000: 1.5}.get(command.rows)
            if times:
                goal = f"at most {times:g} x"
                measures.append(
                    Measure(f"{name}: wall beside the floor", f"{wall:.1f} x ({used.wall:.1f} s)", goal, wall <= times)
                )
        elif command.rows < 1_000_000:
            measures.append(Measure(f"{name}: wall", f"{used.wall:.1f} s", f"at most {most:.1f} s", used.wall <= most))
        else:
            read = reads[command.rows].cpu
            value = f"{used.cpu / read:.1f} x, {command.writes:,} writes, {command.calls} calls"
            met = used.cpu <= 12 * read and not command.writes and command.calls <= 3
            measures.append(
                Measure(f"{name}: CPU beside read_csv", value, "at most 12 x, 0 writes, at most 3 calls", met)
            )
        if command.rows >= 1_000_000:
            peak = used.peak / MEGABYTE
            measures.append(Measure(f"{name}: peak memory", f"{peak:.0f} MB", "at most 450 MB", peak <= 450))
    return measures


def compare_columns(wide: Command, commands: Sequence[Command]) -> list[Measure]:
    """Compare the time of a report of many columns with that of the columns that are mapped."""
    return [
        Measure(
            f"{wide.day.title} of {wide.rows:,} rows, {wide.columns} columns: wall beside {COLUMNS} columns",
            f"{wide.used.wall / mapped.used.wall:.2f} x ({wide.used.wall:.1f} s)",
            "at most 1.3 x",
            wide.used.wall <= 1.3 * mapped.used.wall,
        )
        for mapped in commands
        if (mapped.rows, mapped.day, mapped.columns) == (wide.rows, wide.day, COLUMNS)
    ]


def build_measures_table(measures: Sequence[Measure]) -> Table:
    """Build the table of the measures."""
    table = Table("Measure", "Now", "Goal", "", title="The whole command", box=box.SIMPLE_HEAD, title_justify="left")
    for each in measures:
        table.add_row(each.name, each.value, each.goal, "[green]met[/]" if each.met else "[red]missed[/]")
    return table


def list_phases(commands: Sequence[Command]) -> list[list[str]]:
    """List the seconds of each phase: two lines for each command, by the clock and of the processor."""
    lines = []
    for command in commands:
        spent = [command.spent.get(phase, Spent()) for phase in Phase]
        rest = Spent(command.used.wall, command.used.cpu) - sum(spent, Spent())
        lines.append([command.title, *(f"{each.seconds:.2f}" for each in (*spent, rest))])
        lines.append([f"{command.title}: CPU", *(f"{each.cpu:.2f}" for each in (*spent, rest))])
    return lines


def build_phases_table(commands: Sequence[Command]) -> Table:
    """Build the table of the phases."""
    table = Table(title="Seconds of each phase", box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in PHASES:
        table.add_column(name, justify="right", no_wrap=True)
    for line in list_phases(commands):
        table.add_row(*line)
    return table


def write_whole(commands: Sequence[Command], measures: Sequence[Measure]) -> str:
    """Write both tables as Markdown."""
    parts = ["", "## The whole command", "", "From its start to its exit, each process measured from outside.", ""]
    parts += ["| measure | now | goal | |", "| --- | --- | --- | --- |"]
    parts += [
        f"| {each.name} | {each.value} | {each.goal} | {'met' if each.met else '**missed**'} |" for each in measures
    ]
    parts += ["", "Seconds of each phase:", "", "| | " + " | ".join(PHASES) + " |"]
    parts += ["| --- |" + " ---: |" * len(PHASES)]
    parts += ["| " + " | ".join(line) + " |" for line in list_phases(commands)]
    return "\n".join(parts) + "\n"


def measure_whole(sizes: Sequence[int], tell: Console, wide: Sequence[int] = ()) -> tuple[list[Command], list[Measure]]:
    """Measure the command with reports of some sizes, and of some of these sizes with many columns."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    imports = measure([sys.executable, "-c", IMPORTS], environment, ROOT)
    commands: list[Command] = []
    reads: dict[int, Used] = {}
    for rows in sizes:
        found, reads[rows] = run_days(rows, plan_days()[:2], tell)
        commands += found
    for rows in wide:
        commands += run_days(rows, plan_days()[:2], tell, WIDE)[0]
    return commands, list_measures(commands, reads, imports)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), help="report rows, several sizes")
    parser.add_argument("--wide", type=int, nargs="*", default=[], help=f"sizes to measure with {WIDE} columns, too")
    options = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = 130
    commands, measures = measure_whole(options.rows, Console(stderr=True, style="dim"), options.wide)
    console.print(build_phases_table(commands))
    console.print(build_measures_table(measures))


if __name__ == "__main__":
    main()
