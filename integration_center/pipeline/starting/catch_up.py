"""Which days a scheduled run covers: of events all days since the last completed run, of a snapshot the newest."""

from collections.abc import Callable
from datetime import date, timedelta

from integration_center.insights.catalogue import OUT_OF_THE_BOX, ReportKind, report_slug
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec

LONGEST = 31
"""Days that one scheduled run covers at most."""


def check_long_range(installation: Installation, spec: IntegrationSpec, days: tuple[date, date]) -> None:
    """Check that a range of more than `LONGEST` days can end well, since Dagster takes seconds only to set it up.

    Raises:
        NoDataForDay: the report has no data for the newest day. All days that are missing are counted.
        ReportError: the report is gone, or cannot be read.
    """
    first, last = days
    length = (last - first).days + 1
    if length <= LONGEST or spec.source:
        return
    source = installation.source()
    missing = source.missing(source.find(spec.report), [first + timedelta(days=number) for number in range(length)])
    if missing and last in missing.days:
        raise missing


def reads_events(newest_kind: Callable[[str], ReportKind | None], spec: IntegrationSpec) -> bool:
    """Whether the integration's report is one of events, as far as that is known without asking its source.

    Args:
        newest_kind: the kind of a report by its slug, as `ReportFolder.newest_kind` reads it.
        spec: the integration.
    """
    if spec.source:
        return spec.source.kind == "events"
    slug = report_slug(spec.report)
    known = OUT_OF_THE_BOX.get(slug)
    return (newest_kind(slug) or (known.kind if known else None)) == "events"


def find_first_day(installation: Installation, slug: str, spec: IntegrationSpec, day: date) -> date:
    """Find the first day of a scheduled run of an event report whose last day is `day`.

    Returns:
        The day after the last one that completed, at most `LONGEST` days back; `day` itself where none has completed.
    """
    last = installation.syncs.last_completed_day(slug, spec.environment)
    if last is None or last >= day:
        return day
    return max(last + timedelta(days=1), day - timedelta(days=LONGEST - 1))
