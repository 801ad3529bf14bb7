import gzip
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import httpx
import pytest

from integration_center_tests.emulator.conftest import NO_CERTIFICATES, http_get, http_post
from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import RowError


def test_answer_some_times_then_work(api: httpx.Client, org: Org) -> None:
    org.faults.respond(503, "*/limits", times=2, retry_after=7)
    first = api.get("/limits")
    assert (first.status_code, first.headers["retry-after"]) == (503, "7")
    assert first.headers["content-type"] == "text/html;charset=UTF-8"
    assert api.get("/sobjects").status_code == 200
    assert [api.get("/limits").status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_answer_in_place_of_the_work_or_after_it(
    api: httpx.Client, org: Org, lead_ids: list[str], when: Literal["before", "after"], done: bool
) -> None:
    org.faults.respond(503, "*/sobjects/Lead/*", method="PATCH", when=when)
    assert api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Company": "Written"}).status_code == 503
    assert (api.get(f"/sobjects/Lead/{lead_ids[0]}").json()["Company"] == "Written") is done


def test_fault_of_one_method_after_some_calls(api: httpx.Client, org: Org) -> None:
    org.faults.respond(500, "*", method="POST", skip=1)
    job = {"operation": "query", "query": "SELECT Id FROM User"}
    assert api.get("/limits").status_code == 200
    assert [api.post("/jobs/query", json=job).status_code for _ in range(3)] == [200, 500, 200]


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_dropped_connection(api: httpx.Client, org: Org, lead_ids: list[str], when: str, done: bool) -> None:
    org.faults.drop("*/sobjects/Lead/*", when=when)  # type: ignore[arg-type]
    path = f"/sobjects/Lead/{lead_ids[0]}"
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.patch(path, json={"City": f"Dropped {when}"})
    assert bool(org.store.records("Lead", "City = ?", (f"Dropped {when}",))) is done
    assert org.calls.find("PATCH")[-1].status == 0
    assert api.patch(path, json={"City": "Well"}).status_code == 204


def test_truncated_body(api: httpx.Client, org: Org) -> None:
    org.faults.truncate(100, "*/describe")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/sobjects/Lead/describe")
    assert api.get("/sobjects/Lead/describe").status_code == 200


def test_delay(api: httpx.Client, org: Org) -> None:
    org.faults.delay(5, "*/limits")
    with pytest.raises(httpx.ReadTimeout):
        api.get("/limits", timeout=0.05)
    assert api.get("/limits").status_code == 200


def test_rows_that_a_trigger_refuses(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ask Sam first")
    org.faults.fail_rows(lead_ids[:1], error)
    for _ in range(2):
        answer = api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"City": "A"})
        assert answer.json() == [{"message": "Ask Sam first", "errorCode": error.code, "fields": []}]


def test_daily_limit(api: httpx.Client, org: Org) -> None:
    used = org.allowance.used(org.clock.now())
    org.allowance.maximum = used + 2
    assert api.get("/limits").headers["sforce-limit-info"] == f"api-usage={used + 1}/{used + 2}"
    assert api.get("/limits").json()["DailyApiRequests"] == {"Max": used + 2, "Remaining": 0}
    refused = api.get("/limits")
    assert refused.status_code == 403
    assert refused.json() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]  # fmt: skip
    org.clock.advance(25 * 3600)
    org.sessions.expire_access()
    assert org.allowance.used(org.clock.now()) == 0


