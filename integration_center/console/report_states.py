"""Which of the reports that integrations name cannot be carried, as the report source says it just now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from integration_center.console.plain_words import say_error
from integration_center.errors import ReportError, TerminalError, TransientError, UnknownReport
from integration_center.insights.catalogue import ReportInfo, find_report, report_slug
from integration_center.insights.source import ReportSource


class Lack(StrEnum):
    """What a report lacks, as a row says it."""

    MISSING = "is missing"
    EMPTY = "has no data yet"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True)
class ReportStates:
    """The reports that integrations name.

    Attributes:
        problem: why no report can be read at all; None when the source answers.
        lacks: what is wrong with a report, by its slug, with the source's own sentence where it has one.
    """

    problem: str | None = None
    lacks: Mapping[str, tuple[Lack, str]] = field(default_factory=dict)


def look_at_reports(source: ReportSource, names: Iterable[str]) -> ReportStates:
    """Ask the source for each report by its name. A report of which it does not answer now is taken for sound.

    Raises:
        TransientError: the source does not answer at all.
    """
    try:
        reports = source.list_reports()
    except TerminalError as error:
        return ReportStates(problem=say_error(error))
    lacks = {}
    for slug, name in {report_slug(name): name for name in names}.items():
        if lack := _find_lack(source, reports, name):
            lacks[slug] = lack
    return ReportStates(lacks=lacks)


def _find_lack(source: ReportSource, reports: Iterable[ReportInfo], name: str) -> tuple[Lack, str] | None:
    try:
        newest = source.newest_day(find_report(reports, name))
    except UnknownReport:
        return Lack.MISSING, ""
    except ReportError as error:
        return Lack.UNREADABLE, say_error(error)
    except TransientError:
        return None
    return (Lack.EMPTY, "") if newest is None else None
