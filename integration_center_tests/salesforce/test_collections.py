import json
from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.errors import LimitExceeded, OrgError
from integration_center.salesforce.write.collections import send_collections
from integration_center.salesforce.write.results import build_results, is_retryable
from integration_center.sync.outcomes import Outcome
from integration_center_tests.salesforce.scripted import LEAD, build_id, build_org, read_body, refuse

Row = dict[str, Any]


def build_updates(count: int, value: float = 5.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Id": [build_id(number) for number in range(count)],
            "after.Logins__c": [value] * count,
            "changed.Logins__c": [True] * count,
        }
    )


class CollectionsOrg:
    """Leads that can be updated by Collections and read again; `answer` may replace the answer to an update."""

    def __init__(self, answer: Callable[[int, list[Row]], httpx.Response | None] = lambda call, rows: None) -> None:
        self.values: dict[str, float | None] = {}
        self.answer = answer
        self.sizes: list[list[int]] = []
        self.reads = 0
        self.write_when_answered = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(read_body(request))
        subrequests = body.get("compositeRequest")
        if subrequests and subrequests[0]["method"] == "GET":
            self.reads += 1
            return httpx.Response(200, json={"compositeResponse": [self._read(sub) for sub in subrequests]})
        chunks = [sub["body"]["records"] for sub in subrequests] if subrequests else [body["records"]]
        self.sizes.append([len(chunk) for chunk in chunks])
        replaced = self.answer(len(self.sizes), [row for chunk in chunks for row in chunk])
        if replaced is not None:
            return replaced
        answers = [[self._update(row) for row in chunk] for chunk in chunks]
        if not subrequests:
            return httpx.Response(200, json=answers[0])
        results = [
            {"httpStatusCode": 200, "httpHeaders": {}, "referenceId": sub["referenceId"], "body": rows}
            for sub, rows in zip(subrequests, answers, strict=True)
        ]
        return httpx.Response(200, json={"compositeResponse": list(reversed(results))})

    def _read(self, subrequest: Row) -> Row:
        records = [
            {"Id": i, "SystemModstamp": "2026-05-01T07:25:37.000+0000", "IsConverted": False, "Logins__c": v}
            for i, v in self.values.items()
            if i in subrequest["url"]
        ]
        page = {"totalSize": len(records), "done": True, "records": records}
        return {"httpStatusCode": 200, "referenceId": subrequest["referenceId"], "body": page}

    def _update(self, row: Row) -> Row:
        assert row["attributes"] == {"type": "Lead"}
        self.values[row["id"]] = row["Logins__c"]
        return {"id": row["id"], "success": True, "errors": []}


def send(org: CollectionsOrg, updates: pl.DataFrame, rows: int = 200) -> pl.DataFrame:
    sent = send_collections(build_org(org), LEAD, updates, chunk_sent=lambda hashed: None, rows=rows)
    return pl.concat(sent)


def test_a_thousand_rows_take_one_call_and_each_row_keeps_its_result() -> None:
    org = CollectionsOrg()
    results = send(org, build_updates(1_201))
    assert org.sizes == [[200] * 5, [200, 1]]
    assert results["Id"].to_list() == build_updates(1_201)["Id"].to_list()
    assert set(results["outcome"]) == {Outcome.UPDATED.value}
    assert len(org.values) == 1_201


def test_long_texts_are_sent_in_calls_of_bounded_size() -> None:
    org, texts = CollectionsOrg(), ["x" * 1_000_000] * 25
    updates = build_updates(25).with_columns(
        pl.Series("after.Description", texts), pl.lit(True).alias("changed.Description")
    )
    results = pl.concat(send_collections(build_org(org), LEAD, updates, chunk_sent=lambda ids: None, rows=200))
    assert org.sizes == [[10], [10], [5]]
    assert results["outcome"].to_list() == ["updated"] * 25


