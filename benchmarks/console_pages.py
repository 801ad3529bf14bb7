"""`python -m benchmarks.console_pages`: the console's own time for its pages, with many integrations and a long log.

Processor time of this process, so that other work on the machine does not count; no org is asked.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import httpx
import polars as pl
import yaml
from rich.console import Console as Terminal
from rich.table import Table
from sqlalchemy import insert

from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.database.engine import writing
from integration_center.database.tables import audit, syncs
from integration_center.installation import Installation, open_installation
from integration_center.settings import Settings
from integration_center.sync.columns import OUTCOME

GOAL_MS, GOAL_BYTES = 100, 150_000
REPEATS = 15
RUN, SLUG = "run-0-0", "integration_000"


def main() -> None:
    """Print the median of each page. Exit 1 when a page is over its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console_pages", description=__doc__)
    parser.add_argument("--integrations", type=int, default=300)
    parser.add_argument("--days", type=int, default=34, help="runs of each integration")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of one ledger")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"], os.environ["INTEGRATION_CENTER_DEFS"] = folder, f"{folder}/defs"
        with open_installation(Settings(_env_file=None)) as installation:
            fill(installation, options.integrations, options.days, options.lines)
            measured = asyncio.run(measure(installation))
    table = Table("page", "ms (median)", "kB", title=f"{options.integrations} integrations, {options.days} runs each")
    over = 0
    for path, milliseconds, size in measured:
        slow = "" if milliseconds < GOAL_MS else f"  over {GOAL_MS}"
        large = "" if size < GOAL_BYTES else f"  over {GOAL_BYTES // 1000}"
        over += bool(slow or large)
        table.add_row(path, f"{milliseconds:.1f}{slow}", f"{size / 1000:,.0f}{large}")
    Terminal().print(table)
    sys.exit(1 if over else 0)


def fill(installation: Installation, integrations: int, days: int, lines: int) -> None:
    """Integrations as files, their runs in the log, and one large ledger."""
    now = datetime.now(UTC)
    slugs = [f"integration_{number:03d}" for number in range(integrations)]
    for number, slug in enumerate(slugs):
        folder = installation.settings.defs / slug
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(yaml.safe_dump(build_file(number)))
    rows = [
        {
            "run_id": f"run-{day}-{number}",
            "slug": slug,
            "name": f"Logins to object {number}",
            "environment": "sandbox",
            "org_id": "00D000000000001AAA",
            "report": "Logins Review",
            "object": f"Object_{number}__c",
            "partition_start": now.date(),
            "partition_end": now.date(),
            "status": "Failed" if (day + number) % 17 == 0 else "Completed",
            "started_at": now - timedelta(days=days - day),
            "ended_at": now - timedelta(days=days - day) + timedelta(seconds=9),
            "counts": {
                side: {"updated": day * 37 % 1_000, "unchanged": 4_000, "unmatched": 12, "failed": number % 3}
                for side in ("rows", "lines")
            },
            "pushed": True,
            "plan_id": "plan",
            "api_calls": 12,
            "triggered_by": "schedule",
        }
        for day in range(days)
        for number, slug in enumerate(slugs)
    ]
    entries = [
        {
            "at": row["started_at"],
            "who": "somebody@acme.example",
            "place": "192.0.2.17",
            "action": "ran",
            "environment": "sandbox",
            "slug": row["slug"],
            "detail": f"{now:%Y-%m-%d}, also when newer days were pushed, and another sentence as long as that",
            "org_id": row["org_id"],
            "run_id": row["run_id"],
        }
        for row in rows
    ]
    with writing(installation.engine) as connection:
        connection.execute(insert(syncs), rows)
        connection.execute(insert(audit), entries)
    installation.ledgers.write(RUN, SLUG, build_ledger(lines))


def build_file(number: int) -> dict[str, object]:
    """One integration's `defs.yaml`."""
    fields = ("First Login", "Last Login", "# Logins Last 30 Days")
    return {
        "type": "integration_center.Integration",
        "attributes": {
            "name": f"Logins to object {number}",
            "environment": "sandbox",
            "report": "Logins Review",
            "object": f"Object_{number}__c",
            "keys": [{"column": "User ID", "field": "Email__c"}],
            "fields": [{"column": column, "field": f"Field_{place}__c"} for place, column in enumerate(fields)],
        },
    }


def build_ledger(lines: int) -> pl.DataFrame:
    """A ledger of which one line in a thousand failed."""
    number = pl.int_range(lines, eager=True)
    outcome = pl.Series(["failed" if n % 1_000 == 0 else "updated" for n in range(lines)], dtype=OUTCOME)
    return pl.DataFrame(
        {
            "row": number.cast(pl.UInt32),
            "day": pl.Series([datetime.now(UTC).date()] * lines),
            "key": "somebody" + number.cast(pl.String) + "@example.com",
            "record_id": "00Q" + number.cast(pl.String).str.zfill(12) + "AAA",
            "outcome": outcome,
            **dict.fromkeys(("reason", "code", "error_fields", "job_id"), pl.Series([None] * lines, dtype=pl.String)),
            "modstamp": pl.Series([None] * lines, dtype=pl.Datetime("ms", "UTC")),
            "before.Score__c": number.cast(pl.Float64),
            "after.Score__c": number.cast(pl.Float64) + 1,
            "changed.Score__c": pl.Series([True] * lines),
        }
    )


async def measure(installation: Installation) -> list[tuple[str, float, int]]:
    """Each page: its path, milliseconds of processor time, bytes."""
    run = f"/integrations/{SLUG}/runs/{RUN}"
    paths = (
        "/",
        "/?page=10",
        "/?state=failed",
        "/?q=object+42",
        "/log",
        "/log?page=500",
        "/log?q=object+42",
        f"/integrations/{SLUG}/log",
        run,
        f"{run}/ledger",
        f"{run}/ledger?page=2000",
        f"{run}/ledger?outcome=failed",
        f"/integrations/{SLUG}",
        f"/integrations/{SLUG}/duplicate",
        f"/integrations/{SLUG}/delete",
        f"{run}/log",
        "/accounts",
        "/accounts/sandbox/status",
        "/audit",
        "/audit?page=50",
        "/components",
        "/admin",
        "/admin/stop",
        "/admin/people",
        "/sessions",
    )
    app = build_app(Console(installation))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:3001") as client:
        return [await measure_page(client, path) for path in paths]


async def measure_page(client: httpx.AsyncClient, path: str) -> tuple[str, float, int]:
    """One page, the first time not counted: it loads what is then remembered."""
    size = len((await client.get(path)).raise_for_status().content)
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        (await client.get(path)).raise_for_status()
        times.append(time.process_time() - begun)
    return path, median(times) * 1_000, size


if __name__ == "__main__":
    main()
