"""The results as tables: for the terminal, and as Markdown to be kept."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby

from rich import box
from rich.table import Table

from benchmarks.measure import MEGABYTE
from benchmarks.runner import ENGINE, FLOOR, PEER, PRODUCT, Result

HEADERS = (
    *("", "Written", "API calls", "Bulk jobs", "MB out", "MB in"),
    *("Wall s", "× floor", "CPU s", "× floor", "Peak MB"),
)
MOST_CALLS = {PRODUCT: 25, ENGINE: 20}
"""Of the whole sync through Dagster, and of the engine's first sync, at 100,000 rows."""
MOST_TIMES = {100_000: (2.0, 3.0), 1_000_000: (1.5, 2.0)}
"""How many times the floor's wall and CPU the engine's first sync may take, by report rows."""
MOST_MEMORY = 800 * MEGABYTE
"""Of the run's process at a million rows, with Dagster in it."""
MEMORY_ROWS = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """Something the numbers must show.

    Attributes:
        exact: whether it is the same on every machine; wall and CPU are not, so they fail no build.
    """

    sentence: str
    met: bool
    exact: bool = True


def build_cells(result: Result, floor: Result) -> list[str]:
    """One line of a table."""
    own, seen, base = result.measurement, result.traffic, floor.measurement
    return [
        result.contestant.name,
        f"{own.written:,}",
        str(seen.calls),
        str(seen.jobs),
        f"{seen.sent / MEGABYTE:.2f}",
        f"{seen.received / MEGABYTE:.2f}",
        f"{own.wall:.1f}",
        f"{own.wall / base.wall:.2f}",
        f"{own.cpu:.2f}",
        f"{own.cpu / base.cpu:.2f}",
        f"{own.peak / MEGABYTE:.0f}",
    ]


def by_day(results: Iterable[Result]) -> list[tuple[str, list[Result], Result]]:
    """The results a day, with a title and the floor's own."""
    days = []
    for (rows, day), group in groupby(results, key=lambda result: (result.rows, result.day)):
        held = list(group)
        days.append((f"{rows:,} rows, {day.title}", held, next(one for one in held if one.contestant is FLOOR)))
    return days


def build_table(title: str, results: Sequence[Result], floor: Result) -> Table:
    """One day for the terminal."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    table.add_column(HEADERS[0], no_wrap=True)
    for header in HEADERS[1:]:
        table.add_column(header, justify="right", no_wrap=True)
    for result in results:
        table.add_row(*build_cells(result, floor))
    return table


def judge(results: Sequence[Result]) -> list[Verdict]:
    """What the numbers must show, and whether they do."""
    verdicts = [
        Verdict(
            "every contestant leaves the org in the floor's state, every day", all(one.same_org for one in results)
        ),
        Verdict(
            "the product's own counts of calls and bytes are those of the org's log, every day",
            all(one.counts_agree for one in results),
        ),
        Verdict(
            "the product writes as many records as the floor, which writes those that differ",
            all(
                one.measurement.written == floor.measurement.written
                for _, held, floor in by_day(results)
                for one in held
                if one.contestant in (PRODUCT, ENGINE)
            ),
        ),
    ]
    for title, held, floor in by_day(results):
        first = held[0].day.title == "first sync"
        for one in held:
            if first and one.rows in MOST_TIMES:
                verdicts += judge_first_sync(one, floor)
            if one.contestant is PRODUCT and one.rows == MEMORY_ROWS:
                peak = one.measurement.peak
                sentence = f"{title}, {one.contestant.name}: peak memory {peak / MEGABYTE:.0f} MB, below 800 MB"
                verdicts.append(Verdict(sentence, peak < MOST_MEMORY))
        if not first:
            verdicts += judge_later_day(title, held)
    return verdicts


def judge_later_day(title: str, held: Sequence[Result]) -> list[Verdict]:
    """A day after the first: what is read does not grow with the org."""
    read = {one.contestant: one.traffic.received for one in held}
    if ENGINE not in read or PEER not in read:
        return []
    share = read[ENGINE] / read[PEER]
    sentence = f"{title}, {ENGINE.name}: reads {share:.2f} of the peer's bytes, at most 0.20"
    return [Verdict(sentence, share <= 0.2)]


def judge_first_sync(result: Result, floor: Result) -> list[Verdict]:
    """The first sync of one contestant."""
    most = MOST_CALLS.get(result.contestant)
    if most is None:
        return []
    seen, own, name = result.traffic, result.measurement, f"{result.rows:,} rows, first sync, {result.contestant.name}"
    by_bulk = seen.jobs > 0 and seen.collections == 0
    verdicts = [Verdict(f"{name}: pushed by Bulk 2.0 ({seen.jobs} job, {seen.collections} Collections calls)", by_bulk)]
    if result.rows < MEMORY_ROWS:
        verdicts.append(Verdict(f"{name}: {seen.calls} API calls in all, at most {most}", seen.calls <= most))
    if result.contestant is ENGINE:
        most_wall, most_cpu = MOST_TIMES[result.rows]
        wall, cpu = own.wall / floor.measurement.wall, own.cpu / floor.measurement.cpu
        verdicts += [
            Verdict(f"{name}: wall {wall:.2f} × the floor, at most {most_wall:g} ×", wall <= most_wall, exact=False),
            Verdict(f"{name}: CPU {cpu:.2f} × the floor, at most {most_cpu:g} ×", cpu <= most_cpu, exact=False),
        ]
    return verdicts


def write_markdown(results: Sequence[Result], verdicts: Sequence[Verdict]) -> str:
    """All tables and verdicts, with how they came about; no names of machines or folders."""
    rule = "|".join(["", " --- ", *(" ---: " for _ in HEADERS[1:]), ""])
    parts = [
        "# Benchmark",
        "",
        "Written by `make bench`. N report rows go into an org of 1.1 N Leads on the emulator, which runs in a process"
        " of its own, a copy for each contestant. Four consecutive partitions, a fresh process each; between them the"
        " org's clock moves 24 hours (so the stored access token has died). Day 2 repeats the values of day 1, day 3"
        " changes every hundredth row, day 4 repeats day 3.",
        "",
        f"- **{FLOOR.name}**: token, Bulk query, join, only the rows that differ as one Bulk job, poll every 0.5 s,"
        " failed rows. No retries, checks, ledger or history.",
        f"- **{PRODUCT.name}**: the project's definitions, one run of the job in a fresh process, report drop to"
        " ledger; definitions and run history are inside the clock.",
        f"- **{ENGINE.name}**: `insights`, `sync`, `salesforce` and `planning` without Dagster and database.",
        f"- **{PEER.name}**: Bulk query of Id and key, dict join, Bulk update of all rows that match, every day.",
        "",
        "Calls and bytes are the org's own log of the data API (bodies as on the wire, sign-in left out). Wall and CPU"
        " start after imports; peak is the resident memory of the contestant's process. Seconds are one machine's:"
        " read the ratios.",
        "",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("dagster", "polars", "httpx", "simple-salesforce")),
    ]
    for title, held, floor in by_day(results):
        parts += ["", f"## {title}", "", "| " + " | ".join(HEADERS) + " |", rule]
        parts += ["| " + " | ".join(build_cells(one, floor)) + " |" for one in held]
    parts += ["", "## What the numbers must show", "", "| | |", "| --- | --- |"]
    parts += [f"| {'met' if verdict.met else '**missed**'} | {verdict.sentence} |" for verdict in verdicts]
    return "\n".join(parts) + "\n"
