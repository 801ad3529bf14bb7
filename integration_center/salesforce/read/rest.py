"""SOQL over REST: pages, counts, and several queries in one call."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as percent_encode

import httpx
import stamina

from integration_center.errors import IntegrationCenterError, TransientError
from integration_center.salesforce.client.faults import IncompleteRead, build_error
from integration_center.salesforce.client.session import Session

logger = logging.getLogger(__name__)

PAGE = 2_000
QUERIES_A_CALL = 5
PAGE_SIZE = {"Sforce-Query-Options": f"batchSize={PAGE}"}

Record = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One SOQL statement; `with_deleted` asks for records in the recycle bin, too (`queryAll`)."""

    soql: str
    with_deleted: bool = False

    @property
    def resource(self) -> str:
        """The resource that answers it."""
        return "queryAll" if self.with_deleted else "query"


def read_pages(session: Session, soql: str) -> Iterator[list[Record]]:
    """The pages of a query, one API call each.

    Raises:
        SchemaMismatch: an object or field is missing or hidden.
        IncompleteRead: the pages together do not hold the rows that the first one promised.
    """
    yield from follow_pages(session, read_first_page(session, Query(soql)))


def read_first_page(session: Session, query: Query) -> dict[str, Any]:
    """The first page of a query as the org sent it: `totalSize`, `done`, `nextRecordsUrl` and `records`."""
    page: dict[str, Any] = session.get_json(query.resource, params={"q": query.soql}, headers=PAGE_SIZE)
    return page


def count_rows(session: Session, soql: str) -> int:
    """The number a `SELECT COUNT() …` gives."""
    return int(session.get_json("query", params={"q": soql})["totalSize"])


def read_many(session: Session, queries: Sequence[str]) -> Iterator[list[Record]]:
    """The pages of several queries, up to five queries an API call.

    The queries travel in the body of a composite call, because they name keys, and a URL ends up in logs. Queries
    answered as busy inside a call that succeeds, which the session does not see, are retried by its policy too.

    Raises:
        OrgError: one of the queries was refused.
        TransientError: one of them stayed busy.
    """
    for start in range(0, len(queries), QUERIES_A_CALL):
        for page in read_first_pages(session, [Query(soql) for soql in queries[start : start + QUERIES_A_CALL]]):
            yield from follow_pages(session, page)


def read_first_pages(session: Session, queries: Sequence[Query]) -> list[dict[str, Any]]:
    """The first page of each of up to five queries, in one API call and in this order.

    All are asked again when one of them is busy. Raises as `read_many` does.
    """
    retries = session.retries
    tried = 0

    def judge(error: Exception) -> bool | float:
        if not isinstance(error, TransientError) or not retries.may_repeat(error, tried):
            return False
        logger.warning("a query in a composite call, attempt %d: %s", tried, error)
        return retries.wait(tried, error)

    for attempt in stamina.retry_context(on=judge, attempts=retries.attempts, timeout=retries.timeout):
        tried = attempt.num
        results = _ask(session, queries)  # not under the attempt: the session has its own
        with attempt:
            return [_open_result(result) for result in results]
    raise AssertionError("stamina gives an answer or raises")


def _ask(session: Session, queries: Sequence[Query]) -> list[dict[str, Any]]:
    subrequests = [
        {
            "method": "GET",
            "url": f"{session.base_path}/{query.resource}?q={percent_encode(query.soql, safe='')}",
            "referenceId": f"query{number}",
        }
        for number, query in enumerate(queries)
    ]
    body = {"allOrNone": False, "compositeRequest": subrequests}
    # Reading twice does no harm, although it is a POST.
    results: list[dict[str, Any]] = session.request("POST", "composite", json=body, idempotent=True).json()[
        "compositeResponse"
    ]
    if len(results) != len(queries):
        raise IncompleteRead("a composite call answered fewer queries than it was asked")
    return results


def _open_result(result: dict[str, Any]) -> dict[str, Any]:
    if result["httpStatusCode"] != 200:
        raise _build_query_error(result)
    page: dict[str, Any] = result["body"]
    return page


def follow_pages(session: Session, page: dict[str, Any]) -> Iterator[list[Record]]:
    """The records of a query's first page and of all that follow it, an API call each.

    Raises:
        IncompleteRead: they do not hold the rows that the first one promised.
    """
    expected, read = page["totalSize"], 0
    while True:
        read += len(page["records"])
        yield page["records"]
        if page["done"]:
            break
        page = session.get_json(page["nextRecordsUrl"])
    if read != expected:
        raise IncompleteRead(f"a query promised {expected} rows and gave {read}")


def _build_query_error(result: dict[str, Any]) -> IntegrationCenterError:
    return build_error(result["httpStatusCode"], httpx.Headers(), json.dumps(result["body"]).encode())
