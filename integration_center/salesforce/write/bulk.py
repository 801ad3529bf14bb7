"""The calls of one Bulk API 2.0 ingest job. Source: Bulk API 2.0 Developer Guide v66.0, "Bulk API 2.0 Ingest"."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from integration_center.errors import OrgError, ServiceUnavailable, TransientError
from integration_center.salesforce.client.faults import AnswerLost
from integration_center.salesforce.client.polling import TERMINAL_STATES, Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.write.bulk_files import Part
from integration_center.wording.answers import read_code

logger = logging.getLogger(__name__)

JOB_REFUSED = frozenset({"INVALIDENTITY", "INVALID_ENTITY", "INVALIDJOB", "FEATURENOTENABLED"})
"""Codes under which Salesforce refuses to open a Bulk job for an object (in capitals; the API is not consistent)."""

NOT_OFFERED = frozenset({404, 405})
"""Statuses under which an org without Bulk API 2.0 answers; that Salesforce documents them is not known."""

UPLOADS = 3
PIECE = 1 << 18


@dataclass(frozen=True)
class IngestJob:
    """An ingest job, as any of the calls answers it.

    Attributes:
        processed: rows processed, failed ones included; None before the org says so.
        failed: rows that failed.
        error_code: the part of the job's error message before the first colon, such as `InvalidBatch`.
        error_message: why the job failed as a whole; may quote a value.
    """

    id: str
    state: str
    object_name: str = ""
    content_url: str | None = None
    processed: int | None = None
    failed: int | None = None
    error_code: str | None = None
    error_message: str | None = field(default=None, repr=False)


def parse_ingest_job(json: dict[str, Any]) -> IngestJob:
    """Reads a job; which keys are there differs by call and state."""
    message = json.get("errorMessage") or None
    return IngestJob(
        id=json["id"],
        state=json["state"],
        object_name=json.get("object") or "",
        content_url=json.get("contentUrl"),
        processed=json.get("numberRecordsProcessed"),
        failed=json.get("numberRecordsFailed"),
        error_code=read_code(message.split(":")[0].strip()) if message else None,
        error_message=message,
    )


def is_job_refusal(error: OrgError) -> bool:
    """Whether the org opens no Bulk job for this object, or for none; before the first upload nothing is sent."""
    return (error.code or "").upper() in JOB_REFUSED or error.status in NOT_OFFERED


def create_job(session: Session, object_name: str) -> IngestJob:
    """Opens an update job. Nothing is written before it is closed, so a lost answer only leaves an empty job behind."""
    body = {
        "object": object_name,
        "operation": "update",
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    return parse_ingest_job(session.request("POST", "jobs/ingest", json=body, idempotent=True).json())


def upload_part(session: Session, job: IngestJob, part: Part) -> None:
    """Streams the one file of the job.

    Raises:
        AnswerLost: whether the file arrived is not known. A second upload is refused ("multiple contents for job"), so
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
        # With a length the body is not sent chunked. It is not compressed: the Bulk API 2.0 guide knows compression of
        # answers only, and an org that took the bytes for CSV would fail the job after the upload was accepted.
        headers={"Content-Type": "text/csv", "Content-Length": str(part.size)},
        idempotent=False,
    )


def read_job(session: Session, job_id: str) -> IngestJob:
    """The job as it stands."""
    return parse_ingest_job(session.get_json(f"jobs/ingest/{job_id}"))


def _set_state(session: Session, job_id: str, state: str) -> IngestJob:
    answer = session.request("PATCH", f"jobs/ingest/{job_id}", json={"state": state}, idempotent=False)
    return parse_ingest_job(answer.json())


def close_job(session: Session, job_id: str) -> IngestJob:
    """Says that the upload is complete: from here on the org writes.

    Raises:
        AnswerLost: whether the job is closed cannot be found out.
    """
    try:
        return _set_state(session, job_id, "UploadComplete")
    except AnswerLost:
        job = read_job_or_lose(session, job_id)
        return _set_state(session, job_id, "UploadComplete") if job.state == "Open" else job


def read_job_or_lose(session: Session, job_id: str) -> IngestJob:
    """`read_job` after a lost answer: when it cannot be read either, the answer stays lost."""
    try:
        return read_job(session, job_id)
    except TransientError as error:
        raise AnswerLost(f"the state of Bulk job {job_id} cannot be read: {error}") from None


def abort_job(session: Session, job_id: str) -> bool:
    """Aborts a job that is not closed, and says whether that worked; if not, it still writes nothing."""
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
    """The job when it has ended: JobComplete (rows may have failed), Failed or Aborted.

    Args:
        session: with the org.
        job_id: of a job that is closed or aborted.
        polling: when to look.
        seen: told what each look saw.
        rows: how many were sent, for a job closed just now; lets us look when it should end.

    Raises:
        StillRunning: the job did not end before the deadline.
    """

    def look() -> IngestJob:
        job = read_job(session, job_id)
        seen(job)
        return job

    return polling.await_end(look, lambda job: (job.processed or 0) / rows if rows else 0.0)


def end_job(session: Session, job_id: str, polling: Polling) -> IngestJob | None:
    """Brings the job of a killed run to its end: aborts it when it was never closed, else waits.

    Returns:
        The ended job; None when the org has forgotten it, which it does seven days after the end.

    Raises:
        TransientError: the job is open and cannot be aborted (it writes nothing), or does not end in time.
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
