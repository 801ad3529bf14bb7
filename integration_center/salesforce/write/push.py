"""Send an update set and report what became of each record. The channel never changes the outcome."""

import logging
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from integration_center.errors import (
    IntegrationCenterError,
    LeaseLost,
    OrgError,
    PlanError,
    StopRequested,
    TerminalError,
    TransientError,
)
from integration_center.progress import unit
from integration_center.salesforce.client.cells import changed_fields
from integration_center.salesforce.client.faults import QUOTA_CODES, AnswerLost
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.bulk import (
    UPLOADS,
    IngestJob,
    abort_job,
    await_job,
    close_job,
    create_job,
    end_job,
    is_job_refusal,
    upload_part,
)
from integration_center.salesforce.write.bulk_files import (
    MAX_JOB_BYTES,
    Part,
    estimate_bytes,
    is_unfit_for_bulk,
    write_parts,
)
from integration_center.salesforce.write.bulk_results import read_ended_results, read_results
from integration_center.salesforce.write.forecast import Forecast, forecast_bulk, forecast_collections
from integration_center.salesforce.write.journal import Check, CheckedJournal, Journal
from integration_center.salesforce.write.options import COLLECTIONS_A_CALL, ROWS_A_COLLECTION, WriteOptions
from integration_center.salesforce.write.resending import (
    LOCK_TRIES,
    RESEND_ROWS,
    RESEND_SIZES,
    Sender,
    resend_smaller,
    send_left_by_bulk,
)
from integration_center.salesforce.write.results import RESULTS, advise, build_results, overlay_results
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.distinct import repeats

logger = logging.getLogger(__name__)

Channel = Literal["auto", "collections", "bulk"]
Progress = Callable[[int, int], None]

COLLECTIONS_ROWS = 2_000
"""Salesforce recommends Collections up to this number of records, and Bulk above."""

PLAIN = WriteOptions()


def push_updates(
    org: Org,
    schema: SObjectSchema,
    updates: pl.DataFrame,
    *,
    journal: Journal,
    options: WriteOptions = PLAIN,
    channel: Channel = "auto",
    progress: Progress | None = None,
    max_job_bytes: int = MAX_JOB_BYTES,
    may_go_on: Check = lambda: None,
) -> pl.DataFrame:
    """Send every line and report every line.

    Args:
        org: the org that holds the records.
        schema: the object of the records.
        updates: the Updates frame: `Id`, and per field `after.F` and `changed.F`.
        journal: called before anything can be written.
        options: the size of groups, and what else the integration and the org require.
        channel: `auto` uses Collections for up to 2,000 records, or for small groups as long as the org can spare API
            calls, and otherwise Bulk API 2.0 where it supports the object.
        progress: called with the number of records done and the total, also while a Bulk job runs.
        max_job_bytes: the largest size of a Bulk upload.
        may_go_on: called before each part is sent: it raises when the run was asked to end, or has lost the object.
            What it stopped is `unprocessed`.

    Returns:
        The Results frame, one line per update, in the same order. A refusal in the middle of the push does not raise:
        the records that it stopped are `unprocessed` with its code, and records sent before keep their results.

    Raises:
        PlanError: `updates` names a record twice. Salesforce would keep either value.
    """
    if updates.is_empty():
        return pl.DataFrame(schema=RESULTS)
    if repeats(updates["Id"]):
        raise PlanError("the update set names a record twice; materialize it again")
    total = updates.height
    tell = progress or (lambda done, total: None)
    done: list[pl.DataFrame] = [pl.DataFrame(schema=RESULTS)]
    ended: list[str] = []
    stop: IntegrationCenterError | None = None

    sender = Sender(org, schema, CheckedJournal(journal, may_go_on), options)

    def running(processed: int) -> None:
        tell(sum(part.height for part in done) + processed, total)

    try:
        for results in _send(sender, updates, channel, max_job_bytes, running, ended.append):
            done.append(results)
            running(0)
    except (TerminalError, TransientError) as error:
        logger.error("the push stops: %s", error)
        stop = error
    known = _order_as_sent(pl.concat(done), updates["Id"], stop)
    if not stop:
        known = send_left_by_bulk(sender, updates, known)
        known = resend_smaller(sender, updates, known)
    for job_id in ended:
        journal.job_settled(job_id)
    return advise(known, allow_duplicates=options.allow_duplicates)


def _order_as_sent(known: pl.DataFrame, ids: pl.Series, stop: IntegrationCenterError | None) -> pl.DataFrame:
    """Sort the results in the order of `ids`. Records without a result become `unprocessed`, with `stop` as reason."""
    if known["Id"].equals(ids):
        return known
    code = getattr(stop, "code", None) or (type(stop).__name__ if stop else None)
    message = stop.said.sentence if stop else None  # without a path of the server, which is no matter of an operator
    return overlay_results(build_results(ids, Outcome.UNPROCESSED, code=code, message=message), known)


def forecast_push(updates: pl.DataFrame, options: WriteOptions = PLAIN) -> Forecast:
    """Forecast the API calls for sending an Updates frame: those it needs, and those that trouble may add."""
    rows = updates.height
    again = min(rows, RESEND_ROWS)
    resends = sum(options.count_calls(again, size) for size in RESEND_SIZES[:LOCK_TRIES])
    if not _goes_by_bulk(rows, "auto", options):
        return forecast_collections(rows, options.group * COLLECTIONS_A_CALL, resends)
    return forecast_bulk(rows, ceil(estimate_bytes(updates) / MAX_JOB_BYTES), resends)


def _goes_by_bulk(rows: int, channel: Channel, options: WriteOptions) -> bool:
    """Return whether `rows` records go by Bulk. Bulk always makes transactions of 200 records."""
    if channel != "auto":
        return channel == "bulk"
    if rows <= COLLECTIONS_ROWS:
        return False
    return options.group >= ROWS_A_COLLECTION or not options.can_spare(options.count_calls(rows))


