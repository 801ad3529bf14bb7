"""Read the newest day of a report as an integration would see it, before any run has stored it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
from polars.selectors import by_name

from integration_center.insights.catalogue import ColumnType, ReportInfo, fit_columns
from integration_center.insights.columns import show_dtypes
from integration_center.insights.source import ReportSource, last_full_day
from integration_center.store.reports import ReportFolder, find_current
from integration_center.sync.columns import DAY
from integration_center.sync.mapping.doubts import Doubt
from integration_center.sync.row_numbers import USUAL, RowNumbers


@dataclass(frozen=True)
class NewestReport:
    """The newest rows of a report.

    Attributes:
        info: the report, with the key and latest-by columns that the rows really have.
        day: the UTC day at whose end the rows end.
        frame: the report's own columns, without `_day`.
        likely_types: for text columns whose values all look like another type, that type by column.
        numbers: the numbers of the rows in their files.
        doubts: by column, what its values may mean besides what they say.
    """

    info: ReportInfo
    day: date
    frame: pl.DataFrame
    likely_types: Mapping[str, ColumnType] = field(default_factory=dict)
    numbers: RowNumbers = USUAL
    doubts: Mapping[str, Doubt] = field(default_factory=dict)

    @property
    def likely_dtypes(self) -> dict[str, pl.DataType]:
        """Each column's dtype, or the dtype that its text looks like."""
        return show_dtypes(self.frame.schema, self.likely_types)

    def holds_text(self, columns: Collection[str]) -> bool:
        """Return whether these columns are text, so that they would be read alike as keys."""
        schema = self.frame.schema
        return all(schema.get(name) == pl.String() for name in columns)

    @property
    def rows(self) -> pl.DataFrame:
        """The frame with `_day`, as a plan needs it."""
        return self.frame.with_columns(pl.lit(self.day).alias(DAY))


def read_newest(source: ReportSource, folder: ReportFolder, name: str, text_columns: Collection[str]) -> NewestReport:
    """Read the newest day of the report called `name`, from the stored frame if it is current, else from the source.

    A fetched frame is not stored, because another integration's run may be reading the stored frame.

    Args:
        source: the source of reports.
        folder: the stored frames.
        name: the name of the report, an alias or its slug.
        text_columns: columns that stay text, whatever is declared: the key columns of all integrations that read the
            report.

    Raises:
        UnknownReport: the report is gone, or no longer visible.
        NoDataForDay: the report has no data at all.
        UnreadableReport: the data cannot be parsed.
        TransientError: the source does not answer.
    """
    info = replace(source.find(name), text_columns=frozenset(text_columns))
    day = source.newest_day(info) or last_full_day(datetime.now(UTC))
    stored, file = find_current(source, folder, info, day), folder.file(info.slug, day)
    if stored and file:
        frame = file.read()
        shown = replace(fit_columns(info, frame.columns), latest_by=stored.latest_by)
        return NewestReport(shown, day, frame, stored.likely_types or {}, stored.numbers, stored.doubts)
    report = source.read(info, day)
    return NewestReport(report.info, day, report.frame, report.likely_types, report.numbers, report.doubts)


def read_earlier(folder: ReportFolder, report: NewestReport, columns: Collection[str], days: int) -> pl.DataFrame:
    """Read columns of the days before the newest one, as far as these are stored; a day without them is left out.

    Args:
        folder: the stored frames.
        report: the newest rows.
        columns: the columns to read.
        days: the length of the window, with the newest day.
    """
    wanted = pl.Schema({name: report.frame.schema[name] for name in columns})
    found = [pl.DataFrame(schema={**wanted, DAY: pl.Date()})]
    for back in range(1, days):
        day = report.day - timedelta(days=back)
        file = folder.file(report.info.slug, day)
        if file is None:
            continue
        frame = file.scan()
        if all(frame.collect_schema().get(name) == dtype for name, dtype in wanted.items()):
            found.append(frame.select(by_name(*wanted)).collect().with_columns(pl.lit(day).alias(DAY)))
    return pl.concat(found)
