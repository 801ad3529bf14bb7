"""Rows that run into limits of the org's automation: sent again in smaller groups, in either channel."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.salesforce.write.options import WriteOptions
from integration_center.salesforce.write.push import Channel, push_updates
from integration_center.salesforce.write.results import build_results, is_retryable, is_too_much
from integration_center.sync.outcomes import Outcome
from integration_center_tests.salesforce.scripted import LEAD, BulkOrg, RecordingJournal, build_id, build_org, refuse
from integration_center_tests.salesforce.test_collections import CollectionsOrg, Row, build_updates
from integration_center_tests.salesforce.test_push import WholeOrg, counts

FLOW = "We can't save this record because the “Score” process failed. Give your Salesforce admin these details. "
TOO_MUCH = [
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger: System.LimitException: Too many SOQL queries: 101"),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"{FLOW}The Apex CPU time limit was exceeded."),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Score: Apex CPU time limit exceeded"),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", f"{FLOW}Too many SOQL queries: 101"),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", f"{FLOW}Too many DML statements: 151"),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", "Zu viele SOQL-Abfragen: 101"),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", "Apex-CPU-Zeitlimit überschritten"),
    ("UNKNOWN_EXCEPTION", "Apex CPU time limit exceeded"),
    ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    ("REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped."),
    ("TXN_SECURITY_METERING_ERROR", "enabled transaction security policies took too long"),
    ("SERVER_UNAVAILABLE", "Server Unavailable"),
    ("QUERY_TIMEOUT", "Your query request was running for too long."),
]
NOT_TOO_MUCH = [
    ("CANNOT_EXECUTE_FLOW_TRIGGER", f"{FLOW}FIELD_CUSTOM_VALIDATION_EXCEPTION: Email is wrong"),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The CPU of this machine must be named"),
    ("STRING_TOO_LONG", "System.LimitException"),
    ("DUPLICATES_DETECTED", "Use one of these records?"),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "Updates can't be made during maintenance."),
]


@pytest.mark.parametrize(
    ("code", "message", "expected"), [(*one, True) for one in TOO_MUCH] + [(*one, False) for one in NOT_TOO_MUCH]
)
def test_limits_are_distinguished_from_other_refusals(code: str, message: str, expected: bool) -> None:
    failed = build_results(pl.Series("Id", [build_id(1)]), Outcome.FAILED, code=code, message=message)
    assert failed.select(is_too_much()).item() is expected
    assert failed.select(is_retryable()).item() is expected


class Limited(CollectionsOrg):
    """Collections of an org whose automation takes `most` records in a transaction."""

    def __init__(self, most: int, code: str = "CANNOT_EXECUTE_FLOW_TRIGGER", message: str = "Too many DML") -> None:
        super().__init__()
        self.most, self.error = most, {"statusCode": code, "message": f"{message}: 151", "fields": []}
        self.chunk = 0

    def _update(self, row: Row) -> Row:
        # The sizes of this call's collections are in `sizes` before its rows are saved, in the same order.
        call = self.sizes[-1]
        position = self.chunk
        self.chunk = (self.chunk + 1) % sum(call)
        for size in call:
            if position < size:
                return super()._update(row) if size <= self.most else {"success": False, "errors": [self.error]}
            position -= size
        raise AssertionError("a row belongs to a collection")


@dataclass
class Terms:
    """Write options that record what is noted, and count the calls that may be made."""

    spare: int = 1_000_000
    noted: list[int] = field(default_factory=list)

    def options(self, **changes: Any) -> WriteOptions:
        return WriteOptions(**{"can_spare": self.can_spare, "note_group": self.noted.append, **changes})

    def can_spare(self, calls: int) -> bool:
        if calls > self.spare:
            return False
        self.spare -= 1
        return True


def push(
    org: Callable[[httpx.Request], httpx.Response], rows: int, options: WriteOptions, channel: Channel = "auto"
) -> pl.DataFrame:
    return push_updates(
        build_org(org), LEAD, build_updates(rows), journal=RecordingJournal(), options=options, channel=channel
    )


@pytest.mark.sampled
@pytest.mark.parametrize(("most", "noted"), [(199, 50), (55, 50), (12, 10), (5, 3), (1, 1)])
def test_every_row_goes_through_in_groups_that_the_org_takes(most: int, noted: int) -> None:
    terms, org = Terms(), Limited(most)
    assert counts(push(org, 210, terms.options())) == {"updated": 210}
    assert terms.noted == [noted]
    again = Limited(most)
    assert counts(push(again, 210, terms.options(group=noted))) == {"updated": 210}
    assert {size for call in again.sizes for size in call} == {noted} | ({210 % noted} - {0})
    assert terms.noted == [noted]


@pytest.mark.parametrize(("code", "message"), [TOO_MUCH[3]])
def test_rows_that_bulk_fails_go_by_collections_in_smaller_groups(code: str, message: str) -> None:
    bulk = BulkOrg(failed={build_id(n): f"{code}:{message}:--" for n in range(2_300)})
    terms, collections = Terms(), Limited(12)
    results = push(WholeOrg(bulk, collections), 2_500, terms.options())
    assert counts(results) == {"updated": 2_500}
    assert terms.noted == [10]


def test_a_limit_that_few_records_ran_into_changes_no_size() -> None:
    terms = Terms()
    bulk = BulkOrg(failed={build_id(n): "SERVER_UNAVAILABLE:Server Unavailable:--" for n in range(20)})
    assert counts(push(WholeOrg(bulk), 2_500, terms.options())) == {"updated": 2_500}
    assert terms.noted == []


def test_a_size_that_helps_nobody_is_given_up_after_some_calls() -> None:
    terms, org = Terms(), Limited(0)
    assert counts(push(org, 2_000, terms.options())) == {"failed": 2_000}
    assert terms.noted == []
    assert len(org.sizes) == 2 + 3 + 3 + 3 + 20


def test_small_groups_use_no_more_calls_than_can_be_spared() -> None:
    terms, org = Terms(spare=10), Limited(1)
    results = push(org, 300, terms.options())
    assert counts(results) == {"updated": 35, "failed": 265}, (
        "3 of the 10 calls go to groups of three, 7 to single rows"
    )
    assert len(org.sizes) == 1 + 2 + 3 + 10
    assert terms.spare == 0


@pytest.mark.parametrize(
    "code", ["REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "TXN_SECURITY_METERING_ERROR"]
)
@pytest.mark.parametrize("rows", [120, 600])
def test_a_call_that_is_refused_as_a_whole_is_sent_again_in_smaller_groups(code: str, rows: int) -> None:
    def answer(call: int, sent: list[Row]) -> httpx.Response | None:
        return refuse(400, code, "It took too long") if len(sent) > 60 else None

    org = CollectionsOrg(answer)
    org.values = {build_id(n): 1.0 for n in range(rows)}
    results = push(org, rows, Terms().options())
    assert counts(results) == {"updated": rows}
    assert set(org.values.values()) == {5.0}


def test_a_collection_that_is_always_broken_off_by_a_fault_of_the_server_goes_in_smaller_groups() -> None:
    """Inside a composite call, whose own status is 200, with HTTP 500."""

    def answer(call: int, sent: list[Row]) -> httpx.Response | None:
        if len(sent) <= 60:
            return None
        body = [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred"}]
        parts = [{"httpStatusCode": 500, "referenceId": f"part{number}", "body": body} for number in range(5)]
        return httpx.Response(200, json={"compositeResponse": parts})

    org = CollectionsOrg(answer)
    org.values = {build_id(n): 1.0 for n in range(400)}
    assert counts(push(org, 400, Terms().options())) == {"updated": 400}


@pytest.mark.parametrize(
    "method",
    ["POST", "PUT", "PATCH"],
)
def test_bulk_that_is_used_up_at_any_step_leaves_the_rest_to_collections(method: str) -> None:
    bulk, calls = BulkOrg(), {"POST": 0, "PUT": 0, "PATCH": 0}

    def refuse_the_second(request: httpx.Request) -> httpx.Response | None:
        if request.method in calls:
            calls[request.method] += 1
        aborts = b"Aborted" in request.read()
        if request.method == method and calls[method] >= 2 and not aborts:
            return refuse(400, "LIMIT_EXCEEDED", "Max batches (15000) per 24 hrs has been reached")
        return None

    bulk.before = refuse_the_second
    org = WholeOrg(bulk)
    results = push_updates(build_org(org), LEAD, build_updates(2_985), journal=RecordingJournal(), max_job_bytes=30_000)
    assert counts(results) == {"updated": 2_985}
    by_bulk = results["job_id"].is_not_null().sum()
    assert 0 < by_bulk < 2_985
    assert sum(map(sum, org.collections.sizes)) == 2_985 - by_bulk, "no row is sent twice"
    assert len(org.collections.sizes) <= 3


def test_a_job_that_ends_for_want_of_batches_leaves_its_rows_to_collections() -> None:
    left = [build_id(n) for n in range(2_000, 2_985)]
    org = WholeOrg(BulkOrg(unprocessed=left, state="Failed", error_message="ExceededQuota : no more batches"))
    assert counts(push(org, 2_985, WriteOptions())) == {"updated": 2_985}
    assert sum(map(sum, org.collections.sizes)) == 985


def test_only_what_fits_into_the_calls_to_spare_goes_by_collections() -> None:
    org = WholeOrg()
    org.bulk.before = lambda request: refuse(400, "LIMIT_EXCEEDED", "Max batches")
    results = push(org, 2_985, Terms(spare=2).options())
    assert counts(results) == {"updated": 2_000, "unprocessed": 985}
    assert set(results["code"]) == {None, "LIMIT_EXCEEDED"}


def test_small_groups_go_by_collections_while_calls_can_be_spared() -> None:
    org = WholeOrg()
    push(org, 3_000, Terms().options(group=50))
    assert (len(org.bulk.states), len(org.collections.sizes)) == (0, 12)
    push(org, 3_000, WriteOptions(group=50, can_spare=lambda calls: calls < 12))
    assert len(org.bulk.states) == 1


class Alerting(CollectionsOrg):
    """Collections of an org whose duplicate rule alerts."""

    def __init__(self, *, blocks: bool = False) -> None:
        super().__init__()
        self.blocks, self.allowed = blocks, False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.allowed = request.headers.get("sforce-duplicate-rule-header") == "allowSave=true"
        return super().__call__(request)

    def _update(self, row: Row) -> Row:
        if self.allowed and not self.blocks:
            return super()._update(row)
        error = {"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}
        return {"success": False, "errors": [error]}


@pytest.mark.parametrize("rows", [2, 300])
def test_a_duplicate_rule_that_alerts_is_respected_or_passed(rows: int) -> None:
    respected = push(Alerting(), rows, WriteOptions())
    assert counts(respected) == {"failed": rows}
    assert set(respected["message"].str.contains("Use one of these records.*`duplicate_rules: allow`")) == {True}
    assert counts(push(Alerting(), rows, WriteOptions(allow_duplicates=True))) == {"updated": rows}
    blocked = push(Alerting(blocks=True), rows, WriteOptions(allow_duplicates=True))
    assert counts(blocked) == {"failed": rows}
    assert not blocked["message"].str.contains("duplicate_rules").any()


@pytest.mark.parametrize("allow", [True, False])
def test_rows_that_bulk_fails_by_a_duplicate_rule_go_by_collections_with_the_header(allow: bool) -> None:
    refused = {build_id(n): "DUPLICATES_DETECTED:Use one of these records?:--" for n in range(7)}
    org = WholeOrg(BulkOrg(failed=refused), Alerting())
    results = push(org, 2_100, WriteOptions(allow_duplicates=allow))
    assert counts(results) == ({"updated": 2_100} if allow else {"updated": 2_093, "failed": 7})
    assert org.collections.sizes == ([[7]] if allow else [])
    if not allow:
        assert results.filter(pl.col("code").is_not_null())["message"].str.contains("duplicate_rules").all()


def test_a_bulk_job_that_is_asked_for_has_no_other_channel() -> None:
    org = WholeOrg()
    org.bulk.before = lambda request: refuse(400, "LIMIT_EXCEEDED", "Max batches")
    results = push(org, 10, WriteOptions(), "bulk")
    assert counts(results) == {"unprocessed": 10}
