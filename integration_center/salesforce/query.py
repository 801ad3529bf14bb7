"""SOQL over REST: pages, counts, and several queries in one call."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote as percent_encode

import httpx

from integration_center.errors import IntegrationCenterError
from integration_center.salesforce.faults import IncompleteRead, build_error
from integration_center.salesforce.session import Session

PAGE = 2_000
QUERIES_A_CALL = 5
PAGE_SIZE = {"Sforce-Query-Options": f"batchSize={PAGE}"}

Record = dict[str, Any]


def read_pages(session: Session, soql: str) -> Iterator[list[Record]]:
    """The pages of a query, one API call each.

    Raises:
        SchemaMismatch: an object or field is missing or hidden.
        IncompleteRead: the pages together do not hold the rows that the first one promised.
    """
    page = session.get_json("query", params={"q": soql}, headers=PAGE_SIZE)
    yield from _follow(session, page)


def count_rows(session: Session, soql: str) -> int:
    """The number a `SELECT COUNT() …` gives."""
    return int(session.get_json("query", params={"q": soql})["totalSize"])


def read_many(session: Session, queries: Sequence[str]) -> Iterator[list[Record]]:
    """The pages of several queries, up to five queries an API call.

    The queries travel in the body of a composite call, because they name keys, and a URL ends up in logs.

    Raises:
        OrgError: one of the queries was refused.
    """
    for start in range(0, len(queries), QUERIES_A_CALL):
        subrequests = [
            {
                "method": "GET",
                "url": f"{session.base_path}/query?q={percent_encode(soql, safe='')}",
                "referenceId": f"query{number}",
            }
            for number, soql in enumerate(queries[start : start + QUERIES_A_CALL])
        ]
        body = {"allOrNone": False, "compositeRequest": subrequests}
        # Reading twice does no harm, although it is a POST.
        answer = session.request("POST", "composite", json=body, idempotent=True).json()
        results = answer["compositeResponse"]
        if len(results) != len(subrequests):
            raise IncompleteRead("a composite call answered fewer queries than it was asked")
        for result in results:
            if result["httpStatusCode"] != 200:
                raise _build_query_error(result)
            yield from _follow(session, result["body"])


def _follow(session: Session, page: dict[str, Any]) -> Iterator[list[Record]]:
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
