"""Translate Salesforce's error documents into exceptions.

Salesforce's messages quote values of records and are written in the user's language, so exceptions carry the error
code and a sentence of ours. Field and object names are taken from a message only where the query named them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

import httpx

from integration_center.errors import (
    AccessRefused,
    IntegrationCenterError,
    LimitExceeded,
    OrgError,
    RateLimited,
    SchemaMismatch,
    ServiceUnavailable,
    UnderMaintenance,
)
from integration_center.remote import read_retry_after
from integration_center.wording.answers import UNKNOWN_CODE, read_code

DEAD_SESSION_TEXTS = frozenset({"Bad_OAuth_Token", "Missing_OAuth_Token"})
BUSY_CODES = frozenset(
    {
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
        "TXN_SECURITY_METERING_ERROR",
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    }
)
"""Error codes, under any status, of a temporary fault. Nothing was carried out."""
CUT_SHORT_CODES = frozenset({"QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION"})
"""Error codes, under any status, of a request that the org began and then cancelled. A smaller request may work."""
CURES = {
    "TXN_SECURITY_METERING_ERROR": "if this lasts, have the admin give the connected user the permission Exempt from"
    " Transaction Security",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": "the org is under maintenance and can only be read; wait for"
    " its end (see status.salesforce.com)",
    "QUERY_TIMEOUT": "the query took longer than two minutes; a condition or key on an indexed field makes it faster",
    "REQUEST_RUNNING_TOO_LONG": "automation of the org (triggers, flows) may be slow; fewer records at once may help",
}
"""What helps against a temporary fault that lasts."""
TOO_LARGE = "OPERATION_TOO_LARGE"
TOO_LARGE_STATUSES = frozenset({414, 431})
TOO_LARGE_CURE = (
    "Salesforce checks the sharing of only so many records in one query; have the admin give the connected user View"
    " All on the object, or narrow the records with `where`"
)
CURSOR_CODES = frozenset({"INVALID_QUERY_LOCATOR"})
QUOTA_CODES = frozenset({"LIMIT_EXCEEDED", "ExceededQuota", "EXCEEDED_QUOTA", "EXCEEDEDQUOTA"})
CONCURRENT = "Concurrent"
"""What a limit of requests that run at the same time is called in any language: `ConcurrentRequests`,
`ConcurrentPerOrgLongTxn`, `ConcurrentPerOrgApex`. The limit of a day is called `TotalRequests`."""
API_DISABLED = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
UNKNOWN_FIELD = re.compile(r"No such column '([\w.]+)' on (?:entity|sobject of type) '?(\w+)'?")
API_NAME = re.compile(r"[A-Za-z]\w{0,79}(?:\.\w{1,80})*", re.ASCII)
UNKNOWN_OBJECT = re.compile(r"sObject type '(\w+)' is not supported")
IF_MOVED = "if the org's My Domain was renamed, connect the account again"
EDGE_REFUSALS = frozenset({300, 405, 409, 410, 414, 431})
"""Statuses that are clear even without an error document."""
STATUS_SENTENCES = {
    300: "several records match the key",
    404: "the resource does not exist, or the connected user may not see it",
    405: "the org does not offer this call",
    409: "the request conflicts with the state of the resource",
    410: "this API version is retired",
    414: "the request address is too long",
    431: "the request headers are too long",
}
STATUS_SETTINGS = {410: "set INTEGRATION_CENTER_API_VERSION to a newer one"}
Members = Mapping[str, type | tuple[type, ...]]
"""The members that the object of an answer must have, and their types."""
NONE_NEEDED: Members = {}


class AnswerLost(ServiceUnavailable):
    """The request was sent, but it is unknown whether Salesforce carried it out."""


class BusyOrg(RateLimited):
    """The org is busy and carried out nothing.

    Args:
        message: the message for people.
        code: the org's error code, if it gave one.
        status: the HTTP status.
        retry_after: the seconds that the org asked to wait, if any.
    """

    def __init__(self, message: str, *, code: str | None, status: int, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.code = code
        self.status = status


class PerhapsDone(AnswerLost):
    """The org was busy, and the request was not repeated yet.

    A server in front of the org may answer so although the org has carried out the request.

    Args:
        busy: what the org said.
    """

    def __init__(self, busy: BusyOrg) -> None:
        super().__init__(f"{busy}, and may have carried out the request")
        self.busy = busy


class CutShort(AnswerLost):
    """The org began with the request and then cancelled it.

    Args:
        message: the message for people.
        code: the org's error code.
    """

    most_attempts = 3  # each attempt may take the org's two minutes per query, or ten per request

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class IncompleteRead(ServiceUnavailable):
    """A query did not return all the rows that it counted, or its cursor was closed. A new read may succeed."""

    most_attempts = 1  # the reader starts the whole read again


@dataclass(frozen=True)
class ApiError:
    """One entry of an error document. `message` may quote a value of a record, so it stays out of `repr`."""

    code: str
    message: str = field(default="", repr=False)
    fields: tuple[str, ...] = ()


def read_errors(body: bytes) -> tuple[ApiError, ...]:
    """Read the errors in `body`: an array of the data APIs or an object of the OAuth endpoints; else return none."""
    try:
        document = json.loads(body)
    except ValueError:
        return ()
    entries = document if isinstance(document, list) else [document]
    errors = []
    for entry in entries:
        if not isinstance(entry, dict):
            return ()
        code = entry.get("errorCode") or entry.get("statusCode") or entry.get("error")
        if not isinstance(code, str):
            return ()
        message = entry.get("message") or entry.get("error_description") or ""
        errors.append(ApiError(read_code(code) or UNKNOWN_CODE, str(message), read_names(entry.get("fields"))))
    return tuple(errors)


def read_names(values: object) -> tuple[str, ...]:
    """Read the API names of fields in `values`, a list of an error document. Other entries are left out."""
    return tuple(str(name) for name in values if API_NAME.fullmatch(str(name))) if isinstance(values, list) else ()


def names_concurrency(error: ApiError) -> bool:
    """Return whether a `REQUEST_LIMIT_EXCEEDED` passes, because too much runs at once, unlike the daily limit."""
    return CONCURRENT in error.message


def is_row_list(body: bytes) -> bool:
    """Return whether `body` is a list of row results, which an sObject Collections call may send under 200 or 400."""
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return (
        isinstance(document, list) and bool(document) and all(isinstance(r, dict) and "success" in r for r in document)
    )


def is_dead_session(status: int, body: bytes) -> bool:
    """Return whether the access token has ended: 401 INVALID_SESSION_ID, or the plain text of the identity services."""
    if status == httpx.codes.UNAUTHORIZED:
        errors = read_errors(body)
        return not errors or errors[0].code in {"INVALID_SESSION_ID", UNKNOWN_CODE}
    return status == httpx.codes.FORBIDDEN and body.strip().decode("ascii", "replace") in DEAD_SESSION_TEXTS


def _name_cure(code: str | None) -> str:
    cure = TOO_LARGE_CURE if code == TOO_LARGE else CURES.get(code or "")
    return f"; {cure}" if cure else ""


class Unreachable(ServiceUnavailable):
    """No org answers at the address: nothing was sent, or no server there could carry out the request."""


def build_error(status: int, headers: httpx.Headers, body: bytes, host: str = "Salesforce") -> IntegrationCenterError:
    """Build the exception for an answer of `host` with an error status."""
    errors = read_errors(body)
    first = errors[0] if errors else None
    code = first.code if first else None
    wait = read_retry_after(headers)
    if code == "REQUEST_LIMIT_EXCEEDED" and first:
        if names_concurrency(first):
            return RateLimited("Salesforce: too many long requests run at once in this org", retry_after=wait)
        return LimitExceeded(
            "the org's API calls of the last 24 hours are used up; wait, or ask the admin for more",
            code=code,
            status=status,
        )
    if code in QUOTA_CODES:
        words = first.message if first else None
        return LimitExceeded(f"a limit of the org is reached ({code})", code=code, status=status, org_words=words)
    if status in (429, 503) or code in BUSY_CODES:
        said = f"Salesforce is busy (HTTP {status}{f', {code}' if code else ''}){_name_cure(code)}"
        return BusyOrg(said, code=code, status=status, retry_after=wait)
    if code in CUT_SHORT_CODES and code is not None:
        return CutShort(f"Salesforce cancelled the request (HTTP {status}, {code}){_name_cure(code)}", code=code)
    if code in CURSOR_CODES:
        return IncompleteRead("the org closed a query's cursor before its last page was read")
    if status in (406, 420):  # the edge found no server for this org: nothing was carried out
        return Unreachable(f"{host} has no route to the org (HTTP {status}); {IF_MOVED}", retry_after=wait)
    if status != httpx.codes.MULTIPLE_CHOICES and httpx.codes.is_redirect(status):
        return build_moved(status, host)
    if first is None and status in {404, 421}:
        return AnswerLost(f"{host} answered HTTP {status}, and is not an org's address; {IF_MOVED}", retry_after=wait)
    if status >= 500 or (first is None and status not in EDGE_REFUSALS):
        return AnswerLost(f"{host} answered HTTP {status} without a usable answer", retry_after=wait)
    if first is None or code is None:
        sentence = f"Salesforce refused: {STATUS_SENTENCES[status]} (HTTP {status})"
        return OrgError(sentence, status=status, setting=STATUS_SETTINGS.get(status, ""))
    if status == httpx.codes.UNAUTHORIZED:
        return AccessRefused(f"Salesforce refuses the access token ({code}); connect the account again")
    return build_refusal(status, first)


def build_moved(status: int, host: str) -> AccessRefused:
    """Build the error for a redirect. Following it would send the access token, or a write, to another host."""
    return AccessRefused(
        f"the org's address has moved: {host} redirects (HTTP {status}), but Salesforce's sign-in names no other"
        " address, and nothing is sent to the target of a redirect; look up the My Domain in the org's Setup, then"
        " connect the account again"
    )


def build_unreachable(host: str, error: Exception) -> Unreachable:
    """Build the error for a request that was never sent."""
    return Unreachable(f"{host} cannot be reached ({type(error).__name__}); check the network; {IF_MOVED}")


def build_maintenance(host: str, status: int) -> UnderMaintenance:
    """Build the error for a new session that is refused at once."""
    return UnderMaintenance(
        f"{host} refuses even a session that it has just given (HTTP {status}), as orgs do during maintenance;"
        " wait for its end (see status.salesforce.com). If it lasts, have the admin check that the user may use the API"
    )


def build_refusal(status: int, error: ApiError) -> OrgError:
    """Build the exception for a request that Salesforce understood and refused."""
    if unknown := UNKNOWN_FIELD.search(error.message):
        return SchemaMismatch(
            f"{unknown[2]} has no field {unknown[1]}, or the connected user may not see it",
            code=error.code,
            status=status,
        )
    if unknown := UNKNOWN_OBJECT.search(error.message):
        return SchemaMismatch(
            f"the org has no object {unknown[1]}, or the connected user may not see it", code=error.code, status=status
        )
    if error.code in API_DISABLED:
        sentence = f"the org or the connected user has no API access ({error.code}); the user needs API Enabled"
        return OrgError(sentence, code=error.code, status=status)
    if status == httpx.codes.FORBIDDEN:
        refused = f"the connected user may not do this ({error.code})"
        return OrgError(refused, code=error.code, status=status, org_words=error.message)
    sentence = STATUS_SENTENCES.get(status, "the request cannot be carried out")
    return OrgError(
        f"Salesforce refused: {sentence} ({error.code}){_name_cure(error.code)}",
        code=error.code,
        status=status,
        setting=STATUS_SETTINGS.get(status, ""),
        org_words=error.message,
    )


def is_too_large(error: OrgError) -> bool:
    """Return whether the org refused a query by REST for its size. Bulk has other limits, and takes it in a body."""
    return error.status in TOO_LARGE_STATUSES or error.code == TOO_LARGE


def check_readable(response: httpx.Response, sink: IO[bytes] | None, members: Members = NONE_NEEDED) -> None:
    """Check that a successful answer has the expected form.

    Maintenance pages of the edge servers are HTML under any status, and every 200 that is not a download is JSON. The
    content type alone proves nothing: a careless gateway may label an empty 201, or a CSV file, as HTML.

    Args:
        response: a response that was read to its end.
        sink: the file that holds the body, if it was a download.
        members: what the answer must have, if it is an object.

    Raises:
        AnswerLost: the answer has another form.
    """
    if not response.is_success:
        return
    answered = f"Salesforce answered HTTP {response.status_code}"
    if "text/html" in response.headers.get("content-type", "") and _begins_as_markup(response, sink):
        raise AnswerLost(f"{answered} with a web page")
    if sink is None and (members or response.status_code == httpx.codes.OK):
        try:
            document = response.json()
        except ValueError:
            raise AnswerLost(f"{answered} with unreadable JSON") from None
        if lacking := find_lacking(document, members):
            raise AnswerLost(f"{answered} with JSON that lacks {', '.join(lacking)}")


def find_lacking(document: object, members: Members) -> list[str]:
    """List the members that `document` lacks, or holds with another type; all of them when it is not an object."""
    found = document if isinstance(document, dict) else {}
    return [name for name, kind in members.items() if not isinstance(found.get(name), kind)]


def _begins_as_markup(response: httpx.Response, sink: IO[bytes] | None) -> bool:
    if sink is None:
        return response.content.lstrip().startswith(b"<")
    end = sink.tell()
    sink.seek(0)
    head = sink.read(64)
    sink.seek(end)
    return head.lstrip().startswith(b"<")
