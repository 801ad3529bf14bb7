"""Answers that are valid JSON of another form: of a gateway, or of a server that gives up in the middle."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.errors import ServiceUnavailable
from integration_center.salesforce.client.polling import read_count
from integration_center.salesforce.write.last_look import survey
from integration_center.salesforce.write.push import push_updates
from integration_center_tests.salesforce.readable_org import ReadableOrg
from integration_center_tests.salesforce.scripted import LEAD, BulkOrg, RecordingJournal, build_org, read_body, refuse
from integration_center_tests.salesforce.test_collections import CollectionsOrg, Row, build_updates
from integration_center_tests.salesforce.test_ground import SINCE, ComposedOrg

NOT_OBJECTS: list[Any] = [[], {}, "busy", 7, {"error": "x"}, {"id": 7, "state": 8}, [{"id": "x"}]]
SPENT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
DONE: Row = {"success": True, "errors": []}
Handler = Callable[[httpx.Request], httpx.Response]


def replace_first(org: Handler, document: Any, chosen: Callable[[httpx.Request], bool]) -> Handler:
    """The org, whose answer to the first chosen request is `document`. It carries the request out."""
    rest = iter([True])

    def handle(request: httpx.Request) -> httpx.Response:
        answer = org(request)
        return httpx.Response(200, json=document) if chosen(request) and next(rest, False) else answer

    return handle


def push(org: Handler, rows: int, channel: Any = "auto") -> pl.DataFrame:
    return push_updates(build_org(org), LEAD, build_updates(rows), journal=RecordingJournal(), channel=channel)


def is_write(request: httpx.Request) -> bool:
    return b'"PATCH"' in read_body(request) or request.method == "PATCH"


@pytest.mark.parametrize(
    "document",
    [
        *NOT_OBJECTS,
        ["text"] * 3,
        [DONE, DONE],
        [DONE, {"errorCode": "X"}, DONE],
        [DONE, {"success": "false", "errors": []}, DONE],
    ],
)
def test_a_collection_with_an_answer_of_another_form_is_looked_up(document: Any) -> None:
    org = CollectionsOrg()
    results = push(replace_first(org, document, is_write), 3)
    assert results["outcome"].to_list() == ["updated"] * 3
    assert (len(org.sizes), org.reads) == (1, 1), "nothing is sent twice"


@pytest.mark.parametrize("document", [*NOT_OBJECTS, {"compositeResponse": [7, {}, {"referenceId": "part0"}]}])
def test_a_composite_with_an_answer_of_another_form_is_looked_up(document: Any) -> None:
    org = CollectionsOrg()
    results = push(replace_first(org, document, is_write), 300)
    assert set(results["outcome"]) == {"updated"}
    assert len(org.sizes) == 1


def test_errors_of_another_form_fail_their_row_alone() -> None:
    rows = [DONE, {"success": False, "errors": ["text", None]}, DONE]
    results = push(CollectionsOrg(lambda call, sent: httpx.Response(200, json=rows)), 3)
    assert results["outcome"].to_list() == ["updated", "failed", "updated"]
    assert results["code"].to_list() == [None, "UNKNOWN", None]


def refuse_second_part(status: int, body: Any) -> CollectionsOrg:
    """An org that refuses one collection of its first composite call as a whole."""

    def answer(call: int, rows: list[Row]) -> httpx.Response | None:
        if call > 1:
            return None
        parts = [(200, [DONE] * 200), (status, body)]
        sent = [
            {"referenceId": f"part{n}", "httpStatusCode": code, "body": said} for n, (code, said) in enumerate(parts)
        ]
        org.values.update({row["id"]: row["Logins__c"] for row in rows[:200]})
        org.values.update({row["id"]: None for row in rows[200:]})
        return httpx.Response(200, json={"compositeResponse": sent})

    org = CollectionsOrg(answer)
    return org


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (429, "TOO_MANY_REQUESTS", ""),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    ],
)
def test_a_collection_with_a_passing_refusal_is_sent_again(status: int, code: str, message: str) -> None:
    org = refuse_second_part(status, [{"errorCode": code, "message": message}])
    assert set(push(org, 300)["outcome"]) == {"updated"}
    assert org.sizes == [[200, 100], [100]]


def test_a_collection_at_the_daily_limit_is_not_processed() -> None:
    results = push(refuse_second_part(403, SPENT), 300)
    assert results["outcome"].to_list() == ["updated"] * 200 + ["unprocessed"] * 100
    assert set(results["code"][200:]) == {"REQUEST_LIMIT_EXCEEDED"}


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
@pytest.mark.parametrize("document", NOT_OBJECTS)
def test_a_bulk_job_with_an_answer_of_another_form_goes_on(method: str, document: Any) -> None:
    org = BulkOrg()
    chosen = replace_first(org, document, lambda request: request.method == method)
    assert push(chosen, 3, "bulk")["outcome"].to_list() == ["updated"] * 3
    assert list(org.states.values())[-1] == "JobComplete"


@pytest.mark.parametrize(
    ("value", "number"),
    [(8, 8), (8.0, 8), ("8", 8), ("8.0", 8), (0, 0), (None, None), ("", None), ("inf", None), ([], None)],
)
def test_a_count_is_a_number_in_whatever_form(value: object, number: int | None) -> None:
    assert read_count(value) == number


@pytest.mark.parametrize("document", [[], {"error": "x"}])
@pytest.mark.parametrize("rows", [1_500, 3_000, 30_000])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_read_with_an_answer_of_another_form_is_asked_for_again(document: Any, rows: int, call: int) -> None:
    seen = count()
    handler = replace_first(ReadableOrg(rows), document, lambda request: next(seen) == call)
    assert build_org(handler).read_records(LEAD, ["Email"]).height == rows


def test_a_page_that_does_not_name_the_next_one_is_an_incomplete_read() -> None:
    org = ReadableOrg(3_000)

    def forget(request: httpx.Request) -> httpx.Response:
        page = json.loads(org(request).content)
        page.pop("nextRecordsUrl", None)
        return httpx.Response(200, json=page)

    with pytest.raises(ServiceUnavailable, match="does not name the next"):
        list(build_org(forget).query("SELECT Id FROM Lead"))


@pytest.mark.parametrize("lost", [1, 2, 14, 17, 26, 40, 60])
def test_a_bulk_page_that_ends_in_its_last_row_is_fetched_again(lost: int) -> None:
    org = ReadableOrg(3)
    whole = build_org(ReadableOrg(3)).read_records(LEAD, ["Email"], expected_rows=1_000_000)
    cuts = iter([lost])

    def cut(request: httpx.Request) -> httpx.Response:
        answer = org(request)
        left = next(cuts, 0) if request.url.path.endswith("results") else 0
        return httpx.Response(200, content=answer.content[: len(answer.content) - left], headers=answer.headers)

    assert build_org(cut).read_records(LEAD, ["Email"], expected_rows=1_000_000).equals(whole)


def test_an_org_that_never_ends_the_last_line_is_believed_the_second_time() -> None:
    org = ReadableOrg(3, bulk_page=1)

    def strip(request: httpx.Request) -> httpx.Response:
        answer = org(request)
        return httpx.Response(200, content=answer.content.rstrip(b"\n"), headers=answer.headers)

    assert build_org(strip).read_records(LEAD, ["Email"], expected_rows=1_000_000).height == 3
    assert sum(call.endswith("results") for call in org.calls) == 4, "three pages, one of them twice"


@pytest.mark.parametrize("document", [None, *NOT_OBJECTS])
def test_parts_of_the_last_look_of_another_form_are_asked_for_one_by_one(document: Any) -> None:
    org = ComposedOrg(1)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = org(request)
        if not request.url.path.endswith("/composite"):
            return answer
        parts = [{**part, "body": document} for part in json.loads(answer.content)["compositeResponse"]]
        return httpx.Response(200, json={"compositeResponse": parts})

    ground = survey(build_org(handle), "Lead", ["Email", "Logins__c"], [str(org.rows[0]["Id"])], SINCE)
    assert ground.identity.name == "Acme"
    assert ground.schema.name == "Lead"


def test_a_refusal_of_the_whole_call_stays_a_refusal() -> None:
    results = push(CollectionsOrg(lambda call, sent: refuse(403, "INSUFFICIENT_ACCESS")), 3)
    assert set(results["outcome"]) == {"unprocessed"}
