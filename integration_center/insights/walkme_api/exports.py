"""Run export jobs of the API: the service writes a whole report into a file, and we download the file.

The contract is this project's own (see `insights/walkme_api/api.py`): POST `reports/{id}/exports`, then GET
`exports/{exportId}` of the system until it is `completed` or `failed`, then GET its presigned `url`, without the token.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import polars as pl

from integration_center.errors import (
    AccessRefused,
    ReportError,
    ServiceUnavailable,
    UnreadableReport,
)
from integration_center.files.file_bytes import keep_file, keeping
from integration_center.insights.delimited.form import Form
from integration_center.insights.delimited.reading import read_table
from integration_center.insights.unpacking import unpack
from integration_center.insights.walkme_api.walkme import LinkExpired, WalkMeSession
from integration_center.wording.answers import read_code
from integration_center.wording.sentences import count

logger = logging.getLogger(__name__)

EXPORTS = 2
"""How many exports are requested if the file of an export cannot be downloaded completely."""
LONGEST_MESSAGE = 200


class ExportRefused(Exception):
    """The service refuses to begin an export. The message has its answer."""


@dataclass(frozen=True)
class ExportPaths:
    """The path to begin a report's export, and the path to look at any export of the system by its id."""

    begin: str
    look: str


@dataclass(frozen=True)
class ExportPolling:
    """When to look at an export.

    Attributes:
        first_wait: the seconds before the first look. Each later wait is `growth` times as long, up to `longest_wait`.
        deadline: the seconds after which we give up an export that has not ended.
        clock: a monotonic clock.
        sleep: waits.
    """

    first_wait: float = 0.2
    growth: float = 1.6
    longest_wait: float = 20.0
    deadline: float = 1_800.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


def read_export(
    session: WalkMeSession, paths: ExportPaths, period: Mapping[str, int], polling: ExportPolling, source: str
) -> pl.DataFrame:
    """Read all rows of a report as text, as `read_table` does, from one export job.

    If the address of the file has expired, or the file is not as announced, the report is exported once more.

    Args:
        session: a session, which signs in when needed.
        paths: the paths to begin an export and to look at it.
        period: `from` and `to`, in milliseconds.
        polling: when to look.
        source: the name of the report in errors.

    Raises:
        UnreadableReport: the service says that the export failed, or the file is not CSV.
        ServiceUnavailable: the export did not end in time, or two files could not be downloaded completely.
        ExportRefused: the service offers no exports, or not for this key.
    """
    for left in reversed(range(EXPORTS)):
        export = _await_end(session, paths, _begin(session, paths, period), polling, source)
        try:
            return _fetch(session, export, source)
        except LinkExpired:
            error: Exception = ServiceUnavailable(f"{source}: the address of its export was refused before its time")
        except (UnreadableReport, ServiceUnavailable) as fault:
            error = fault
        if not left:
            raise error from None
        logger.info("%s; asking for a new export", error)
    raise AssertionError("the last export returns rows or raises")


def _begin(session: WalkMeSession, paths: ExportPaths, period: Mapping[str, int]) -> dict[str, Any]:
    try:
        return session.post(paths.begin, {**period, "format": "csv"})
    except (ReportError, AccessRefused) as error:
        raise ExportRefused(str(error)) from None


def _await_end(
    session: WalkMeSession, paths: ExportPaths, export: dict[str, Any], polling: ExportPolling, source: str
) -> dict[str, Any]:
    id_ = export.get("exportId")
    if not isinstance(id_, str) or not id_:
        raise ServiceUnavailable(f"WalkMe answered {paths.begin} without exportId")
    start, wait = polling.clock(), polling.first_wait
    while True:
        status = (read_code(export.get("status")) or "").lower()
        if status == "completed":
            return export
        if status == "failed":
            raise UnreadableReport(f"{source}: WalkMe could not export it{_read_reason(export)}; run the day again")
        if polling.clock() - start >= polling.deadline:
            raise ServiceUnavailable(
                f"{source}: its export was still {status or 'without a status'!r} after {polling.deadline:.0f} s"
            )
        polling.sleep(wait)
        wait = min(wait * polling.growth, polling.longest_wait)
        export = session.get(f"{paths.look}/{quote(id_, safe='')}", {})


def _read_reason(export: Mapping[str, Any]) -> str:
    """Read the service's own words about the job, cut to a reasonable length."""
    error = export.get("error")
    if not isinstance(error, dict):
        return ""
    code, message = read_code(error.get("code")), str(error.get("message") or "")[:LONGEST_MESSAGE]
    return f" ({': '.join(filter(None, (code, message)))})" if code or message else ""


def _fetch(session: WalkMeSession, export: Mapping[str, Any], source: str) -> pl.DataFrame:
    """Read the rows of a completed export, through a temporary file, which keeps large ones."""
    url, rows = export.get("url"), export.get("rowCount")
    if not isinstance(url, str) or not url:
        raise ServiceUnavailable(f"{source}: its completed export has no url")
    with keeping(f"{source}: its export"), tempfile.TemporaryFile() as file:
        session.download(url, file)
        data = keep_file(file)
    frame = read_table(unpack(data, source), source, Form(delimiter=",")).frame
    if isinstance(rows, str) and rows.isdecimal() and int(rows) != frame.height:
        raise ServiceUnavailable(f"{source}: its export has {count(frame.height, 'row')}, announced were {rows}")
    return frame
