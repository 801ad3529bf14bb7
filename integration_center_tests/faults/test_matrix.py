"""Every kind of call meets every kind of fault once, and some for good.

A sync then ends Completed, with the org as it would be without the fault; or Failed with a sentence, and the next
sync brings the org there. No record is lost, none is written twice, and every ledger adds up.

Of each group of like faults a call meets one; `pytest --every-fault integration_center_tests/faults` runs them all.
The quick suite lets each call meet a fault, and each fault a call.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from threading import Event
from typing import Any

import httpcore
import pytest
from httpcore._backends.sync import SyncStream  # not public

from integration_center.database.sync_records import SyncStatus
from integration_center.salesforce.read import rest as query
from integration_center_tests.faults.cases import Case
from salesforce_emulator.faults import Faults, Hold


@dataclass(frozen=True)
class Call:
    """One kind of call of a sync.

    Attributes:
        route: how the sync reads and writes; see `ROUTES`.
        name: the kind.
        skip: how many earlier calls of the same form pass.
    """

    route: str
    name: str
    method: str
    path: str
    skip: int = 0

    @property
    def id(self) -> str:
        """How the call is named in the tests."""
        return f"{self.route} {self.name}"


CALLS = [
    Call("keys", "token", "POST", "*/oauth2/token"),
    Call("keys", "describe", "GET", "*/describe"),
    Call("keys", "composite query", "POST", "*/composite"),
    Call("keys", "look before the push", "POST", "*/composite", 1),
    Call("keys", "collection", "PATCH", "*/composite/sobjects"),
    Call("pages", "count", "GET", "*/query"),
    Call("pages", "query", "GET", "*/query", 1),
    Call("pages", "query page", "GET", "*/query/*"),
    Call("pages", "last query page", "GET", "*/query/*", 1),
    Call("pages", "composite of collections", "POST", "*/composite", 1),
    Call("bulk", "query job", "POST", "*/jobs/query"),
    Call("bulk", "look at the query job", "GET", "*/jobs/query/750*[!s]"),
    Call("bulk", "query results", "GET", "*/jobs/query/*/results"),
    Call("bulk", "ingest job", "POST", "*/jobs/ingest"),
    Call("bulk", "upload", "PUT", "*/batches"),
    Call("bulk", "close", "PATCH", "*/jobs/ingest/*"),
    Call("bulk", "look at the ingest job", "GET", "*/jobs/ingest/*[!s/]"),
    Call("bulk", "failed results", "GET", "*/failedResults/"),
    Call("bulk", "unprocessed records", "GET", "*/unprocessedrecords/"),
]

LOOK_SECONDS = 0.02
Switch = Callable[[Faults, Call, int | None], object]


def answer(status: int, code: str = "", message: str = "", after: float | None = None) -> Switch:
    """An answer without the work done: an error document, or without a code a web page."""
    body = json.dumps([{"errorCode": code, "message": message}]) if code else None
    kind = "application/json;charset=UTF-8" if code else "text/html"

    def switch(faults: Faults, call: Call, times: int | None) -> None:
        faults.respond(
            status,
            call.path,
            method=call.method,
            skip=call.skip,
            times=times,
            body=body,
            content_type=kind,
            retry_after=after,
        )

    return switch


TOTAL, CONCURRENT = "TotalRequests Limit exceeded.", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
CUT: dict[str, Switch] = {
    "cut before": lambda f, c, n: f.drop(c.path, method=c.method, skip=c.skip, times=n, when="before"),
    "cut during": lambda f, c, n: f.drop(c.path, method=c.method, skip=c.skip, times=n, when="during"),
    "cut after": lambda f, c, n: f.drop(c.path, method=c.method, skip=c.skip, times=n, when="after"),
    "answer broken off": lambda f, c, n: f.truncate(20, c.path, method=c.method, skip=c.skip, times=n),
}
SILENT: dict[str, Switch] = {
    "no answer, not done": lambda f, c, n: f.hold(c.path, method=c.method, skip=c.skip, times=n, when="before"),
    "no answer, done": lambda f, c, n: f.hold(c.path, method=c.method, skip=c.skip, times=n, when="after"),
}
GARBLED: dict[str, Switch] = {
    "answer without its end": lambda f, c, n: f.corrupt(-20, c.path, method=c.method, skip=c.skip, times=n),
    "answer without its last byte": lambda f, c, n: f.corrupt(-1, c.path, method=c.method, skip=c.skip, times=n),
    "empty answer": lambda f, c, n: f.corrupt(0, c.path, method=c.method, skip=c.skip, times=n),
    "web page as success": answer(200),
}
DEAD: dict[str, Switch] = {
    "session ends": lambda f, c, n: f.expire(c.path, method=c.method, skip=c.skip, times=n),
    "session refused": answer(401, "INVALID_SESSION_ID", "Session expired or invalid"),
}
BUSY: dict[str, Switch] = {
    "busy": answer(503, "SERVER_UNAVAILABLE", "Server Unavailable", after=1),
    "too many requests": answer(429, after=1),
    "no route": answer(420),
    "not acceptable": answer(406),
    "concurrent limit": answer(403, "REQUEST_LIMIT_EXCEEDED", CONCURRENT),
    "maintenance page": answer(503),
}
BROKEN: dict[str, Switch] = {
    "bad gateway": answer(502),
    "server error": answer(500),
    "error document": answer(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred"),
}
SPENT: dict[str, Switch] = {"daily limit": answer(403, "REQUEST_LIMIT_EXCEEDED", TOTAL)}
FAULTS = CUT | SILENT | GARBLED | DEAD | BUSY | BROKEN | SPENT
ONCE = (CUT, SILENT, GARBLED, DEAD, BUSY, BROKEN, SPENT)
"""Of faults that come to the same for a call, each call meets one, another than its neighbours do."""
LASTING = (CUT, GARBLED | DEAD, BUSY | BROKEN | SPENT)
PROOF, EVERY = pytest.mark.proof, pytest.mark.every_fault


def rotate(groups: Sequence[Mapping[str, Switch]]) -> list[Any]:
    """All pairs of call and fault, the call's route first; those beyond one of each group are marked `every_fault`.

    The quick suite has so few that each call and each fault is in one.
    """
    faults = [fault for group in groups for fault in group]
    quick = set(zip(cycle(CALLS), faults, strict=False))
    return [
        pytest.param(call.route, call, fault, id=f"{call.id}-{fault}", marks=marks)
        for number, call in enumerate(CALLS)
        for group in groups
        for place, fault in enumerate(group)
        for marks in [[] if (call, fault) in quick else [PROOF] if place == number % len(group) else [EVERY]]
    ]


@pytest.fixture
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the sync of a test reads and writes."""
    name: str = request.param
    if name != "keys":
        monkeypatch.setattr("integration_center.planning.plan.KEY_LIST_ROWS", 0)
    match name:
        case "pages":
            monkeypatch.setattr("integration_center.salesforce.read.costs.BULK_CALLS", 1_000)
            monkeypatch.setitem(query.PAGE_SIZE, "Sforce-Query-Options", "batchSize=200")
            monkeypatch.setattr("integration_center.pipeline.steps.api_reserve.ROWS_A_COLLECTION", 5)
        case "bulk":
            monkeypatch.setattr("integration_center.salesforce.read.costs.BULK_CALLS", 0)
            monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 0)
    return name


