"""Send updates by sObject Collections, several collections per composite call.

Source: REST API, "sObject Collections" (200 records) and "Composite" (25 subrequests, 5 of them collections).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

import httpx
import polars as pl

from integration_center.errors import AccessRefused, IntegrationCenterError, LimitExceeded, OrgError, TransientError
from integration_center.progress import unit
from integration_center.salesforce.client.cells import changed_fields, take_body, write_json_records, write_texts
from integration_center.salesforce.client.faults import (
    AnswerLost,
    BusyOrg,
    CutShort,
    PerhapsDone,
    build_error,
    find_lacking,
    read_names,
)
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.rest import COMPOSITE_MEMBERS, RESULT_MEMBERS
from integration_center.salesforce.write.options import COLLECTIONS_A_CALL
from integration_center.salesforce.write.results import LIMIT_CODES, LOCK_CODES, RESULTS, build_results, overlay_results
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.answers import UNKNOWN_CODE, read_code

logger = logging.getLogger(__name__)

SENDS = 3
NO_HEADERS: Mapping[str, str] = {}
COLLECTIONS_PATH = "composite/sobjects"
MAX_BODY_TEXT = 10_000_000  # bytes; a guess: Salesforce documents only the 50 MB of a SOAP request
REFERENCE = "@{"
"""The start of a reference to another part of a composite call (`@{part0.id}`), which the org replaces in any text."""


@dataclass(frozen=True)
class _Answer:
    """The answer to one collection."""

    status: int
    body: Any


@dataclass(frozen=True)
class _Sending:
    """What all calls of one `send_collections` have in common."""

    org: Org
    schema: SObjectSchema
    rows: int
    chunk_sent: Callable[[str], None]
    headers: Mapping[str, str]


def send_collections(
    org: Org,
    schema: SObjectSchema,
    updates: pl.DataFrame,
    *,
    chunk_sent: Callable[[str], None],
    rows: int,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Iterator[pl.DataFrame]:
    """Send an Updates frame and yield the Results of each API call, in order.

    After a lost answer, or one that says that the org is busy, the records are read again. Records that hold the sent
    values are `updated`, the others are sent again, and records that cannot be read are `unknown`.

    Args:
        org: the org that holds the records.
        schema: the object of the records.
        updates: an Updates frame, each Id once.
        chunk_sent: called before each call with a hash of its Ids.
        rows: the records per collection. Salesforce handles a collection as one transaction.
        headers: additional headers of each collection.

    Raises:
        IntegrationCenterError: a call was refused. Its records and all later ones were not written.
    """
    sending = _Sending(org, schema, rows, chunk_sent, headers)
    start, collections = 0, COLLECTIONS_A_CALL
    while start < updates.height:
        batch = take_body(updates[start : start + rows * collections], MAX_BODY_TEXT)
        if batch.height > rows and _holds_reference(batch):
            batch = batch[:rows]  # one collection goes alone, without a composite call
        try:
            yield _settle(sending, batch)
        except OrgError as error:
            if error.status not in {404, 405} or batch.height <= rows:
                raise
            logger.info("the org accepts no composite calls (%s): sending collections one by one", error)
            collections = 1  # nothing of the batch was written
        else:
            start += batch.height


def _holds_reference(updates: pl.DataFrame) -> bool:
    """Return whether a text of the updates looks like a reference to another part of a composite call."""
    texts = [f"after.{name}" for name in changed_fields(updates) if updates.schema[f"after.{name}"] == pl.String()]
    return any(updates[name].str.contains(REFERENCE, literal=True).any() for name in texts)


def _settle(sending: _Sending, batch: pl.DataFrame) -> pl.DataFrame:
    """Send one call, repeat what was lost, and return the Results."""
    results, pending = pl.DataFrame(schema=RESULTS), batch
    attempt = looked = 0
    while attempt < SENDS:
        if attempt or looked:
            logger.warning("sending %d records again after a lost answer", pending.height)
        sending.chunk_sent(hash_ids(pending["Id"]))
        try:
            sent = _send_call(sending, pending, looked)
        except PerhapsDone as error:
            looked += 1
            try:
                held, pending = _look(sending, pending)
            except IntegrationCenterError:
                if not attempt and results.is_empty():
                    raise error.busy from None  # the org answers nothing at all
                break
            results = pl.concat([results, held])
            if pending.is_empty():
                break
            if looked >= sending.org.session.retries.attempts:
                if not attempt and results.is_empty():
                    raise error.busy from None
                results = pl.concat([results, _leave_out(pending, error.busy)])
                break
            continue
        except IntegrationCenterError as error:
            if not attempt and results.is_empty():  # refused, so nothing of this call was written
                raise
            logger.warning("%d records cannot be sent again: %s", pending.height, error)
            break
        attempt += 1
        results = pl.concat([results, sent.filter(pl.col("outcome") != Outcome.UNKNOWN.value)])
        lost = pending.join(sent.filter(pl.col("outcome") == Outcome.UNKNOWN.value), on="Id", how="semi")
        if lost.is_empty():
            break
        verdicts, pending = _reread(sending, lost)
        results = pl.concat([results, verdicts])
        if attempt > 1 and not pending.is_empty():
            refused, pending = _take_broken_off(sent, pending)
            results = pl.concat([results, refused])
        if pending.is_empty():
            break
    unknown = build_results(batch["Id"], Outcome.UNKNOWN, code="ANSWER_LOST", message="the answer was lost")
    return overlay_results(unknown, results)


def _leave_out(pending: pl.DataFrame, busy: BusyOrg) -> pl.DataFrame:
    """Return the Results of records that were not written, because the org stayed busy."""
    return build_results(pending["Id"], Outcome.UNPROCESSED, code=busy.code, message=str(busy))


def _take_broken_off(sent: pl.DataFrame, pending: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separate the records whose collection the org cancelled with an error code.

    Returns:
        The Results of these records, as `failed`, and the updates of the other records.
    """
    named = sent.filter((pl.col("outcome") == Outcome.UNKNOWN.value) & pl.col("code").is_not_null())
    refused = named.join(pending, on="Id", how="semi").with_columns(
        pl.lit(Outcome.FAILED.value, dtype=OUTCOME).alias("outcome")
    )
    return refused, pending.join(refused, on="Id", how="anti", maintain_order="left")


