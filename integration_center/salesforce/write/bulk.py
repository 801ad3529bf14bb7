"""Make the calls of one Bulk API 2.0 ingest job.

Source: Bulk API 2.0 Developer Guide v66.0, "Bulk API 2.0 Ingest".
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from integration_center.errors import OrgError, ServiceUnavailable, TransientError
from integration_center.progress import note
from integration_center.salesforce.client.faults import AnswerLost
from integration_center.salesforce.client.polling import JOB_MEMBERS, TERMINAL_STATES, Polling, read_count
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.write.bulk_files import Part
from integration_center.wording.answers import read_code

logger = logging.getLogger(__name__)

REFUSED = frozenset({400, 404, 405})
"""Statuses of an org that opens no job, the last two of an org without Bulk API 2.0. They are not documented."""

UPLOADS = 3
PIECE = 1 << 18


@dataclass(frozen=True)
class IngestJob:
    """An ingest job, from the answer of any call about it.

    Attributes:
        processed: the rows processed, including failed ones; None before the org reports them.
        failed: the rows that failed.
        error_code: the part of the job's error message before the first colon, such as `InvalidBatch`.
        error_message: why the job failed as a whole. It may quote a value.
    """

    id: str
    state: str
    content_url: str | None = None
    processed: int | None = None
    failed: int | None = None
    error_code: str | None = None
    error_message: str | None = field(default=None, repr=False)


def parse_ingest_job(json: dict[str, Any]) -> IngestJob:
    """Parse a job. The keys of the answer depend on the call and the state."""
    message = json.get("errorMessage") or None
    return IngestJob(
        id=json["id"],
        state=json["state"],
        content_url=json.get("contentUrl"),
        processed=read_count(json.get("numberRecordsProcessed")),
        failed=read_count(json.get("numberRecordsFailed")),
        error_code=read_code(message.split(":")[0].strip()) if message else None,
        error_message=message,
    )


def is_job_refusal(error: OrgError) -> bool:
    """Return whether the org opened no job, for a reason that may concern Bulk alone. For errors of `create_job`.

    Salesforce lists few of its reasons (`INVALIDENTITY`, `FEATURENOTENABLED`, `API_ERROR`), so all count.
    """
    return error.status in REFUSED


def create_job(session: Session, object_name: str) -> IngestJob:
    """Open an update job. Nothing is written before it is closed, so a lost answer only leaves an empty job behind."""
    body = {
        "object": object_name,
        "operation": "update",
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    answer = session.request("POST", "jobs/ingest", json=body, idempotent=True, members=JOB_MEMBERS)
    return parse_ingest_job(answer.json())


def upload_part(session: Session, job: IngestJob, part: Part) -> None:
    """Upload the only file of the job as a stream.

    Raises:
        AnswerLost: it is unknown whether the file arrived. A second upload is refused ("multiple contents for job"), so
            the job has to be aborted and another one opened.
    """

    def pieces() -> Iterator[bytes]:
        with part.path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    session.request(
        "PUT",
        job.content_url or f"jobs/ingest/{job.id}/batches",
        content=pieces,
        # With a length, the body is not sent in chunks. It is not compressed, because the Bulk API 2.0 guide mentions
        # only compressed answers. An org that read compressed bytes as CSV would accept the upload and fail the job.
        headers={"Content-Type": "text/csv", "Content-Length": str(part.size)},
        idempotent=False,
    )


def read_job(session: Session, job_id: str) -> IngestJob:
    """Read the current state of the job."""
    return parse_ingest_job(session.get_json(f"jobs/ingest/{job_id}", members=JOB_MEMBERS))


def _set_state(session: Session, job_id: str, state: str) -> IngestJob:
    answer = session.request(
        "PATCH", f"jobs/ingest/{job_id}", json={"state": state}, idempotent=False, members=JOB_MEMBERS
    )
    return parse_ingest_job(answer.json())


def close_job(session: Session, job_id: str) -> IngestJob:
    """Mark the upload as complete. From here on the org writes.

    Raises:
        AnswerLost: it cannot be found out whether the job is closed.
    """
    try:
        return _set_state(session, job_id, "UploadComplete")
    except AnswerLost:
        job = read_job_or_lose(session, job_id)
        return _set_state(session, job_id, "UploadComplete") if job.state == "Open" else job


def read_job_or_lose(session: Session, job_id: str) -> IngestJob:
    """Read the job after a lost answer. If the job cannot be read either, raise `AnswerLost`."""
    try:
        return read_job(session, job_id)
    except TransientError as error:
        raise AnswerLost(f"the state of Bulk job {job_id} cannot be read: {error}") from None


def abort_job(session: Session, job_id: str) -> bool:
    """Abort a job that is not closed, and return whether that worked. A job that stays open writes nothing either."""
    try:
        _set_state(session, job_id, "Aborted")
    except (TransientError, OrgError) as error:
        logger.warning("Bulk job %s could not be aborted: %s", job_id, error)
        return False
    return True


def await_job(
    session: Session,
    job_id: str,
    polling: Polling,
    seen: Callable[[IngestJob], None] = lambda job: None,
    *,
    rows: int | None = None,
) -> IngestJob:
    """Wait until the job has ended, and return it: JobComplete (rows may have failed), Failed or Aborted.

    Args:
        session: the session with the org.
        job_id: the id of a job that is closed or aborted.
        polling: when to look.
        seen: called with the job after each look.
        rows: the number of rows sent, for a job that was closed just now. It helps to estimate when the job ends.

    Raises:
        StillRunning: the job did not end before the deadline.
    """

    def look() -> IngestJob:
        job = read_job(session, job_id)
        note(f"Bulk job: {read_code(job.state)}")
        seen(job)
        return job

    return polling.await_end(look, lambda job: (job.processed or 0) / rows if rows else 0.0)


def end_job(session: Session, job_id: str, polling: Polling) -> IngestJob | None:
    """End the job of a killed run: abort the job if it was never closed, otherwise wait until it ends.

    Returns:
        The ended job; None when the org has deleted it, which happens seven days after the end.

    Raises:
        TransientError: the job is open and cannot be aborted (then it writes nothing), or does not end in time.
    """
    try:
        job = read_job(session, job_id)
    except OrgError as error:
        if error.status == 404:
            return None
        raise
    if job.state == "Open" and not abort_job(session, job_id):
        raise ServiceUnavailable(f"Bulk job {job_id} of an earlier run is open and could not be aborted")
    return job if job.state in TERMINAL_STATES else await_job(session, job_id, polling)
