"""A WalkMe API in memory, which tests make misbehave."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from integration_center.insights.walkme_api.api import ApiSource

BASE = "https://api.walkme.example"
GUID = "3f0c/guid"
REPORTS = "/public/v1/insights/system/3f0c%2Fguid/reports"
ID = "id-of-key"
SECRET = "s3cret-of-key"

LOGINS: dict[str, Any] = {
    "id": "rep 1/logins",
    "name": "Logins",
    "kind": "common",
    "tags": [],
    "keyColumn": "User ID",
    "columns": [{"name": "User ID", "type": "string"}, {"name": "Count", "type": "integer"}],
    "refreshedAt": "2026-11-23T09:00:00Z",
}
PATH = f"{REPORTS}/rep%201%2Flogins"


class WalkMeDouble:
    """Answers as the contract says, after the answers in `first`.

    Attributes:
        first: answers given before all others, one a request, whatever is asked.
        requests: the requests that came, in order.
        on_data: called after each page of rows, for what happens between two pages.
        changes: of the bodies of pages; a value of None leaves its key out.
        max_limit: what the server gives at most on a page, whatever is asked.
        refused_limit: pages of more rows are refused.
        now: the time of the client.
    """

    def __init__(self, *reports: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> None:
        self.reports = list(reports) or [dict(LOGINS)]
        self.rows: list[dict[str, Any]] = (
            rows if rows is not None else [{"User ID": f"u{i}", "Count": i} for i in range(5)]
        )
        self.columns: list[Any] = ["User ID", "Count"]
        self.first: list[httpx.Response | Exception] = []
        self.requests: list[httpx.Request] = []
        self.live = "token-1"
        self.on_data: Callable[[], None] = lambda: None
        self.changes: dict[str, Any] = {}
        self.token_changes: dict[str, Any] = {}
        self.max_limit = 1_000_000
        self.refused_limit = 1_000_001
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def source(self, data_page: int = 2) -> ApiSource:
        client = httpx.Client(transport=httpx.MockTransport(self.answer))
        return ApiSource(BASE, ID, SECRET, GUID, client=client, data_page=data_page, clock=lambda: self.now)

    @property
    def counts(self) -> Counter[str]:
        return Counter(request.url.raw_path.decode().split("?")[0] for request in self.requests)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.raw_path.decode().split("?")[0]
        if path == "/accounts/connect/token":
            return self._answer_token(request)
        if self.first:
            given = self.first.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        if request.headers["Authorization"] != f"Bearer {self.live}":
            return refuse(401, "unauthorized")
        query = request.url.params
        if path == REPORTS:
            return httpx.Response(200, json={"reports": self.reports[self._page(query)]})
        if path == PATH:
            return httpx.Response(200, json=self.reports[0])
        if path == f"{PATH}/data":
            if int(query["limit"]) >= self.refused_limit:
                return refuse(400, "bad_limit")
            rows = self.rows[self._page(query)]
            body = {"columns": self.columns, "rows": rows, "total": len(self.rows)} | self.changes
            body = {name: value for name, value in body.items() if value is not None}
            self.on_data()
            return httpx.Response(200, content=json.dumps(body))
        return refuse(404, "not_found")

    def _page(self, query: httpx.QueryParams) -> slice:
        return slice(int(query["offset"]), int(query["offset"]) + min(int(query["limit"]), self.max_limit))

    def _answer_token(self, request: httpx.Request) -> httpx.Response:
        assert request.content == b"grant_type=client_credentials"
        if request.headers["Authorization"] != httpx.BasicAuth(ID, SECRET)._auth_header:
            return httpx.Response(401, json={"error": "invalid_client"})
        body = {"access_token": self.live, "token_type": "bearer", "expires_in": 86400} | self.token_changes
        return httpx.Response(200, json={name: value for name, value in body.items() if value is not None})


def refuse(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": "quotes ada@example.com"}, "requestId": "req-7"}
    return httpx.Response(status, json=body, headers=headers)