def test_a_text_that_looks_like_a_reference_is_never_part_of_a_composite_call() -> None:
    bodies: list[dict[str, Any]] = []
    org = CollectionsOrg()

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(read_body(request)))
        return org(request)

    texts = [f"text {number}" for number in range(1_200)]
    texts[450] = "hello @{part0[0].id}, bye"
    updates = build_updates(1_200).with_columns(
        pl.Series("after.Company", texts), pl.lit(True).alias("changed.Company")
    )
    parts = send_collections(build_org(handle), LEAD, updates, chunk_sent=lambda hashed: None, rows=200)
    results = pl.concat(parts)
    assert set(results["outcome"]) == {Outcome.UPDATED.value}
    assert results["Id"].to_list() == updates["Id"].to_list()
    assert org.sizes == [[200], [200], [200], [200, 200, 200]]
    assert bodies[2]["records"][50]["Company"] == texts[450]


@pytest.mark.parametrize("status", [200, 400])
def test_a_list_of_rows_is_read_under_200_and_400(status: int) -> None:
    error = {"statusCode": "STRING_TOO_LONG", "message": "Logins: too large: 5", "fields": ["Logins__c", "Company"]}
    rows = [{"success": False, "errors": [error]}, {"id": build_id(1), "success": True, "errors": []}]
    results = send(CollectionsOrg(lambda call, sent: httpx.Response(status, json=rows)), build_updates(2))
    assert results["outcome"].to_list() == ["failed", "updated"]
    assert results["Id"].to_list() == [build_id(0), build_id(1)], "a failed row has no id of its own"
    assert results["code"].to_list() == ["STRING_TOO_LONG", None]
    assert results["error_fields"].to_list() == ["Logins__c,Company", None]
    assert results["message"].to_list() == ["Logins: too large: 5", None]


def test_a_collection_refused_as_a_whole_fails_all_its_rows() -> None:
    results = send(CollectionsOrg(lambda call, sent: refuse(400, "INVALID_TYPE", "x")), build_updates(3))
    assert set(results["outcome"]) == {"failed"}
    assert set(results["code"]) == {"INVALID_TYPE"}
    assert set(results["message"]) == {"x"}


def test_after_a_lost_answer_records_that_hold_their_value_are_not_sent_again() -> None:
    org = CollectionsOrg()

    def lose(call: int, rows: list[Row]) -> httpx.Response | None:
        if call > 1:
            return None
        for row in rows[:2]:
            org.values[row["id"]] = row["Logins__c"]
        org.values[rows[2]["id"]] = 1.0
        raise httpx.RemoteProtocolError("peer closed connection")

    org.answer = lose
    results = send(org, build_updates(4))
    assert org.sizes == [[4], [1]]
    assert results["outcome"].to_list() == ["updated", "updated", "updated", "unknown"]
    assert org.values[build_id(2)] == 5.0
    assert results["code"].to_list() == [None, None, None, "ANSWER_LOST"]


def test_what_stays_lost_is_unknown_and_sending_is_bounded() -> None:
    org = CollectionsOrg(lambda call, rows: httpx.Response(500))
    org.values = dict.fromkeys([build_id(0), build_id(1)], 1.0)
    results = send(org, build_updates(2))
    assert results["outcome"].to_list() == ["unknown", "unknown"]
    assert org.sizes == [[2], [2], [2]]


def test_an_answer_that_does_not_fit_its_request_is_a_lost_answer() -> None:
    org = CollectionsOrg()
    other = [{"id": build_id(7), "success": True, "errors": []}]
    org.answer = lambda call, rows: httpx.Response(200, json=other) if call == 1 else None
    org.values = {build_id(0): 1.0}
    assert send(org, build_updates(1))["outcome"].to_list() == ["updated"]
    assert org.reads == 1
    assert len(org.sizes) == 2


