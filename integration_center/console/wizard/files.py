"""The newest file of a report, looked at: what is odd about it, and the `report.yaml` that reads it."""

from dataclasses import dataclass

from integration_center.errors import NoDataForDay
from integration_center.insights.files import FilesSource
from integration_center.insights.inspecting.inspection import Inspection, inspect_fetched


@dataclass(frozen=True)
class FoundFile:
    """A file that was looked at.

    Attributes:
        inspection: all that was found.
        report_id: the name of the report's folder.
        slug: the report's slug, as in the address of its page.
        configured: whether a `report.yaml` says something already.
    """

    inspection: Inspection
    report_id: str
    slug: str
    configured: bool


def find_file(source: FilesSource, report: str) -> FoundFile:
    """Look at the newest file of a report.

    Raises:
        UnknownReport: there is no such report.
        NoDataForDay: it has no file.
        UnreadableReport: the file cannot be read or unpacked.
    """
    info = source.find(report)
    day = source.newest_day(info)
    if day is None:
        raise NoDataForDay(f"report {info.name!r} has no file yet", ())
    fetched = source.fetch(info, day)
    return FoundFile(inspect_fetched(fetched), info.id, info.slug, configured=bool(fetched.file.model_fields_set))