def test_api_disabled(api: httpx.Client, org: Org) -> None:
    org.set_permission("PermissionsApiEnabled", False)
    answer = api.get("/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "API_DISABLED_FOR_ORG")


def test_log_of_calls_keeps_no_secret(api: httpx.Client, org: Org) -> None:
    api.get("/query", params={"q": "SELECT Id FROM User"}, headers={"Sforce-Call-Options": "client=Test"})
    (call,) = org.calls.find("GET", "*/query")
    assert (call.status, call.bytes_in) == (200, 0)
    assert call.bytes_out > 0
    assert call.query == "q=SELECT+Id+FROM+User"
    assert call.headers["sforce-call-options"] == "client=Test"
    assert call.headers["authorization"] == "Bearer"


def test_headers_of_the_edge(api: httpx.Client, org: Org) -> None:
    answer = api.get("/limits")
    assert answer.headers["server"] == "sfdcedge"
    assert answer.headers["cache-control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
    assert answer.headers["x-sfdc-request-id"] == answer.headers["x-request-id"]
    org.clock.advance(86_400 * 400)
    assert http_get(f"{org.url}/services/data").headers["date"].split()[3] == str(org.clock.now().year)


def test_compressed_requests_and_pretty_answers(api: httpx.Client, lead_ids: list[str]) -> None:
    body = gzip.compress(b'{"City": "Zipped"}')
    path = f"/sobjects/Lead/{lead_ids[0]}"
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert api.patch(path, content=body, headers=headers).status_code == 204
    assert api.patch(path, content=b"not gzip", headers=headers).status_code == 400
    assert "\n" in api.get(path, headers={"X-PrettyPrint": "1"}).text
    assert "\n" not in api.get(path, headers={"Accept-Encoding": "identity"}).text


def test_paths_and_methods_that_are_not_there(api: httpx.Client) -> None:
    missing = api.get("/nothing")
    assert (missing.status_code, missing.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    wrong = api.put("/limits")
    assert (wrong.status_code, wrong.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


def test_switches_over_http(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    admin = f"{org.url}/__emulator__"

    def switch(name: str, body: dict[str, object]) -> dict[str, object]:
        answer = http_post(f"{admin}/{name}", json=body)
        assert answer.status_code == 200, answer.text
        state: dict[str, object] = answer.json()
        return state

    switch("faults", {"kind": "respond", "status": 502, "path": "*/limits", "times": None})
    assert [api.get("/limits").status_code for _ in range(2)] == [502, 502]
    error = {"code": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "Apex CPU time limit exceeded"}
    switch("faults", {"kind": "fail_rows", "record_ids": lead_ids[:1], "error": error})
    assert api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={}).json()[0]["errorCode"] == error["code"]
    assert http_post(f"{admin}/faults", json={"kind": "nonsense"}).status_code == 400
    assert http_post(f"{admin}/faults", json={"kind": "respond", "colour": 1}).status_code == 400
    httpx.delete(f"{admin}/faults", verify=NO_CERTIFICATES)
    assert api.get("/limits").status_code == 200
    switch("fields", {"object": "lead", "field": "fax", "hidden": True})
    assert org.schema.hidden() == [("Lead", "Fax")]
    state = switch("org", {"is_sandbox": False, "permissions": {"PermissionsModifyAllData": False}})
    assert state["permissions"] == {**org.permissions, "PermissionsModifyAllData": False}
    assert switch("org", {"daily_api_limit": 5, "bulk_running": False})["bulk_running"] is False
    switch("org", {"daily_api_limit": 100_000})
    state = switch("clock", {"freeze": "2030-01-01T00:00:00Z", "advance": 60})
    assert state["now"] == "2030-01-01T00:01:00+00:00"
    switch("tokens", {"expire": True, "rotation": True})
    assert api.get("/limits").status_code == 401
    assert org.sessions.rotation
    assert {call["path"] for call in http_get(f"{admin}/calls").json()} >= {"/services/data/v66.0/limits"}
    assert http_get(f"{admin}/state").json()["org"] == "sandbox"


def test_dropped_while_the_request_arrives(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.faults.drop("*/sobjects/Lead/*", when="during")
    path = f"/sobjects/Lead/{lead_ids[0]}"
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)):
        api.patch(path, json={"City": "Half"})
    assert not org.store.records("Lead", "City = ?", ("Half",))
    assert api.patch(path, json={"City": "Whole"}).status_code == 204


@pytest.mark.parametrize("keep", [25, -25])
def test_corrupt_body(api: httpx.Client, org: Org, keep: int) -> None:
    org.faults.corrupt(keep, "*/describe")
    cut, whole = api.get("/sobjects/Lead/describe"), api.get("/sobjects/Lead/describe")
    assert (cut.status_code, whole.status_code) == (200, 200)
    assert cut.content == whole.content[:keep]


def test_session_that_ends_with_a_call(api: httpx.Client, org: Org) -> None:
    org.faults.expire("*/limits", skip=1)
    assert [api.get("/limits").status_code for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_a_held_call_ends_with_its_caller(
    api: httpx.Client, org: Org, lead_ids: list[str], when: str, done: bool
) -> None:
    held = org.faults.hold("*/sobjects/Lead/*", when=when)  # type: ignore[arg-type]
    path = f"/sobjects/Lead/{lead_ids[0]}"
    with pytest.raises(httpx.ReadTimeout):
        api.patch(path, json={"City": f"Held {when}"}, timeout=0.2)
    assert held.reached.wait(20)
    assert api.get(path).json()["City"] == (f"Held {when}" if done else org.store.records("Lead")[0]["City"])
    assert org.saves[lead_ids[0]] == int(done)


def test_a_held_call_goes_on_when_it_is_let_go(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    held = org.faults.hold("*/sobjects/Lead/*")
    path = f"/sobjects/Lead/{lead_ids[0]}"
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(api.patch, path, json={"City": "Waited for"})
        assert held.reached.wait(20)
        assert org.saves[lead_ids[0]] == 0
        held.release()
        assert calling.result(20).status_code == 204
    assert org.saves[lead_ids[0]] == 1
