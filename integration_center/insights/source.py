"""The interface of report sources, and the report that they return."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

import polars as pl

from integration_center.errors import NoDataForDay
from integration_center.insights.catalogue import ColumnType, ReportInfo
from integration_center.sync.mapping.doubts import Doubt
from integration_center.sync.row_numbers import USUAL, RowNumbers

TYPING_RULES = "6"
"""A part of every identity. Raise it when the same rows would give another frame, so that stored frames are refetched.
"""

TYPED_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS_NAMED = 5
"""The most missing days that are named one by one."""


Keep = Callable[[pl.Schema, Iterable[pl.DataFrame]], pl.LazyFrame]
"""Keeps successive rows of a report, whose schema is known before, in memory or in a file."""


@dataclass(frozen=True)
class Report:
    """The rows of one report for one day.

    Attributes:
        info: the result of `ReportSource.find`, with the key and latest-by columns that the rows really have.
        day: the partition. The rows hold data up to the end of this UTC day.
        rows: the columns, in the report's order and under its names, where `Keep` has kept them. They are String with
            the report's own text, unless a type is declared: then Int64, Float64 (a percentage as 62.5), Boolean, Date
            or Datetime("us") with the declared time zone, or UTC. Rows are in the report's order; an empty cell is
            null.
        identity: the result of `ReportSource.identity` for exactly these rows.
        refreshed_at: when the source last changed the rows, if it knows.
        likely_types: for text columns whose values all look like another type, that type by column.
        notes: what was found about the files without a declaration, such as their delimiter.
        content: what the data is, whatever its files are called; see `ReportSource.repeats`. None where unknown.
        numbers: the numbers of the rows in their files.
        doubts: by column, what its values may mean besides what they say.
    """

    info: ReportInfo
    day: date
    rows: pl.LazyFrame
    identity: str
    refreshed_at: datetime | None
    likely_types: Mapping[str, ColumnType] = field(default_factory=dict)
    notes: Sequence[str] = ()
    content: str | None = None
    numbers: RowNumbers = USUAL
    doubts: Mapping[str, Doubt] = field(default_factory=dict)

    @property
    def frame(self) -> pl.DataFrame:
        """The rows in memory."""
        return self.rows.collect()


def keep_in_memory(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
    """Keep the rows of a report in memory."""
    return pl.concat([schema.to_frame(), *slices]).lazy()


@dataclass(frozen=True)
class Mark:
    """A cheap sign of the data of one day, found without reading it.

    Attributes:
        text: as long as it stays the same, the data does, too. Another text may mean other data.
        modified: when the data was last written, UTC, if the source knows.
    """

    text: str
    modified: datetime | None = None


class ReportSource(Protocol):
    """A source of reports.

    All methods but `list_reports` raise `UnreadableReport` when the report cannot be used. Every method of a source
    behind a network raises `TransientError` when the network or the server fails for longer than its retries.
    """

    def list_reports(self) -> list[ReportInfo]:
        """List the visible reports, by slug. A report that cannot be used is listed with its `problem`."""
        ...

    def find(self, name: str) -> ReportInfo:
        """Find the visible report with a name, alias or slug, ignoring case.

        Raises:
            UnknownReport: there is no such report, or it is not visible.
        """
        ...

    def newest_day(self, report: ReportInfo) -> date | None:
        """Return the newest day with data; None when there is no data at all."""
        ...

    def missing(self, report: ReportInfo, days: Sequence[date]) -> NoDataForDay | None:
        """Build the error for those of `days` that have no data; None when all have data.

        The source is asked once, however many days there are.
        """
        ...

    def marks(self, report: ReportInfo, days: Sequence[date]) -> Mapping[date, Mark]:
        """Return the marks of those of `days` that have data. The source is asked once, and no data is read."""
        ...

    def identity(self, report: ReportInfo, day: date) -> str:
        """Return a cheap identity of the present data of `day`. A stored frame with it need not be read again.

        Raises:
            NoDataForDay: there is no data for `day`.
        """
        ...

    def repeats(self, report: ReportInfo, day: date, content: str) -> str | None:
        """Return the identity of the present data of `day` if it is what a `Report` with this `content` was read from.

        Then the rows need not be read again. None if the data is other data, or reading it would take no longer.

        Raises:
            NoDataForDay: there is no data for `day`.
        """
        ...

    def read(self, report: ReportInfo, day: date, keep: Keep = keep_in_memory) -> Report:
        """Read the rows of `day`. A missing day is never replaced by another.

        Args:
            report: the report.
            day: the UTC day.
            keep: keeps the rows. It may be called again when the data changed while it was read; the last call counts.

        Raises:
            NoDataForDay: there is no data for `day`.
            UnreadableReport: the data cannot be read. The message names file, column and row, and what was expected.
        """
        ...


def start_of(day: date) -> datetime:
    """Return 00:00 UTC of `day`."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """Return 00:00 UTC of the next day, when the data of `day` can be complete."""
    return start_of(day + timedelta(days=1))


def last_full_day(now: datetime) -> date:
    """Return the newest UTC day that has ended at `now`."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def parse_day(text: str) -> date:
    """Parse a typed day. Only `YYYY-MM-DD` is accepted, while Python also accepts `20261125` and `2026-W48-3`.

    Raises:
        ValueError: the text is not a day.
    """
    if not TYPED_DAY.fullmatch(text):
        raise ValueError(f"{text!r} is not a day such as 2026-11-25")
    return date.fromisoformat(text)


def no_data(report: ReportInfo, days: Sequence[date], newest: date | None, advice: str) -> NoDataForDay:
    """Build the error for days without data. `advice` says what to do."""
    there = f"the newest is {newest}" if newest else "there is none at all"
    return NoDataForDay(f"report {report.name!r}: no data for {say_days(days)}; {there}. {advice}", days)


def say_days(days: Sequence[date]) -> str:
    """Write a few days one by one, or many days as their number, the first and the last."""
    if len(days) > DAYS_NAMED:
        return f"{len(days):,} days, the first {days[0]}, the last {days[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, days[:-1])), str(days[-1])]))