def hash_ids(ids: pl.Series) -> str:
    """Hash the Ids of records that are sent together."""
    return hashlib.sha256(",".join(ids).encode()).hexdigest()


def _send_call(sending: _Sending, updates: pl.DataFrame, looked: int) -> pl.DataFrame:
    """Make one API call, and return its Results.

    Records of a collection whose answer is lost are `unknown`. Records that the org refuses as too many at once are
    `failed`, so that they are sent again in smaller collections.

    Raises:
        PerhapsDone: the org was busy; the records have to be looked at before they are sent again.
    """
    rows = sending.rows
    records = write_json_records(updates, sending.schema.name, changed_fields(updates))
    starts = range(0, updates.height, rows)
    bodies = [f'{{"allOrNone":false,"records":[{",".join(records[start : start + rows])}]}}' for start in starts]
    try:
        with unit("REST batch", records=updates.height, collections=len(bodies)):
            answers = _post_one(sending, bodies[0], looked) if len(bodies) == 1 else _post_many(sending, bodies, looked)
    except PerhapsDone:
        raise
    except CutShort as error:
        logger.warning("an update of %d records was cancelled: %s", updates.height, error)
        verdicts, undone = _reread(sending, updates)
        return pl.concat([verdicts, build_results(undone["Id"], Outcome.FAILED, code=error.code)])
    except BusyOrg as error:
        if error.status >= 500 or error.code not in LIMIT_CODES | LOCK_CODES:
            raise
        return build_results(updates["Id"], Outcome.FAILED, code=error.code)
    except AnswerLost as error:
        logger.warning("the answer to an update of %d records is lost: %s", updates.height, error)
        return build_results(updates["Id"], Outcome.UNKNOWN)
    parts = [updates["Id"][start : start + rows] for start in starts]
    return pl.concat(_read_answer(answer, ids) for answer, ids in zip(answers, parts, strict=True))


def _post_one(sending: _Sending, body: str, looked: int) -> list[_Answer]:
    try:
        response = sending.org.session.request(
            "PATCH",
            COLLECTIONS_PATH,
            content=body.encode(),
            headers=sending.headers,
            idempotent=False,
            rows_may_fail=True,
            looked=looked,
        )
    except LimitExceeded:
        raise
    except OrgError as error:
        if error.status != 400:
            raise
        return [_Answer(400, [{"errorCode": error.code, "message": error.org_words}])]
    return [_Answer(response.status_code, response.json())]


