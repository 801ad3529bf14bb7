"""Run SOQL over REST: pages, counts, and several queries in one call."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as percent_encode

import httpx
import stamina

from integration_center.errors import IntegrationCenterError
from integration_center.salesforce.client.faults import IncompleteRead, Members, build_error, find_lacking
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, enclose, join_conditions, quote

logger = logging.getLogger(__name__)

PAGE = 2_000
QUERIES_A_CALL = 5
PAGE_SIZE = {"Sforce-Query-Options": f"batchSize={PAGE}"}

PAGE_MEMBERS: Members = {"totalSize": (int, float), "done": bool, "records": list}
COMPOSITE_MEMBERS = {"compositeResponse": list}
RESULT_MEMBERS = {"httpStatusCode": int}
"""The members of each entry of `compositeResponse`."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One SOQL statement. With `with_deleted` it also finds records in the recycle bin (`queryAll`)."""

    soql: str
    with_deleted: bool = False

    @property
    def resource(self) -> str:
        """The REST resource that answers the query."""
        return "queryAll" if self.with_deleted else "query"

    @property
    def path(self) -> str:
        """The path of the resource with the query, for a part of a composite call."""
        return f"{self.resource}?q={percent_encode(self.soql, safe='')}"


def read_pages(session: Session, soql: str) -> Iterator[list[Record]]:
    """Yield the pages of a query, one API call each.

    Raises:
        SchemaMismatch: an object or field is missing or hidden.
        IncompleteRead: the pages together do not have as many rows as the first page promised.
    """
    yield from follow_pages(session, read_first_page(session, Query(soql)))


def read_first_page(session: Session, query: Query) -> dict[str, Any]:
    """Read the first page of a query, as the org sent it: `totalSize`, `done`, `nextRecordsUrl` and `records`."""
    page: dict[str, Any] = session.get_json(
        query.resource, params={"q": query.soql}, headers=PAGE_SIZE, members=PAGE_MEMBERS
    )
    return page


def read_pages_by_id(session: Session, columns: Sequence[str], name: str, where: str | None) -> Iterator[list[Record]]:
    """Yield the records in the order of Ids, each page by a query of its own, so that no cursor has to stay open.

    Args:
        session: the session with the org.
        columns: the fields, `Id` among them.
        name: the object.
        where: a SOQL condition; None for all records.

    Raises:
        IncompleteRead: the pages do not go forward.
    """
    last = ""
    while True:
        after = join_conditions(where, f"Id > {quote(last)}") if last else enclose(where)
        page = read_first_page(session, Query(f"{build_select(columns, name, after)} ORDER BY Id LIMIT {PAGE}"))
        records = page["records"]
        yield records
        if page["done"] and len(records) != page["totalSize"]:
            raise IncompleteRead(f"a query promised {page['totalSize']} rows, but returned {len(records)}")
        if page["done"] and page["totalSize"] < PAGE:
            return
        if not records or records[-1]["Id"] == last:
            raise IncompleteRead(f"the pages of {name} by Id do not go forward")
        last = records[-1]["Id"]


def count_rows(session: Session, soql: str) -> int:
    """Return the result of a `SELECT COUNT() …`."""
    return int(session.get_json("query", params={"q": soql}, members={"totalSize": (int, float)})["totalSize"])


def read_many(session: Session, queries: Sequence[str]) -> Iterator[list[Record]]:
    """Yield the pages of several queries, with up to five queries per API call.

    The queries are sent in the body of a composite call, because they contain keys, and URLs end up in logs. If the
    call succeeds but the org was too busy for one of its queries, the session does not notice; such a query is retried
    here, by the session's policy.

    Raises:
        OrgError: a query was refused.
        TransientError: the org stayed too busy for a query.
    """
    for start in range(0, len(queries), QUERIES_A_CALL):
        for page in read_first_pages(session, [Query(soql) for soql in queries[start : start + QUERIES_A_CALL]]):
            yield from follow_pages(session, page)


def read_first_pages(session: Session, queries: Sequence[Query]) -> list[dict[str, Any]]:
    """Read the first pages of up to five queries, in one API call and in their order.

    If the org is too busy for one of the queries, all are sent again. Raises the errors of `read_many`.
    """
    retries = session.retries
    tried = 0

    def judge(error: Exception) -> bool | float:
        seconds = retries.decide(error, tried)
        if seconds is not False:
            logger.warning("a query in a composite call, attempt %d: %s", tried, error)
        return seconds

    for attempt in stamina.retry_context(on=judge, attempts=retries.attempts, timeout=retries.timeout):
        tried = attempt.num
        results = _ask(session, queries)  # outside of the attempt, because the session has its own retries
        with attempt:
            return [_open_result(result) for result in results]
    raise AssertionError("stamina returns an answer or raises")


def _ask(session: Session, queries: Sequence[Query]) -> list[dict[str, Any]]:
    results = get_many(session, {f"query{number}": query.path for number, query in enumerate(queries)})
    if len(results) != len(queries) or any(find_lacking(result, RESULT_MEMBERS) for result in results):
        raise IncompleteRead("a composite call did not answer all of its queries")
    return results


def get_many(session: Session, paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """Get several documents in one composite call.

    Args:
        session: the session with the org.
        paths: the paths below `/services/data/vXX.X/` by the `referenceId` of their part.

    Returns:
        The parts of the answer, as the org sent them: each with `referenceId`, `httpStatusCode` and `body`.
    """
    asked = [
        {"method": "GET", "url": f"{session.base_path}/{path}", "referenceId": name} for name, path in paths.items()
    ]
    body = {"allOrNone": False, "compositeRequest": asked}
    # Idempotent although it is a POST, because reading twice does no harm.
    answer = session.request("POST", "composite", json=body, idempotent=True, members=COMPOSITE_MEMBERS)
    parts: list[dict[str, Any]] = answer.json()["compositeResponse"]
    return parts


def _open_result(result: dict[str, Any]) -> dict[str, Any]:
    if result["httpStatusCode"] != 200:
        raise _build_query_error(result)
    page: dict[str, Any] = result.get("body") or {}
    if lacking := find_lacking(page, PAGE_MEMBERS):
        raise IncompleteRead(f"the answer to a query in a composite call lacks {', '.join(lacking)}")
    return page


def follow_pages(session: Session, page: dict[str, Any]) -> Iterator[list[Record]]:
    """Yield the records of a query's first page and of all following pages, one API call per following page.

    Raises:
        IncompleteRead: the pages together do not have as many rows as the first page promised.
    """
    expected, read = page["totalSize"], 0
    while True:
        read += len(page["records"])
        yield page["records"]
        if page["done"]:
            break
        if not isinstance(following := page.get("nextRecordsUrl"), str):
            raise IncompleteRead("a page of a query does not name the next one")
        page = session.get_json(following, members=PAGE_MEMBERS)
    if read != expected:
        raise IncompleteRead(f"a query promised {expected} rows, but returned {read}")


def _build_query_error(result: dict[str, Any]) -> IntegrationCenterError:
    return build_error(result["httpStatusCode"], httpx.Headers(), json.dumps(result.get("body")).encode())
