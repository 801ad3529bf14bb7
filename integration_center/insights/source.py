"""The interface that every report source fills, and the report it hands over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

import polars as pl

from integration_center.errors import NoDataForDay
from integration_center.insights.catalogue import ColumnType, ReportInfo

TYPING_RULES = "3"
"""Part of every identity: raise it when the same rows would become another frame, so that stored ones are voided."""

TYPED_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS_NAMED = 5
"""Up to so many missing days are named one by one."""


@dataclass(frozen=True)
class Report:
    """The rows of one report for one day.

    Attributes:
        info: as `ReportSource.find` gave it, its key and latest-by columns now those the rows really have.
        day: the partition; the rows hold data up to the end of this UTC day.
        frame: columns in the report's order and under its names, String as the report has the text, unless a type is
            declared: then Int64, Float64 (a percentage as 62.5), Boolean, Date or Datetime("us", "UTC"). Rows in the
            report's order; an empty cell is null.
        identity: what `ReportSource.identity` says for exactly these rows.
        refreshed_at: when the source last changed them, if it knows.
        likely_types: what all values of a text column look like, by column; columns that look like text are left out.
        notes: what was found about its files that nobody declared, such as their delimiter.
    """

    info: ReportInfo
    day: date
    frame: pl.DataFrame
    identity: str
    refreshed_at: datetime | None
    likely_types: Mapping[str, ColumnType] = field(default_factory=dict)
    notes: Sequence[str] = ()


class ReportSource(Protocol):
    """Where reports come from.

    All methods but `list_reports` raise `UnreadableReport` when what is there cannot be used, and every method of a
    source behind a network raises `TransientError` when the network or the server fails for longer than its retries.
    """

    def list_reports(self) -> list[ReportInfo]:
        """The visible reports, by slug; one that cannot be used is listed with its `problem`."""
        ...

    def find(self, name: str) -> ReportInfo:
        """The visible report of that name, alias or slug, without case.

        Raises:
            UnknownReport: there is none, or it is not visible.
        """
        ...

    def newest_day(self, report: ReportInfo) -> date | None:
        """The newest day there is data for, None when there is none at all."""
        ...

    def missing(self, report: ReportInfo, days: Sequence[date]) -> NoDataForDay | None:
        """What to say of those of `days` that nothing is there for; None when all are there.

        One look at the source, however many days.
        """
        ...

    def identity(self, report: ReportInfo, day: date) -> str:
        """A cheap identity of what is there now for `day`: a stored frame that carries it need not be read again.

        Raises:
            NoDataForDay: nothing is there for `day`.
        """
        ...

    def read(self, report: ReportInfo, day: date) -> Report:
        """The rows for `day`; a missing day is never replaced by another.

        Raises:
            NoDataForDay: nothing is there for `day`.
            UnreadableReport: names the file, column and row that cannot be read, and what was expected.
        """
        ...


def start_of(day: date) -> datetime:
    """00:00 UTC of `day`."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """00:00 UTC of the day after, the moment from which data for `day` can be whole."""
    return start_of(day + timedelta(days=1))


def last_full_day(now: datetime) -> date:
    """The newest UTC day that has ended at `now`."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def parse_day(text: str) -> date:
    """Read a day that somebody typed. Only `YYYY-MM-DD` counts: Python would also take `20261125` and `2026-W48-3`.

    Raises:
        ValueError: it is none.
    """
    if not TYPED_DAY.fullmatch(text):
        raise ValueError(f"{text!r} is not a day such as 2026-11-25")
    return date.fromisoformat(text)


def no_data(report: ReportInfo, days: Sequence[date], newest: date | None, advice: str) -> NoDataForDay:
    """The error for days that are not there; `advice` says what to do."""
    there = f"the newest is {newest}" if newest else "there is none at all"
    return NoDataForDay(f"report {report.name!r}: no data for {say_days(days)}; {there}. {advice}", days)


def say_days(days: Sequence[date]) -> str:
    """A few days by name, many by their number, the first and the last."""
    if len(days) > DAYS_NAMED:
        return f"{len(days):,} days, the first {days[0]}, the last {days[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, days[:-1])), str(days[-1])]))
