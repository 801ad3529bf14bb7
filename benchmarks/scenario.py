"""The work every contestant gets: one report of N rows a day, for four days, into an org of 1.1 N Leads.

Consecutive partitions, a file each; the org's clock moves 24 hours between them. The second day's file repeats the
first's values, the third changes one row in a hundred, the fourth repeats the third's.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from salesforce_emulator.people import build_person

REPORT, OBJECT = "Logins Review", "Lead"
KEY_COLUMN, KEY_FIELD = "User ID", "Email"
FIELDS = {
    "First Login": "WalkMe_First_Login__c",
    "Last Login": "WalkMe_Last_Login__c",
    "# Logins Last 30 Days": "WalkMe_Logins_Last_30_Days__c",
}
COLUMNS = 1 + len(FIELDS)
"""The columns of a report that the integration maps."""
CHANGED_EVERY = 100
"""On the third day every hundredth row is another."""
API = "/services/data/v66.0"


@dataclass(frozen=True)
class Day:
    """One day of the scenario.

    Attributes:
        title: what happens on it.
        edition: of the report's values; days of one edition hold the same rows.
    """

    title: str
    edition: int
    date: date


@dataclass(frozen=True)
class Task:
    """The input of a contestant's process: the org to fill, and the report's file of the day."""

    url: str
    client_id: str
    client_secret: str
    day: str
    report: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def plan_days(now: datetime | None = None) -> list[Day]:
    """The last four full UTC days."""
    yesterday = (now or datetime.now(UTC)).date() - timedelta(days=1)
    story = (("first sync", 0), ("nothing changed", 0), ("1 % changed", 1), ("nothing changed again", 1))
    return [Day(title, edition, yesterday - timedelta(days=3 - n)) for n, (title, edition) in enumerate(story)]


def count_records(rows: int) -> int:
    """The org's Leads: a tenth more than the report has rows."""
    return rows * 11 // 10


def build_report(rows: int, edition: int, columns: int = COLUMNS) -> pl.DataFrame:
    """The report as WalkMe drops it: the same for every contestant, and by the row's number alone.

    Columns beyond those that are mapped hold numbers.
    """
    row = pl.int_range(rows, dtype=pl.Int64)
    changed = (row % CHANGED_EVERY == 0).cast(pl.Int64) * edition
    first = pl.datetime(2025, 1, 1) + pl.duration(seconds=row * 7_919 % 31_536_000)
    last = pl.datetime(2026, 9, 1) + pl.duration(seconds=row * 104_729 % 5_184_000 + changed * 86_400)
    return pl.DataFrame({KEY_COLUMN: [build_person(number).email for number in range(rows)]}).with_columns(
        first.dt.strftime("%Y-%m-%d %H:%M:%S").alias("First Login"),
        last.dt.strftime("%Y-%m-%d %H:%M:%S").alias("Last Login"),
        (row * 31 % 97 + changed).alias("# Logins Last 30 Days"),
        *((row * (number + 7) % 99_991).alias(f"Extra {number}") for number in range(columns - COLUMNS)),
    )


def write_reports(rows: int, days: list[Day], root: Path, columns: int = COLUMNS) -> dict[date, Path]:
    """The report's files, in the folder that the product reads drops from."""
    folder = root / "logins"
    folder.mkdir(parents=True)
    paths = {day.date: folder / f"{day.date.isoformat()}.csv" for day in days}
    editions = {edition: build_report(rows, edition, columns) for edition in sorted({day.edition for day in days})}
    for day in days:
        editions[day.edition].write_csv(paths[day.date], quote_style="always")  # as most exports are
    return paths
