"""An org that closes every query cursor before its second page: other ways read the same records."""

import json

import httpx
import pytest

from integration_center.errors import ServiceUnavailable
from integration_center_tests.salesforce.readable_org import ReadableOrg, build_record, emails
from integration_center_tests.salesforce.scripted import LEAD, build_id, build_org, read_body, refuse

CLOSED = refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
ROWS = 4_500


class ClosingOrg(ReadableOrg):
    """Keeps no cursor open. A query that is ordered by Id starts after the Id that it names."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if "/query/" in request.url.path and "/jobs/" not in request.url.path:
            self.calls.append("cursor")
            return CLOSED
        soql = request.url.params.get("q", "")
        if "ORDER BY Id LIMIT " not in soql:
            return super().__call__(request)
        self.calls.append("GET query by Id")
        _, found, last = soql.partition("Id > '")
        start = next(number for number in range(self.rows + 1) if build_id(number) > last[:18]) if found else 0
        limit = int(soql.rpartition(" ")[2])
        records = [build_record(number) for number in range(start, min(start + limit, self.rows))]
        shown = records[: self.page]
        body = {"totalSize": len(records), "done": len(shown) == len(records), "records": shown}
        return httpx.Response(
            200, json=body | ({} if body["done"] else {"nextRecordsUrl": "/services/data/x/query/0r8"})
        )


@pytest.mark.parametrize("known", [ROWS, None], ids=["rows known", "rows counted"])
def test_bulk_reads_what_cursors_cannot(known: int | None) -> None:
    org = ClosingOrg(ROWS)
    expected = build_org(ReadableOrg(ROWS)).read_records(LEAD, ["Email"], expected_rows=known)
    found = build_org(org).read_records(LEAD, ["Email"], expected_rows=known)
    assert found.equals(expected)


@pytest.mark.parametrize("page", [2_000, 700], ids=["full pages", "pages cut short by the org"])
def test_pages_by_id_read_what_neither_cursors_nor_bulk_can(page: int) -> None:
    org = ClosingOrg(ROWS, page=page)
    org.refuse_bulk = True
    expected = build_org(ReadableOrg(ROWS)).read_records(LEAD, ["Email"], expected_rows=ROWS)
    found = build_org(org).read_records(LEAD, ["Email"], expected_rows=ROWS)
    assert found.equals(expected)
    assert org.calls.count("GET query by Id") == -(-ROWS // page)


def test_pages_by_id_keep_the_condition() -> None:
    org = ClosingOrg(ROWS)
    org.refuse_bulk = True
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("q", ""))
        return org(request)

    build_org(handle).read_records(LEAD, ["Email"], where="A = 1 OR B = 2", expected_rows=ROWS)
    pages = [soql for soql in asked if "ORDER BY" in soql]
    assert pages[0].endswith(" FROM Lead WHERE (A = 1 OR B = 2) ORDER BY Id LIMIT 2000")
    assert pages[1].endswith(f" FROM Lead WHERE (A = 1 OR B = 2) AND (Id > '{build_id(1_999)}') ORDER BY Id LIMIT 2000")


def test_a_list_of_keys_with_many_records_is_read_in_another_way() -> None:
    org = ClosingOrg(ROWS)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/composite"):
            asked = json.loads(read_body(request))["compositeRequest"]
            body = {
                "totalSize": 2,
                "done": False,
                "records": [build_record(1)],
                "nextRecordsUrl": "/services/data/v66.0/query/0r8",
            }
            results = [{"httpStatusCode": 200, "referenceId": each["referenceId"], "body": body} for each in asked]
            return httpx.Response(200, json={"compositeResponse": results})
        return org(request)

    assert build_org(handle).read_records(LEAD, ["Email"], key=("Email", emails(5))).height == ROWS


def test_an_org_whose_pages_by_id_make_no_progress_is_an_incomplete_read() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if "/jobs/" in request.url.path:
            return refuse(400, "INVALIDENTITY", "no Bulk")
        if "/query/" in request.url.path:
            return CLOSED
        body = {
            "totalSize": 2,
            "done": False,
            "records": [build_record(1)],
            "nextRecordsUrl": "/services/data/x/query/0r8",
        }
        return httpx.Response(200, json=body)

    with pytest.raises(ServiceUnavailable, match="by Id"):
        build_org(handle).read_records(LEAD, ["Email"], expected_rows=2)
