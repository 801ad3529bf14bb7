"""An org of scripted answers, whose records can be read in every way."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx

from integration_center_tests.salesforce.scripted import build_id, read_body

CSV = {"Content-Type": "text/csv"}


def build_record(number: int) -> dict[str, object]:
    return {
        "attributes": {"type": "Lead", "url": "x"},
        "Id": build_id(number),
        "SystemModstamp": "2026-05-01T07:25:37.000+0000",
        "IsConverted": False,
        "Email": f"user{number}@acme.test",
    }


class ReadableOrg:
    """Answers counts, queries, composites of queries, and one Bulk query job over `rows` leads."""

    def __init__(self, rows: int, page: int = 2000, bulk_page: int = 250_000) -> None:
        self.rows, self.page, self.bulk_page = rows, page, bulk_page
        self.calls: list[str] = []
        self.looks = 0
        self.short_pages = 0
        self.refuse_bulk = False
        self.soql = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/services/data/v66.0/")
        self.calls.append(f"{request.method} {path}")
        if path == "composite":
            subs = json.loads(read_body(request))["compositeRequest"]
            assert len(subs) <= 5
            assert all(len(sub["url"]) < 16_384 for sub in subs)
            results = [
                {"httpStatusCode": 200, "referenceId": s["referenceId"], "body": self._matching(s["url"])} for s in subs
            ]
            return httpx.Response(200, json={"compositeResponse": results})
        if path == "query":
            assert request.headers.get("sforce-query-options", "batchSize=2000") == "batchSize=2000"
            self.soql = request.url.params["q"]
            if self.soql.startswith("SELECT COUNT()"):
                return httpx.Response(200, json={"totalSize": self.rows, "done": True, "records": []})
            return httpx.Response(200, json=self._rest_page(0))
        if path.startswith("query/"):
            return httpx.Response(200, json=self._rest_page(int(path.rpartition("-")[2])))
        return self._bulk(request, path)

    def _rest_page(self, start: int) -> dict[str, object]:
        records = [build_record(number) for number in range(start, min(start + self.page, self.rows))]
        body: dict[str, object] = {"totalSize": self.rows, "done": start + self.page >= self.rows, "records": records}
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/v66.0/query/0r8000000000001AAA-{start + self.page}"
        return body

    def _matching(self, url: str) -> dict[str, object]:
        soql = parse_qs(urlsplit(url).query)["q"][0]
        asked = re.findall(r"'user(\d+)@acme.test'", soql)
        records = [build_record(int(number)) for number in asked if int(number) < self.rows]
        return {"totalSize": len(records), "done": True, "records": records}

    def _bulk(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "POST":
            if self.refuse_bulk:
                body = [{"errorCode": "INVALIDENTITY", "message": "Entity 'Lead' is not supported by the Bulk API."}]
                return httpx.Response(400, json=body)
            self.soql = json.loads(read_body(request))["query"]
            return httpx.Response(200, json={"id": "750x", "state": "UploadComplete"})
        if not path.endswith("results"):
            self.looks += 1
            state = "JobComplete" if self.looks > 2 else "InProgress"
            return httpx.Response(200, json={"id": "750x", "state": state, "numberRecordsProcessed": self.rows})
        start = int(request.url.params.get("locator", 0))
        end = min(start + self.bulk_page, self.rows)
        lines = ['"SystemModstamp","Id","IsConverted","EMAIL"']  # other order and case than asked
        lines += [
            f'"2026-05-01T07:25:37.000Z","{build_id(number)}","false","user{number}@acme.test"'
            for number in range(start, end)
        ]
        headers = {
            **CSV,
            "Sforce-NumberOfRecords": str(end - start),
            "Sforce-Locator": "null" if end == self.rows else str(end),
        }
        if self.short_pages:
            self.short_pages -= 1
            lines = lines[:-1]
        return httpx.Response(200, text="\n".join(lines) + "\n", headers=headers)


def emails(count: int) -> list[str]:
    return [f"user{number}@acme.test" for number in range(count)]