def test_an_answer_with_too_few_rows_is_a_lost_answer() -> None:
    org = CollectionsOrg()
    rows = [{"id": build_id(0), "success": True, "errors": []}]
    org.answer = lambda call, sent: httpx.Response(200, json=rows) if call == 1 else None
    org.values = {build_id(0): 5.0, build_id(1): 1.0}
    assert send(org, build_updates(2))["outcome"].to_list() == ["updated", "updated"]
    assert org.sizes == [[2], [1]]


def test_a_part_of_a_composite_that_broke_is_read_again_and_sent_again_alone() -> None:
    org = CollectionsOrg()

    def answer(call: int, rows: list[Row]) -> httpx.Response | None:
        if call > 1:
            return None
        org.values = {row["id"]: 1.0 for row in rows[2:]}
        whole = [{"id": row["id"], "success": True, "errors": []} for row in rows[:2]]
        broken = [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred"}]
        results = [
            {"httpStatusCode": 200, "referenceId": "part0", "body": whole},
            {"httpStatusCode": 500, "referenceId": "part1", "body": broken},
        ]
        return httpx.Response(200, json={"compositeResponse": results})

    org.answer = answer
    results = send(org, build_updates(4), rows=2)
    assert org.sizes == [[2, 2], [2]]
    assert set(results["outcome"]) == {"updated"}
    assert org.values == {build_id(2): 5.0, build_id(3): 5.0}


@pytest.mark.parametrize(
    ("code", "message", "again"),
    [
        ("UNABLE_TO_LOCK_ROW", "x", True),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.LimitException: Apex CPU time limit exceeded", True),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: UNABLE_TO_LOCK_ROW, unable to obtain", True),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: NullPointerException", False),
        ("STRING_TOO_LONG", "UNABLE_TO_LOCK_ROW", False),
    ],
)
def test_only_locks_and_limits_are_worth_another_try(code: str, message: str, again: bool) -> None:
    failed = build_results(pl.Series("Id", [build_id(1)]), Outcome.FAILED, code=code, message=message)
    assert failed.select(is_retryable()).item() is again


def test_what_cannot_be_sent_again_does_not_hide_what_was_written() -> None:
    org = CollectionsOrg()

    def answer(call: int, rows: list[Row]) -> httpx.Response:
        if call > 1:
            return refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        org.values = {rows[0]["id"]: 5.0, rows[1]["id"]: 1.0}
        raise httpx.RemoteProtocolError("peer closed connection")

    org.answer = answer
    assert send(org, build_updates(2))["outcome"].to_list() == ["updated", "unknown"]


@pytest.mark.parametrize("status", [404, 405])
def test_where_composite_is_not_offered_collections_are_sent_alone(status: int) -> None:
    inner = CollectionsOrg()
    refused: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/composite"):
            refused.append(request.url.path)
            return refuse(status, "NOT_FOUND")
        return inner(request)

    hashes: list[str] = []
    parts = list(send_collections(build_org(handle), LEAD, build_updates(501), chunk_sent=hashes.append, rows=200))
    assert inner.sizes == [[200], [200], [101]]
    assert len(refused) == 1, "it is not asked again for what was refused once"
    assert len(hashes) == 4
    results = pl.concat(parts)
    assert results["Id"].to_list() == build_updates(501)["Id"].to_list()
    assert set(results["outcome"]) == {Outcome.UPDATED.value}


def test_an_org_without_collections_refuses_the_push() -> None:
    sending = send_collections(
        build_org(lambda request: refuse(404, "NOT_FOUND")),
        LEAD,
        build_updates(501),
        chunk_sent=lambda hashed: None,
        rows=200,
    )
    with pytest.raises(OrgError, match="NOT_FOUND"):
        next(sending)


def test_the_daily_limit_stops_before_the_next_call() -> None:
    refusal = refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    org = CollectionsOrg(lambda call, rows: refusal if call == 2 else None)
    sending = send_collections(build_org(org), LEAD, build_updates(1_500), chunk_sent=lambda hashed: None, rows=200)
    assert next(sending).height == 1_000
    with pytest.raises(LimitExceeded):
        next(sending)