def _post_many(sending: _Sending, bodies: Sequence[str], looked: int) -> list[_Answer]:
    session = sending.org.session
    headers = json.dumps({"Sforce-Auto-Assign": "FALSE", **sending.headers})
    url = f"{session.base_path}/{COLLECTIONS_PATH}"
    subrequests = ",".join(
        f'{{"method":"PATCH","url":"{url}","referenceId":"part{number}","httpHeaders":{headers},"body":{body}}}'
        for number, body in enumerate(bodies)
    )
    content = f'{{"allOrNone":false,"compositeRequest":[{subrequests}]}}'.encode()
    response = session.request(
        "POST",
        "composite",
        content=content,
        headers=sending.headers,
        idempotent=False,
        members=COMPOSITE_MEMBERS,
        looked=looked,
    )
    answers = {
        result.get("referenceId"): _Answer(result["httpStatusCode"], result.get("body"))
        for result in response.json()["compositeResponse"]
        if not find_lacking(result, RESULT_MEMBERS)
    }
    return [answers.get(f"part{number}", _Answer(500, None)) for number in range(len(bodies))]


def _read_answer(answer: _Answer, ids: pl.Series) -> pl.DataFrame:
    """Read the Results of one collection. Its rows come in the order sent; a failed row has no id."""
    rows = answer.body
    if answer.status >= 500 or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return build_results(ids, Outcome.UNKNOWN, code=_read_limit(rows))
    if rows and not any("success" in row for row in rows):
        return _read_refusal(answer, ids)
    if len(rows) != ids.len() or not all(isinstance(row.get("success"), bool) for row in rows):
        return build_results(ids, Outcome.UNKNOWN)
    if any(row.get("id") and row["id"][:15] != sent[:15] for row, sent in zip(rows, ids, strict=True)):
        return build_results(ids, Outcome.UNKNOWN)
    lines = [_read_row(row) for row in rows]
    return pl.DataFrame(
        [(sent, *line, None) for sent, line in zip(ids, lines, strict=True)], schema=RESULTS, orient="row"
    )


def _read_refusal(answer: _Answer, ids: pl.Series) -> pl.DataFrame:
    """Read the Results of a collection that was refused as a whole.

    Its records are `unknown`, so that they are sent again, if the refusal may pass and is about the call; smaller
    collections would not help.
    """
    code = read_code(answer.body[0].get("errorCode")) or UNKNOWN_CODE
    error = build_error(answer.status, httpx.Headers(), json.dumps(answer.body).encode())
    match error:
        case LimitExceeded():
            return build_results(ids, Outcome.UNPROCESSED, code=code, message=error.said.sentence)
        case TransientError() | AccessRefused() if code not in LIMIT_CODES | LOCK_CODES:
            return build_results(ids, Outcome.UNKNOWN)
        case _:
            said = str(answer.body[0].get("message") or "") or None
            return build_results(ids, Outcome.FAILED, code=code, message=said)


def _read_limit(body: object) -> str | None:
    """Read the code with which the org cancelled a whole collection, if fewer records at once may help; else None."""
    match body:
        case [{"errorCode": str(code)}, *_] if code in LIMIT_CODES:
            return code
    return None


def _read_row(row: dict[str, Any]) -> tuple[str, str | None, str | None, str | None]:
    """Read outcome, code, message and fields of one row."""
    if row["success"]:
        return Outcome.UPDATED.value, None, None, None
    errors = [error for error in row.get("errors") or () if isinstance(error, dict)] or [{}]
    fields = dict.fromkeys(name for error in errors for name in read_names(error.get("fields")))
    code = read_code(errors[0].get("statusCode") or errors[0].get("errorCode")) or UNKNOWN_CODE
    message = "; ".join(str(error["message"]) for error in errors if error.get("message"))
    return Outcome.FAILED.value, code, message or None, ",".join(fields) or None


def _reread(sending: _Sending, lost: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read the records again, and return the Results of the settled ones and the updates to send again."""
    try:
        return _look(sending, lost)
    except IntegrationCenterError as error:
        logger.warning("%d records cannot be read after a lost answer: %s", lost.height, error)
        message = "the answer was lost, and the record cannot be read"
        return build_results(lost["Id"], Outcome.UNKNOWN, code="ANSWER_LOST", message=message), lost.clear()


def _look(sending: _Sending, lost: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read the records, and return the Results of those that hold the sent values and the updates of the others.

    Raises:
        IntegrationCenterError: the records cannot be read.
    """
    fields = changed_fields(lost)
    now = sending.org.read_records(sending.schema, fields, key=("Id", lost["Id"].to_list()))
    readable = lost.join(now, on="Id", how="inner", maintain_order="left")
    same = [
        ~readable[f"changed.{name}"] | write_texts(readable[f"after.{name}"]).eq_missing(write_texts(readable[name]))
        for name in fields
    ]
    held = reduce(and_, same)
    return build_results(readable.filter(held)["Id"], Outcome.UPDATED), readable.filter(~held).select(lost.columns)
