"""Run Bulk API 2.0 queries: one job, whose result pages become frames."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any

import polars as pl

from integration_center.errors import OrgError
from integration_center.progress import advance, note
from integration_center.salesforce.client.faults import IncompleteRead
from integration_center.salesforce.client.polling import JOB_MEMBERS, Polling, read_count, read_locator
from integration_center.salesforce.client.scratch_files import open_scratch
from integration_center.salesforce.client.session import Session
from integration_center.wording.answers import read_code

logger = logging.getLogger(__name__)

PAGE_ROWS = 250_000
"""The rows of a page, which limits the memory used."""
DOWNLOADS = 3
CODE = re.compile(r"\s*((?:[A-Z][a-z]+){2,}|[A-Z]+(?:_[A-Z]+)+)\s*:")
"""The start of an error message (`InvalidBatch : …`). The rest may quote values."""


class JobFailed(OrgError):
    """A Bulk query job ended without a result."""


@dataclass(frozen=True)
class QueryJob:
    """A Bulk query job. `processed` counts its rows, and `error_code` says why it failed."""

    id: str
    state: str
    processed: int | None = None
    error_code: str | None = None


def parse_query_job(json: dict[str, Any]) -> QueryJob:
    """Parse a job from the answer of any call about it."""
    code = CODE.match(json.get("errorMessage") or "")
    return QueryJob(
        json["id"], json["state"], read_count(json.get("numberRecordsProcessed")), code[1] if code else None
    )


def read_bulk(
    session: Session,
    soql: str,
    columns: Sequence[str],
    polling: Polling,
    *,
    with_deleted: bool = False,
) -> Iterator[pl.DataFrame]:
    """Run a Bulk query and yield its result pages.

    Args:
        session: the session with the org.
        soql: the query, without ORDER BY, LIMIT, OFFSET or aggregates.
        columns: the selected fields, which become the columns, all String. An empty cell is empty text.
        polling: how to wait for the job.
        with_deleted: whether to also read records in the recycle bin (`queryAll`).

    Raises:
        OrgError: the query is refused (code INVALIDENTITY for an object that Bulk does not support); `JobFailed` when
            its job failed or was aborted.
        IncompleteRead: the pages do not hold the rows that the job counted.
    """
    body = {"operation": "queryAll" if with_deleted else "query", "query": soql}
    # Idempotent, because a second job for the same query only costs one of the 10,000 jobs per day.
    answer = session.request("POST", "jobs/query", json=body, idempotent=True, members=JOB_MEMBERS).json()
    session.meter.note_stamp_time(answer.get("createdDate"))
    opened = parse_query_job(answer)
    path = f"jobs/query/{opened.id}"

    def look() -> QueryJob:
        job = parse_query_job(session.get_json(path, members=JOB_MEMBERS))
        note(f"Bulk job: {read_code(job.state)}")
        return job

    job = polling.await_end(look)
    if job.state != "JobComplete":
        why = f" ({job.error_code})" if job.error_code else ""
        state = read_code(job.state)
        raise JobFailed(f"the Bulk query job {job.id} ended as {state}{why}", code=job.error_code or state)
    locator: str | None = None
    rows = 0
    endings = _Endings()
    while True:
        page, locator = _read_page(session, f"{path}/results", columns, locator, endings)
        rows += page.height
        advance(rows, job.processed)
        yield page
        del page  # a frame of the next page takes its memory
        if locator is None:
            break
    if job.processed is not None and rows != job.processed:
        raise IncompleteRead(f"the Bulk query job {job.id} counted {job.processed} rows, but returned {rows}")


@dataclass
class _Endings:
    """What the pages of a query have shown: whether the org leaves the end of the last line away in all of them."""

    left_away: bool = False


def _read_page(
    session: Session, path: str, columns: Sequence[str], locator: str | None, endings: _Endings
) -> tuple[pl.DataFrame, str | None]:
    params = {"maxRecords": str(PAGE_ROWS)} | ({"locator": locator} if locator else {})
    unended: set[int] = set()
    for attempt in range(1, DOWNLOADS + 1):
        with open_scratch(session.scratch, "bulk-query-") as file:
            headers = session.download(path, file, params=params)
            page = _parse_page(file.name, columns)
            size = _find_unended_size(file)
        expected = read_count(headers.get("sforce-numberofrecords"))
        counted = page is not None and expected in (None, page.height)
        # A file that ends in its last row has all its rows, but may lack cells. An org that never ends the last line
        # sends a file of the same size again, and is believed then.
        if size is not None:
            endings.left_away = endings.left_away or size in unended
            unended.add(size)
        ended = size is None or endings.left_away or (page is not None and page.is_empty())
        if page is not None and counted and ended:
            return page, read_locator(headers)
        logger.warning("a page of a Bulk query was incomplete, attempt %d", attempt)
    raise IncompleteRead(f"a page of a Bulk query was incomplete {DOWNLOADS} times")


def _find_unended_size(file: IO[bytes]) -> int | None:
    """Return the size of a file whose last line has no end; None when it has one, or the file is empty."""
    size = file.seek(0, SEEK_END)
    if not size:
        return None
    file.seek(size - 1)
    return None if file.read(1) == b"\n" else size


def _parse_page(path: str, columns: Sequence[str]) -> pl.DataFrame | None:
    """Parse the page in the file, matching column names without case; None when the file cannot be parsed."""
    try:
        page = pl.read_csv(path, infer_schema=False, glob=False)
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    except pl.exceptions.ComputeError:
        return None
    spelling = {name.lower(): name for name in page.columns}
    if any(name.lower() not in spelling for name in columns):
        return None
    return page.select(pl.col(spelling[name.lower()]).alias(name) for name in columns)
