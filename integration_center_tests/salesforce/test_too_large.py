"""Queries that REST refuses for their size: Bulk takes them, and what neither takes says what helps."""

import httpx
import pytest

from integration_center.errors import OrgError
from integration_center_tests.salesforce.readable_org import ReadableOrg
from integration_center_tests.salesforce.scripted import LEAD, build_org, refuse

REFUSALS = {
    "address": httpx.Response(414),
    "headers": httpx.Response(431),
    "records": refuse(400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("known", [30, None], ids=["rows known", "rows counted"])
def test_a_query_too_large_for_rest_goes_by_bulk(name: str, known: int | None) -> None:
    handler = ReadableOrg(30)

    def handle(request: httpx.Request) -> httpx.Response:
        by_rest = request.url.path.endswith("v66.0/query")
        return REFUSALS[name] if by_rest else handler(request)

    records = build_org(handle).read_records(LEAD, ["Email"], expected_rows=known)
    assert records.height == 30
    assert handler.calls[0] == "POST jobs/query"


def test_a_query_too_large_for_both_says_what_helps() -> None:
    failed = httpx.Response(200, json={"id": "750x", "state": "Failed", "errorMessage": "OPERATION_TOO_LARGE: x"})

    def handle(request: httpx.Request) -> httpx.Response:
        return failed if "jobs/query" in request.url.path else REFUSALS["records"]

    with pytest.raises(OrgError, match="OPERATION_TOO_LARGE"):
        build_org(handle).read_records(LEAD, ["Email"], expected_rows=30)
    with pytest.raises(OrgError, match="View All on the object"):
        next(build_org(handle).query("SELECT Id FROM Lead"))
