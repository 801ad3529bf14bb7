"""`python -m benchmarks.search`: how long the console searches the ledgers of 90 runs, over real HTTP.

The ledgers are stored as a run stores them. The console is a process of its own, as `integration-center console`
starts it. What is measured is the page of the result: the time until it is there, the processor time of the console,
and the most memory that it took. Each way to ask is asked several times; the first time counts like the others.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx
import polars as pl
from rich.console import Console as Terminal
from rich.table import Table
from sqlalchemy import insert

from integration_center.cli.embedded import free_port
from integration_center.database.engine import writing
from integration_center.database.tables import syncs
from integration_center.installation import open_installation
from integration_center.settings import Settings
from integration_center.sync.columns import OUTCOME
from integration_center.sync.values.ids import complete_ids

GOAL_SECONDS = 1.0
REPEATS = 5
SLUG = "logins_to_leads"
FIRST_NAMES = ("Ann", "Béatrice", "Chen", "Dmitri", "Eoin", "Fatima", "Günter", "Hiroko", "Ines", "Jürgen", "Kwame")
LAST_NAMES = ("O'Neill", "Müller", "de la Cruz", "Nakamura", "Smith", "Okafor", "Larsen", "Novák", "Rossi", "Silva")
DOMAINS = ("acme.example", "globex-industries.example", "initech.co.example", "umbrella.example", "hooli.example")
ASCII = {"é": "e", "ü": "ue", "á": "a", "'": "", " ": "."}
ONE_IN = 40
"""Of so many lines one changes a record; the others are unchanged."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Answer:
    """What one page took.

    Attributes:
        wall, cpu: seconds.
        megabytes: the most memory that the console had while it answered.
        runs: how many runs the page names.
    """

    wall: float
    cpu: float
    megabytes: float
    runs: int