Arm = Callable[[Call, str, int | None], None]


@pytest.fixture
def arm(case: Case, monkeypatch: pytest.MonkeyPatch) -> Arm:
    """Lets a call meet a fault some times, or for good."""
    org = case.emulator.sandbox

    def arm(call: Call, fault: str, times: int | None) -> None:
        if call.name == "token":
            org.org.sessions.expire_access()
        armed = FAULTS[fault](org.faults, call, times)
        if isinstance(armed, Hold):
            give_up_once(monkeypatch, armed.reached)

    return arm


def give_up_once(monkeypatch: pytest.MonkeyPatch, reached: Event) -> None:
    """Let our client give up the call that is held, as soon as the org has it; and no other, however long it takes."""
    read, given_up = SyncStream.read, Event()

    def read_or_give_up(stream: SyncStream, max_bytes: int, timeout: float | None = None) -> bytes:
        while given_up.is_set() or not reached.is_set():
            with suppress(httpcore.ReadTimeout):
                return read(stream, max_bytes, LOOK_SECONDS)
        given_up.set()
        raise httpcore.ReadTimeout

    monkeypatch.setattr(SyncStream, "read", read_or_give_up)


@pytest.mark.parametrize(("route", "call", "fault"), rotate(ONCE), indirect=["route"])
def test_a_fault_met_once(case: Case, route: str, call: Call, fault: str, arm: Arm) -> None:
    arm(call, fault, 1)

    first = case.sync()

    assert case.emulator.sandbox.faults.listing()["http"] == [], "the fault was not met"
    if fault not in SPENT:
        assert first.error is None
        assert first.sync.status is SyncStatus.COMPLETED
        case.check_written_once([first])
        return
    # A used-up allowance is no use waiting for: the run ends, and says so.
    case.check_ended(first)
    second = case.sync()
    assert second.error is None
    assert second.sync.status is SyncStatus.COMPLETED
    case.check_written_once([first, second])


@pytest.mark.parametrize(("route", "call", "fault"), rotate(LASTING), indirect=["route"])
def test_a_fault_that_lasts_for_a_run(case: Case, route: str, call: Call, fault: str, arm: Arm) -> None:
    arm(call, fault, None)

    first = case.sync()

    case.check_ended(first)
    case.emulator.sandbox.faults.clear()
    second = case.sync()
    assert second.error is None
    assert second.sync.status is SyncStatus.COMPLETED
    case.check_written_once([first, second])
