"""Read the days of a window: the rows of an events report over the days that end with the day of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from integration_center.errors import ConfigurationError, NoDataForDay
from integration_center.insights.source import say_days
from integration_center.pipeline.steps.applied_days import scan_days
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.planning.shaping import NO_WINDOW
from integration_center.store.reports import EVENTS, StoredReport, fetch_day
from integration_center.wording.sentences import count


@dataclass(frozen=True)
class Window:
    """The rows of a window.

    Attributes:
        rows: the rows of all days, with `_day`.
        days: the days that have rows or an empty report, oldest first.
        missing: the days that exist nowhere, oldest first.
    """

    rows: pl.LazyFrame
    days: Sequence[date]
    missing: Sequence[date]

    @property
    def metadata(self) -> dict[str, list[str]]:
        """The days, for the metadata of the plan."""
        return {
            "window_days": [day.isoformat() for day in self.days],
            "window_days_missing": [day.isoformat() for day in self.missing],
        }


def read_window(step: SyncStep, report_slug: str, stored_newest: StoredReport, newest: date) -> Window:
    """Read the stored frames of the window's days, and fetch from the source those that are not stored.

    Args:
        step: the step that plans.
        report_slug: the slug of the report's asset.
        stored_newest: the stored report of the day of the run.
        newest: the day of the run.

    Raises:
        ConfigurationError: the report is a snapshot, which holds everybody each day.
    """
    name, length = step.spec.report, step.spec.window or 1
    if stored_newest.kind != EVENTS:
        raise ConfigurationError(NO_WINDOW.format(repr(name)))
    days = [newest - timedelta(days=back) for back in reversed(range(length))]
    reports = step.installation.reports
    stored = {day: reports.stored(report_slug, day) for day in days}
    files = {
        day: reports.file(report_slug, day)
        for day, report in stored.items()
        if report is not None and report.likely_types is not None
    }
    lacking = [day for day in days if files.get(day) is None]
    # Days of a team's asset are there once its runs have taken them in: only Dagster can load an asset.
    missing = lacking if step.spec.source else fetch_days(step, report_slug, lacking) if lacking else []
    files |= {day: reports.file(report_slug, day) for day in lacking if day not in missing}
    there = {day: file for day in days if (file := files.get(day)) is not None}
    missing = [day for day in days if day not in there]
    step.context.log.info(f"window of {count(length, 'day')}: {len(there):,} used, from {min(there)} to {max(there)}")
    if missing:
        step.context.log.warning(f"the window lacks {say_days(missing)}, which the source does not have")
    return Window(scan_days(there), [*there], missing)


def fetch_days(step: SyncStep, report_slug: str, days: Sequence[date]) -> list[date]:
    """Fetch and store days of a report; return those that the source does not have."""
    source = step.installation.source()
    info = replace(source.find(step.spec.report), text_columns=frozenset(step.spec.key_columns))
    gap = source.missing(info, days)
    missing = list(gap.days) if gap else []
    fetched = 0
    for day in days:
        if day in missing:
            continue
        try:
            fetch_day(source, step.installation.reports, info, day, step.run_id)
            fetched += 1
        except NoDataForDay:  # removed meanwhile
            missing.append(day)
    if fetched:
        step.context.log.info(f"fetched {count(fetched, 'day')} of {report_slug} for the window")
    return sorted(missing)