def settle_job(org: Org, job_id: str) -> tuple[str, pl.DataFrame]:
    """End an unfinished job of a killed run, and read its results.

    Returns:
        The last state of the job (`JobComplete`, `Failed`, `Aborted`, or `Deleted` when the org no longer has it), and
        the Results of the records in its result files. What became of any other record is unknown.

    Raises:
        TransientError: the org stayed unavailable, or the job is still running.
    """
    job = end_job(org.session, job_id, org.polling)
    if job is None:
        return "Deleted", pl.DataFrame(schema=RESULTS)
    return job.state, read_ended_results(org.session, job)


def _send(
    sender: Sender,
    updates: pl.DataFrame,
    channel: Channel,
    max_job_bytes: int,
    running: Callable[[int], None],
    settled: Callable[[str], None],
) -> Iterator[pl.DataFrame]:
    group = sender.options.group
    if not _goes_by_bulk(updates.height, channel, sender.options):
        yield from sender.send(updates, group, free=None)
        return
    unfit = updates.select(is_unfit_for_bulk(updates, sender.schema)).to_series()
    plain = updates.filter(~unfit) if unfit.any() else updates  # do not copy a million lines without need
    done = 0
    try:
        for results in _send_bulk(sender, plain, max_job_bytes, running, settled):
            done += results.height
            yield results
    except BulkRefused as refusal:
        if channel == "bulk":
            raise
        rest = plain[done:]
        logger.info(
            "Bulk accepts no more records of %s (%s): sending %d records by Collections",
            sender.schema.name,
            refusal.code,
            rest.height,
        )
        sent = 0
        for results in sender.send(rest, group, free=0):
            sent += results.height
            yield results
        if sent < rest.height:
            raise
    yield from sender.send(updates.filter(unfit), group, free=None)


class BulkRefused(OrgError):
    """Bulk API 2.0 accepts nothing, or nothing more, of this push. The refused part was not written."""


def _send_bulk(
    sender: Sender,
    updates: pl.DataFrame,
    max_job_bytes: int,
    running: Callable[[int], None],
    settled: Callable[[str], None],
) -> Iterator[pl.DataFrame]:
    fields = changed_fields(updates)
    with TemporaryDirectory(prefix="push-", dir=sender.org.session.scratch) as folder:
        for part in write_parts(updates, fields, Path(folder), max_job_bytes):
            try:
                with unit("Bulk job", records=part.ids.len(), bytes=part.size):
                    job = _upload(sender, part)
                    results = _finish(sender, job, part, running, settled)
            except OrgError as error:
                if error.code in QUOTA_CODES:
                    raise BulkRefused(str(error), code=error.code, status=error.status) from None
                raise
            yield results


def _upload(sender: Sender, part: Part) -> IngestJob:
    """Open a job and upload its file. When the answer to the upload is lost, a new job replaces the old one."""
    org, journal = sender.org, sender.journal
    for attempt in range(1, UPLOADS + 1):
        journal.may_go_on()
        job = _open_job(org, sender.schema.name)
        try:
            journal.job_opened(job.id, part.ids.len(), part.content_hash)
            upload_part(org.session, job, part)
        except (TransientError, TerminalError) as error:
            if abort_job(org.session, job.id):
                journal.job_settled(job.id)
            if not isinstance(error, AnswerLost) or attempt == UPLOADS:
                raise
            logger.warning("the upload to Bulk job %s failed, attempt %d", job.id, attempt)
        else:
            logger.info("Bulk job %s: %d records, %d bytes uploaded", job.id, part.ids.len(), part.size)
            return job
    raise AssertionError("the last attempt returns or raises")


def _open_job(org: Org, object_name: str) -> IngestJob:
    try:
        return create_job(org.session, object_name)
    except OrgError as error:
        if not is_job_refusal(error):
            raise
        raise BulkRefused(str(error), code=error.code, status=error.status) from None


def _finish(
    sender: Sender,
    job: IngestJob,
    part: Part,
    running: Callable[[int], None],
    settled: Callable[[str], None],
) -> pl.DataFrame:
    """Close the job, wait for its end, and read what became of its records.

    From the moment when the close may have arrived, the org may write. A result that cannot be read after that is
    `unknown`, and the job stays in the journal for the next run to settle.

    Raises:
        IntegrationCenterError: the close was refused, or may not be asked for, and nothing was written.
    """
    org = sender.org
    try:
        sender.journal.may_go_on()
        close_job(org.session, job.id)
    except AnswerLost as error:
        return _build_unknown(job, part, error)
    except (OrgError, StopRequested, LeaseLost):
        if abort_job(org.session, job.id):
            settled(job.id)
        raise
    try:
        ended = await_job(
            org.session, job.id, org.polling, lambda seen: running(seen.processed or 0), rows=part.ids.len()
        )
        logger.info("Bulk job %s: %s, %s processed, %s failed", ended.id, ended.state, ended.processed, ended.failed)
        results = read_results(org.session, ended, part.ids)
    except (TransientError, TerminalError) as error:
        return _build_unknown(job, part, error)
    if not (results["outcome"] == Outcome.UNKNOWN).any():  # else the next run looks again
        settled(job.id)
    return results


def _build_unknown(job: IngestJob, part: Part, error: IntegrationCenterError) -> pl.DataFrame:
    logger.warning("it is unknown what Bulk job %s wrote: %s", job.id, error)
    code = getattr(error, "code", None) or type(error).__name__
    return build_results(part.ids, Outcome.UNKNOWN, code=code, message=error.said.sentence, job_id=job.id)