def main() -> None:
    """Print each way to ask; exit 1 when one is slower than a second, or its answer is not complete."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--runs", type=int, default=90)
    parser.add_argument("--lines", type=int, default=100_000, help="lines of each run's ledger")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="search-") as folder:
        os.environ["DAGSTER_HOME"], os.environ["INTEGRATION_CENTER_DEFS"] = folder, f"{folder}/defs"
        people = build_people(options.lines)
        fill(people, options.runs)
        wrong = measure(people, options.runs, options.lines, Path(folder))
    sys.exit(1 if wrong else 0)


def build_people(count: int) -> pl.DataFrame:
    """Build people with the keys and records that an org has."""
    number = pl.int_range(count)
    first = pl.lit(pl.Series(FIRST_NAMES)).gather(number % len(FIRST_NAMES))
    last = pl.lit(pl.Series(LAST_NAMES)).gather(number // 7 % len(LAST_NAMES))
    name = pl.concat_str(first, pl.lit("."), last).str.to_lowercase().str.replace_many(ASCII)
    domain = pl.lit(pl.Series(DOMAINS)).gather(number // 3 % len(DOMAINS))
    people = pl.select(
        number=number,
        key=pl.concat_str(name, number.cast(pl.String), pl.lit("@"), domain),
        short=pl.concat_str(pl.lit("00Q5g00"), number.cast(pl.String).str.zfill(8)),
        title=pl.concat_str(pl.lit('"'), first, pl.lit(" "), last, pl.lit('", Head of "Sales, EMEA"')),
    )
    return people.with_columns(record_id=complete_ids(people["short"]))


def build_ledger(people: pl.DataFrame, run: int) -> pl.DataFrame:
    """Build the ledger of one run: the same people in another order, of whom a few are changed."""
    changed = (pl.col("number") + run) % ONE_IN == 0
    value = (pl.col("number") * 7 % 991).cast(pl.Float64)
    moment = datetime(2026, 8, 1, 12, tzinfo=UTC) + timedelta(days=run)
    missing = dict.fromkeys(("reason", "code", "error_fields", "job_id"), pl.lit(None, pl.String))
    return people.sample(fraction=1, shuffle=True, seed=run).select(
        row=pl.int_range(pl.len(), dtype=pl.UInt32),
        day=pl.lit(moment.date()),
        key="key",
        record_id="record_id",
        outcome=pl.when(changed).then(pl.lit("updated")).otherwise(pl.lit("unchanged")).cast(OUTCOME),
        **missing,
        modstamp=pl.lit(moment).cast(pl.Datetime("ms", "UTC")),
        **{
            "before.Logins__c": value + run,
            "after.Logins__c": value + run + changed.cast(pl.Float64),
            "changed.Logins__c": changed,
            "before.Title": pl.col("title"),
            "after.Title": pl.col("title"),
            "changed.Title": pl.lit(False),
            "before.Last_Login__c": pl.lit(moment) - pl.duration(minutes=pl.col("number")),
            "after.Last_Login__c": pl.lit(moment) - pl.duration(minutes=pl.col("number")),
            "changed.Last_Login__c": pl.lit(False),
        },
    )


def fill(people: pl.DataFrame, runs: int) -> None:
    """Store a ledger and a line of the log for each run."""
    now = datetime.now(UTC)
    with open_installation(Settings(_env_file=None)) as installation:
        for run in range(runs):
            installation.ledgers.write(f"run-{run}", SLUG, build_ledger(people, run))
        rows = [build_line(run, now - timedelta(days=89.5) * (runs - run) / runs) for run in range(runs)]
        with writing(installation.engine) as connection:
            connection.execute(insert(syncs), rows)


def build_line(run: int, at: datetime) -> dict[str, object]:
    """Build the line of the log of one run."""
    return {
        "run_id": f"run-{run}",
        "slug": SLUG,
        "name": "Logins to Leads",
        "environment": "sandbox",
        "org_id": "00D000000000001AAA",
        "report": "Logins Review",
        "object": "Lead",
        "partition_start": at.date(),
        "partition_end": at.date(),
        "status": "Completed",
        "started_at": at,
        "ended_at": at + timedelta(seconds=40),
        "counts": {side: {"updated": 2_500, "unchanged": 97_500} for side in ("rows", "lines")},
        "pushed": True,
        "plan_id": "plan",
        "api_calls": 12,
        "triggered_by": "schedule",
    }


def measure(people: pl.DataFrame, runs: int, lines: int, folder: Path) -> int:
    """Ask in each way, and return how many answers are too slow or not complete."""
    person = people.row(people.height * 2 // 3, named=True)
    ways = {
        "e-mail address": person["key"],
        "the same in capitals": f" {person['key'].upper()} ",
        "Id": person["record_id"],
        "Id of 15 characters": person["short"],
        "link": f"https://acme.lightning.force.com/lightning/r/Lead/{person['record_id']}/view",
        "unknown key": "nobody@acme.example",
    }
    load = os.getloadavg()[0]
    title = f"{runs} runs of {lines:,} lines, load {load:.1f}"
    table = Table("asked by", "seconds (first)", "(median)", "(longest)", "CPU (median)", "MB (most)", title=title)
    wrong = 0
    with console(folder) as (client, pid):
        for way, text in ways.items():
            answers = [ask(client, pid, text) for _ in range(REPEATS)]
            expected = 0 if way == "unknown key" else runs
            walls = [answer.wall for answer in answers]
            failed = max(walls) >= GOAL_SECONDS or any(answer.runs != expected for answer in answers)
            wrong += failed
            table.add_row(
                way + ("  WRONG" if failed else ""),
                *(f"{seconds:.2f}" for seconds in (walls[0], median(walls), max(walls))),
                f"{median(answer.cpu for answer in answers):.2f}",
                f"{max(answer.megabytes for answer in answers):,.0f}",
            )
    Terminal().print(table)
    return wrong


@contextmanager
def console(folder: Path) -> Iterator[tuple[httpx.Client, int]]:
    """Start the console, and end it."""
    port = free_port()
    command = [sys.executable, "-m", "integration_center", "console", "--port", str(port)]
    with (folder / "console.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as client:
            deadline = time.monotonic() + 60
            while not answers(client):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((folder / "console.log").read_text())
                time.sleep(0.1)
            yield client, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def answers(client: httpx.Client) -> bool:
    """Return whether the console answers."""
    try:
        return client.get("/search").is_success
    except httpx.TransportError:
        return False


def ask(client: httpx.Client, pid: int, text: str) -> Answer:
    """Search as a person does, and measure the page of the result."""
    form = client.get("/search").raise_for_status().text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    fields = {"text": text, "csrf_token": token[1] if token else ""}
    origin = {"origin": str(client.base_url).rstrip("/")}
    sent = client.post("/search", data=fields, headers=origin)
    if not sent.is_redirect:
        raise SystemExit(f"the console answered a search with {sent.status_code}")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the most memory is counted from here
    began, worked = time.monotonic(), read_processor_seconds(pid)
    page = client.get(sent.headers["location"]).raise_for_status().text
    wall, cpu = time.monotonic() - began, read_processor_seconds(pid) - worked
    status = Path(f"/proc/{pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return Answer(wall, cpu, int(peak[1]) / 1024 if peak else 0.0, count_runs(page))


def count_runs(page: str) -> int:
    """Count the runs that a page names: those shown, those left out, and those that changed nothing."""
    shown = len(re.findall(r'<td data-label="Outcome"', page))
    counted = re.findall(r"([\d,]+) older ones are not shown|in ([\d,]+) runs?<", page)
    return shown + sum(int((one or other).replace(",", "")) for one, other in counted)


def read_processor_seconds(pid: int) -> float:
    """Read the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
