"""The ground of a push, when the org answers otherwise than with one whole composite answer."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx
import polars as pl
import pytest

from integration_center.errors import SchemaMismatch
from integration_center.salesforce.org import OrgIdentity
from integration_center.salesforce.read.selection import Keep
from integration_center.salesforce.write.last_look import survey
from integration_center_tests.salesforce.scripted import build_id, build_org, read_body, refuse

SINCE = datetime(2026, 11, 22, 8, 0, 30, tzinfo=UTC)
FIELDS = [
    {"name": "Id", "type": "id", "idLookup": True, "filterable": True},
    {"name": "SystemModstamp", "type": "datetime"},
    {"name": "Email", "type": "email"},
    {"name": "Logins__c", "type": "double"},
]
ORGANIZATION = "SELECT Id, Name FROM Organization LIMIT 1"
IDENTITY = {"totalSize": 1, "done": True, "records": [{"Id": "00D000000000001AAA", "Name": "Acme"}]}
DESCRIBE = {"name": "Lead", "queryable": True, "updateable": True, "fields": FIELDS}


class ComposedOrg:
    """An org with some Leads, of which a query's page shows two; `replaced` answers take the place of its own."""

    def __init__(self, count: int, replaced: dict[str, Any] | None = None) -> None:
        self.rows = [
            {
                "Id": build_id(n),
                "Email": f"{n}@x.test",
                "Logins__c": n,
                "SystemModstamp": "2026-11-22T08:00:00.000+0000",
            }
            for n in range(count)
        ]
        self.replaced = replaced or {}
        self.calls: list[str] = []
        self.queries: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/services/data/v66.0/")
        self.calls.append(path)
        if path in self.replaced:
            return httpx.Response(*self.replaced[path][:1], json=self.replaced[path][1])
        if path == "composite":
            parts = json.loads(read_body(request))["compositeRequest"]
            return httpx.Response(200, json={"compositeResponse": [self.part(part) for part in parts]})
        if path.endswith("/describe"):
            return httpx.Response(200, json=DESCRIBE)
        if path == "query" and request.url.params["q"] == ORGANIZATION:
            return httpx.Response(200, json=IDENTITY)
        return httpx.Response(200, json=self.page(int(path.rpartition("-")[2])))

    def part(self, part: dict[str, Any]) -> dict[str, Any]:
        resource = part["url"].removeprefix("/services/data/v66.0/")
        name = resource.partition("?")[0]
        soql = unquote(resource.removeprefix("query?q="))
        if soql == ORGANIZATION:
            return {"httpStatusCode": 200, "body": IDENTITY, "referenceId": part["referenceId"]}
        if soql != resource:
            self.queries.append(soql)
        status, body = self.replaced.get(f"part {name}") or (
            (200, DESCRIBE) if name.endswith("/describe") else (200, self.page(0))
        )
        return {"httpStatusCode": status, "body": body, "referenceId": part["referenceId"]}

    def page(self, start: int) -> dict[str, Any]:
        rest = start + 2 < len(self.rows)
        page = {"totalSize": len(self.rows), "done": not rest, "records": self.rows[start : start + 2]}
        return page | ({"nextRecordsUrl": f"/services/data/v66.0/query/0r8-{start + 2}"} if rest else {})


def keep_all(part: pl.DataFrame) -> pl.DataFrame:
    return part


def read(
    org: ComposedOrg, *, since: datetime | None = SINCE, many: bool = False, keep: Keep = keep_all
) -> list[str] | None:
    ids = [build_id(n) for n in range(4_000 if many else 2)]
    ground = survey(build_org(org), "Lead", ["Email", "Logins__c"], ids, since)
    assert ground.schema.name == "Lead"
    assert ground.identity == OrgIdentity("00D000000000001AAA", "Acme")
    records = ground.read_records(keep)
    return None if records is None else records["Id"].sort().to_list()


def test_few_records_are_named_and_come_with_the_schema() -> None:
    org = ComposedOrg(2)
    assert read(org) == [build_id(0), build_id(1)]
    assert org.calls == ["composite"]
    assert org.queries == [f"SELECT Id,Email,Logins__c FROM Lead WHERE Id IN ('{build_id(0)}','{build_id(1)}')"]


def test_of_many_records_those_changed_since_come_page_by_page() -> None:
    org = ComposedOrg(5)
    assert read(org, many=True) == [build_id(n) for n in range(5)]
    assert org.calls == ["composite", "query/0r8-2", "query/0r8-4"]
    assert org.queries == ["SELECT Id,Email,Logins__c FROM Lead WHERE SystemModstamp >= 2026-11-22T07:59:30Z"]


def test_of_many_records_only_those_that_are_wanted_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run may have written all of a million records: only some are in memory at a time."""
    monkeypatch.setattr("integration_center.salesforce.read.selection.KEPT_AT_A_TIME", 3)
    given: list[int] = []

    def keep(part: pl.DataFrame) -> pl.DataFrame:
        given.append(part.height)
        return part.filter(pl.col("Id") == build_id(6))

    assert read(ComposedOrg(7), many=True, keep=keep) == [build_id(6)]
    assert given == [4, 3]
    assert read(ComposedOrg(0), many=True, keep=keep) == []


def test_of_many_records_without_a_time_of_change_nothing_can_be_said() -> None:
    org = ComposedOrg(5)
    assert read(org, many=True, since=None) is None
    assert org.calls == ["composite"]
    assert org.queries == []


@pytest.mark.parametrize("status", [400, 404, 405])
def test_without_composite_calls_the_schema_is_read_alone(status: int) -> None:
    refusal = [{"errorCode": "NOT_FOUND", "message": ""}]
    org = ComposedOrg(2, {"composite": (status, refusal)})
    ground = survey(build_org(org), "Lead", ["Email"], [build_id(0)], SINCE)
    assert ground.schema.require("Logins__c").type == "double"
    assert org.calls == ["composite", "query", "sobjects/Lead/describe"]


def test_a_describe_that_fails_inside_is_asked_for_again() -> None:
    org = ComposedOrg(2, {"part sobjects/Lead/describe": (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": ""}])})
    assert read(org) == [build_id(0), build_id(1)]
    assert org.calls == ["composite", "sobjects/Lead/describe"]


def test_an_object_that_is_gone_is_named() -> None:
    gone = (404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
    org = ComposedOrg(0, {"part sobjects/Lead/describe": gone, "sobjects/Lead/describe": gone})
    with pytest.raises(SchemaMismatch, match="the org has no object Lead"):
        read(org)


def test_a_query_that_fails_inside_is_asked_for_again() -> None:
    class Busy(ComposedOrg):
        def part(self, part: dict[str, Any]) -> dict[str, Any]:
            answer = super().part(part)
            if len(self.calls) == 1 and part["referenceId"] != "describe":
                answer |= {"httpStatusCode": 503, "body": [{"errorCode": "SERVER_UNAVAILABLE", "message": ""}]}
            return answer

    org = Busy(2)
    assert read(org) == [build_id(0), build_id(1)]
    assert org.calls == ["composite", "query", "composite"]


def test_a_cursor_that_closes_is_begun_again() -> None:
    class Closing(ComposedOrg):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if re.search(r"0r8-2", request.url.path) and "query/0r8-2" not in self.calls:
                self.calls.append("query/0r8-2")
                return refuse(400, "INVALID_QUERY_LOCATOR")
            return super().__call__(request)

    org = Closing(3)
    assert read(org) == [build_id(n) for n in range(3)]
    assert org.calls[:2] == ["composite", "query/0r8-2"]
