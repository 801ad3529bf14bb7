"""Read what a Bulk ingest job did with each record, from its result files and its counts.

The rows come in any order, and Salesforce writes them in its own form (numbers in other forms, every cell quoted). So
records are found by the column named `Id`. A file can end early with HTTP 200; the job's counts show that.
"""

import logging
from pathlib import Path

import polars as pl

from integration_center.errors import OrgError, TransientError
from integration_center.salesforce.client.polling import read_locator
from integration_center.salesforce.client.scratch_files import open_scratch
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.write.bulk import IngestJob, read_job
from integration_center.salesforce.write.results import RESULTS, build_results, overlay_results
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center.wording.answers import CODE, LONGEST_CODE, UNKNOWN_CODE, read_code

logger = logging.getLogger(__name__)

DOWNLOADS = 2
FAILED, SUCCESSFUL, UNPROCESSED = "failedResults", "successfulResults", "unprocessedrecords"
ROW_ERROR = r"(?s)^(?<code>[A-Za-z][A-Za-z0-9_]*):(?<message>.*?)(?::(?<fields>[\w.]+(?:,\s*[\w.]+)*)?\s*--\s*)?$"
"""`CODE:message:field1,field2 --` or `CODE:message:--`. Messages can contain colons."""


def parse_row_error(text: pl.Expr) -> pl.Expr:
    """Split `sf__Error` into a struct of `code`, `message` and `fields` (null when it names no field)."""
    return text.str.extract_groups(ROW_ERROR)


def is_code(text: pl.Expr) -> pl.Expr:
    """Return whether a text has the form of an error code, see `read_code`; null for null."""
    return text.str.contains(rf"^(?:{CODE.pattern})$") & (text.str.len_chars() <= LONGEST_CODE)


def _read_file(path: Path) -> pl.DataFrame | None:
    """Read `Id` and `sf__Error` (null if the file has no such column) of a result file; None if it cannot be parsed."""
    try:
        lines = pl.read_csv(path, infer_schema=False, glob=False)
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema={"Id": pl.String, "sf__Error": pl.String})
    except pl.exceptions.ComputeError:
        return None
    names = {name.lower(): name for name in lines.columns}
    found = [pl.col(names[name]).replace("", None) for name in ("id", "sf__id") if name in names]
    if not found:
        return None
    error = pl.col(names["sf__error"]) if "sf__error" in names else pl.lit(None, dtype=pl.String)
    return lines.select(pl.coalesce(found).alias("Id"), error.alias("sf__Error"))


def _fetch(session: Session, job_id: str, kind: str) -> pl.DataFrame | None:
    """Fetch one kind of results, whether the org sends one file or pages; None when it cannot be downloaded or parsed.

    The guide names no pages of ingest results. An org that names a next page is believed.
    """
    pages: list[pl.DataFrame] = []
    locators: list[str] = []
    while True:
        with open_scratch(session.scratch, "bulk-result-") as file:
            try:
                params = {"locator": locators[-1]} if locators else None
                locator = read_locator(session.download(f"jobs/ingest/{job_id}/{kind}/", file, params=params))
            except (TransientError, OrgError) as error:
                logger.warning("%s of Bulk job %s: %s", kind, job_id, error)
                return None
            lines = _read_file(Path(file.name))
        if lines is None or locator in locators:
            logger.warning("%s of Bulk job %s is not a complete CSV file", kind, job_id)
            return None
        pages.append(lines)
        if locator is None:
            return pl.concat(pages)
        locators.append(locator)


def _build_failed(lines: pl.DataFrame, job_id: str) -> pl.DataFrame:
    parts = parse_row_error(pl.col("sf__Error"))
    code = parts.struct.field("code")
    return lines.select(
        "Id",
        pl.lit(Outcome.FAILED.value, dtype=OUTCOME).alias("outcome"),
        pl.when(is_code(code)).then(code).otherwise(pl.lit(UNKNOWN_CODE)).alias("code"),
        pl.coalesce(parts.struct.field("message"), "sf__Error").alias("message"),
        parts.struct.field("fields").alias("error_fields"),
        pl.lit(job_id).alias("job_id"),
    )


def _build_unprocessed(ids: pl.Series, job: IngestJob) -> pl.DataFrame:
    code = job.error_code or read_code(job.state) or UNKNOWN_CODE
    return build_results(ids, Outcome.UNPROCESSED, code=code, message=job.error_message, job_id=job.id)


def _adds_up(job: IngestJob, failed: pl.DataFrame, unprocessed: pl.DataFrame, sent: pl.Series) -> bool:
    """Return whether the two files are complete, so that all other records were written."""
    named = pl.concat([failed["Id"], unprocessed["Id"]])
    return (
        job.processed is not None
        and failed.height == job.failed
        and job.processed + unprocessed.height == sent.len()
        and not named.has_nulls()
        and (named.is_empty() or (not named.is_duplicated().any() and bool(named.is_in(sent.implode()).all())))
    )


def read_results(session: Session, job: IngestJob, sent: pl.Series) -> pl.DataFrame:
    """Read the Results frame of an ended job, with one line per record sent. Usually takes two calls.

    A record is `updated` when it is neither failed nor unprocessed, and the job's counts prove that the two files are
    complete. If the counts do not, even after another download, the file of successful records decides, and a record
    that is in no file is `unknown`.

    Args:
        session: the session with the org.
        job: the ended job, with its counts.
        sent: the 18-character Ids uploaded, each once.
    """
    failed = unprocessed = None
    for attempt in range(1, DOWNLOADS + 1):
        failed, unprocessed = _fetch(session, job.id, FAILED), _fetch(session, job.id, UNPROCESSED)
        if failed is not None and unprocessed is not None and _adds_up(job, failed, unprocessed, sent):
            known = pl.concat([_build_failed(failed, job.id), _build_unprocessed(unprocessed["Id"], job)])
            return overlay_results(build_results(sent, Outcome.UPDATED, job_id=job.id), known)
        logger.warning("the result files of Bulk job %s do not add up, attempt %d", job.id, attempt)
        job = read_job(session, job.id)
    known = _join_files(job, failed, _fetch(session, job.id, SUCCESSFUL), unprocessed)
    lost = "the job's result files are incomplete"
    unknown = build_results(sent, Outcome.UNKNOWN, code="RESULT_LOST", message=lost, job_id=job.id)
    return overlay_results(unknown, known)


def read_ended_results(session: Session, job: IngestJob) -> pl.DataFrame:
    """Read the Results of an ended job whose upload is not available: one line per record in its three files.

    A file that cannot be downloaded or parsed is left out with a warning. The fate of its records stays unknown.
    """
    failed, successful, unprocessed = (_fetch(session, job.id, kind) for kind in (FAILED, SUCCESSFUL, UNPROCESSED))
    return _join_files(job, failed, successful, unprocessed)


def _join_files(
    job: IngestJob,
    failed: pl.DataFrame | None,
    successful: pl.DataFrame | None,
    unprocessed: pl.DataFrame | None,
) -> pl.DataFrame:
    """Build one line per Id in the files. The first file that names an Id decides."""
    frames = [pl.DataFrame(schema=RESULTS)]
    if failed is not None:
        frames.append(_build_failed(failed, job.id))
    if successful is not None:
        frames.append(build_results(successful["Id"], Outcome.UPDATED, job_id=job.id))
    if unprocessed is not None:
        frames.append(_build_unprocessed(unprocessed["Id"], job))
    return pl.concat(frames).drop_nulls("Id").unique(subset="Id", keep="first", maintain_order=True)
