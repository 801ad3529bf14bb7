import gzip
import json
import logging
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from typing import Any

import httpx
import pytest

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    LimitExceeded,
    OrgError,
    RateLimited,
    SchemaMismatch,
    ServiceUnavailable,
    UnderMaintenance,
)
from integration_center.insights.walkme_api.walkme import WalkMeApi
from integration_center.remote import (
    RetryPolicy,
    read_certificates,
    read_retry_after,
    trust_certificates,
    trust_certificates_soon,
)
from integration_center.salesforce.auth.oauth import build_client
from integration_center.salesforce.client.faults import AnswerLost, read_errors
from integration_center.salesforce.client.session import Session
from integration_center_tests.salesforce.scripted import Tokens, build_session, play, refuse

DEAD = refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")


def test_sends_the_token_the_client_name_and_no_assignment_rules_on_writes() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    with build_session(handle) as session:
        session.get_json("limits")
        session.request("PATCH", "composite/sobjects", json={"a": 1}, idempotent=False)
        session.request("PUT", "services/data/v66.0/jobs/ingest/1/batches", content=b"x", idempotent=False)
    assert [request.url.path for request in seen] == [
        "/services/data/v66.0/limits",
        "/services/data/v66.0/composite/sobjects",
        "/services/data/v66.0/jobs/ingest/1/batches",
    ]
    assert {request.headers["authorization"] for request in seen} == {"Bearer token-0"}
    assert {request.headers["sforce-call-options"] for request in seen} == {"client=IntegrationCenter"}
    assert [request.headers.get("sforce-auto-assign") for request in seen] == [None, "FALSE", "FALSE"]


def test_a_dead_session_is_renewed_once_for_all_threads_and_moves_to_the_new_instance() -> None:
    threads = 8
    together = threading.Barrier(threads)
    tokens = Tokens(dead_url="https://old.example", live_url="https://new.example")
    hosts: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer token-0":
            together.wait(timeout=20)  # every thread learns at the same time that its token is dead
            return refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
        hosts.append(request.url.host)
        return httpx.Response(200, json={"ok": True})

    with build_session(handle, tokens) as session, ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda _: session.get_json("limits"), range(threads)))
    assert answers == [{"ok": True}] * threads
    assert tokens.renewals == 1
    assert set(hosts) == {"new.example"}


def test_a_write_that_met_a_dead_session_is_sent_again_in_full() -> None:
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return DEAD if len(bodies) == 1 else httpx.Response(201)

    with build_session(handle) as session:
        session.request("PUT", "jobs/ingest/1/batches", content=lambda: iter([b"Id\n", b"1\n"]), idempotent=False)
    assert bodies == [b"Id\n1\n", b"Id\n1\n"]


def test_a_session_refused_after_its_renewal_means_maintenance_and_is_renewed_once() -> None:
    tokens = Tokens()
    said = pytest.raises(UnderMaintenance, match=r"org\.example .*maintenance; wait")
    with build_session(lambda request: DEAD, tokens) as session, said as caught:
        session.get_json("limits")
    assert "connect" not in str(caught.value)
    assert tokens.renewals == 1


def test_the_plain_text_of_identity_services_means_a_dead_session() -> None:
    tokens = Tokens()
    handler = play(httpx.Response(403, text="Bad_OAuth_Token"), httpx.Response(200, json={"sub": "x"}))
    with build_session(handler, tokens) as session:
        assert session.get_json("/services/oauth2/userinfo") == {"sub": "x"}
    assert tokens.renewals == 1


@pytest.mark.parametrize(
    "fault",
    [
        httpx.Response(429),
        httpx.Response(503, headers={"Retry-After": "7"}, json=[{"errorCode": "SERVER_UNAVAILABLE", "message": ""}]),
        httpx.Response(503, text="<html>Down for maintenance</html>"),
        httpx.Response(420, text=""),
        refuse(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        refuse(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
        refuse(403, "REQUEST_LIMIT_EXCEEDED", "Limite de ConcurrentPerOrgLongTxn excedido."),
        httpx.ConnectError("refused"),
    ],
    ids=["429", "503", "503 page", "420", "concurrent", "transactions", "in Portuguese", "connect"],
)
def test_what_was_never_carried_out_is_repeated_even_for_writes(fault: httpx.Response | Exception) -> None:
    with build_session(play(fault, httpx.Response(200, json={"ok": 1}))) as session:
        assert session.request("POST", "composite", json={}, idempotent=False).json() == {"ok": 1}
        assert session.usage.calls == 2
        assert session.usage.waits == 1


LOST: dict[str, httpx.Response | Exception] = {
    "500": httpx.Response(500, text=""),
    "502": httpx.Response(502, text="<html>Bad gateway</html>"),
    "html": httpx.Response(200, html="<html>Maintenance</html>"),
    "garbled": httpx.Response(200, content=b'{"a":', headers={"Content-Type": "application/json"}),
    "empty": httpx.Response(200),
    "404 page": httpx.Response(404, html="<html>No such site</html>"),
    "dropped": httpx.RemoteProtocolError("peer closed"),
    "timeout": httpx.ReadTimeout("slow"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_answer_is_repeated_only_where_that_is_safe(name: str) -> None:
    with build_session(play(LOST[name], httpx.Response(200, json={"ok": 1}))) as session:
        assert session.get_json("limits") == {"ok": 1}
    with build_session(play(LOST[name])) as session:
        with pytest.raises(AnswerLost):
            session.request("PATCH", "composite/sobjects", json={}, idempotent=False)
        assert session.usage.calls == 1


def test_retries_are_bounded_and_end_with_the_fault() -> None:
    with build_session(lambda request: httpx.Response(429)) as session:
        with pytest.raises(RateLimited):
            session.get_json("limits")
        assert session.usage.calls == 3
        assert session.usage.waits == 2


ODD_DATES = ("Wed, 21 Oct 9999999999999999999999 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2300")


def test_waits_double_and_follow_retry_after_up_to_a_bound() -> None:
    policy = RetryPolicy(wait_initial=1.0, wait_jitter=0.0, wait_max=5.0, retry_after_max=60.0)
    plain = ServiceUnavailable("x")
    assert [policy.wait(number, plain) for number in (1, 2, 3, 4, 9)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert policy.wait(1, RateLimited("x", retry_after=7.0)) == 7.0
    assert policy.wait(1, RateLimited("x", retry_after=3600.0)) == 60.0
    assert read_retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    odd = ("soon", "nan", "inf", "-inf", *ODD_DATES[:1])
    assert [read_retry_after({"Retry-After": value}) for value in odd] == [None] * 5


@pytest.mark.parametrize("asked", [0.0, 0.2, None])
def test_a_server_that_asks_for_no_wait_does_not_get_all_attempts_at_once(asked: float | None) -> None:
    policy = RetryPolicy(wait_initial=1.0, wait_jitter=0.0, wait_max=5.0)
    busy = RateLimited("x", retry_after=asked)
    assert [policy.wait(number, busy) for number in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_the_date_of_a_retry_counts_from_the_time_of_the_server(hours: int) -> None:
    sent = datetime.now(UTC) + timedelta(hours=hours)
    headers = httpx.Headers(
        {"Date": format_datetime(sent, usegmt=True), "Retry-After": format_datetime(sent + timedelta(seconds=9), True)}
    )
    assert read_retry_after(headers) == 9.0
    del headers["Date"]
    assert read_retry_after(headers) == pytest.approx(max(hours * 3600 + 9, 0), abs=5)


@pytest.mark.parametrize("moment", ODD_DATES)
def test_a_date_beyond_all_calendars_is_no_date(moment: str) -> None:
    answer = httpx.Response(200, json={"ok": 1}, headers={"Date": moment})
    with build_session(play(answer)) as session:
        assert session.get_json("limits") == {"ok": 1}
        assert session.usage.org_time is None


def test_the_daily_limit_is_terminal() -> None:
    with build_session(lambda _: refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")) as session:
        with pytest.raises(LimitExceeded):
            session.get_json("limits")
        assert session.usage.calls == 1


def test_a_missing_permission_is_no_session_fault_and_its_text_is_not_repeated() -> None:
    tokens = Tokens()
    handler = play(refuse(403, "INSUFFICIENT_ACCESS", "no access to jane@acme.test"))
    with build_session(handler, tokens) as session, pytest.raises(OrgError) as caught:
        session.get_json("sobjects/Lead/describe")
    assert (caught.value.code, caught.value.status, tokens.renewals) == ("INSUFFICIENT_ACCESS", 403, 0)
    assert "jane" not in str(caught.value)


def test_an_unknown_field_is_named() -> None:
    message = "\nSELECT Foo FROM Lead\n ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Lead'. If you"
    with build_session(play(refuse(400, "INVALID_FIELD", message))) as session, pytest.raises(SchemaMismatch) as caught:
        session.get_json("query", params={"q": "SELECT Foo FROM Lead"})
    assert "Lead has no field Foo" in str(caught.value)


def test_both_shapes_of_errors_are_read() -> None:
    array = read_errors(b'[{"message":"m","errorCode":"A","fields":["F"]}]')
    assert [(error.code, error.fields) for error in array] == [("A", ("F",))]
    assert [error.code for error in read_errors(b'{"error":"invalid_grant","error_description":"x"}')] == [
        "invalid_grant"
    ]
    assert read_errors(b"<html>") == ()
    assert "secret" not in repr(read_errors(b'[{"message":"secret","errorCode":"A"}]'))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("api-usage=21/15000", (21, 15000, None, None)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", (25, 5000, 17, 250)),
        ("per-app-api-usage=17/250(appName=a)", (None, None, 17, 250)),
        ("per-app-api-usage=17/250(appName=a); api-usage=25/5000", (25, 5000, 17, 250)),
        ("API-Usage = 25 / 5000", (25, 5000, None, None)),
        ("nonsense", (None, None, None, None)),
    ],
)
def test_the_limit_header_is_read_in_all_its_forms(
    header: str, expected: tuple[int | None, int | None, int | None, int | None]
) -> None:
    answer = httpx.Response(200, json={}, headers={"Sforce-Limit-Info": header})
    with build_session(play(answer)) as session:
        session.get_json("limits")
        usage = session.usage
    assert (usage.daily_used, usage.daily_max, usage.app_used, usage.app_max) == expected
    left = {allowance.of: (allowance.maximum, allowance.left) for allowance in usage.allowances}
    pairs = {"org": expected[:2], "connected app": expected[2:]}
    assert left == {of: (most, most - used) for of, (used, most) in pairs.items() if used is not None and most}


def test_bytes_are_counted_as_on_the_wire() -> None:
    content = gzip.compress(json.dumps({"rows": ["x" * 1000] * 20}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "gzip"
        return httpx.Response(200, stream=httpx.ByteStream(content), headers=headers)

    with build_session(handle) as session:
        session.request("POST", "composite", content=b"12345", idempotent=True)
        assert session.usage.bytes_sent == 5
        assert session.usage.bytes_received == len(content)


def test_a_download_that_breaks_starts_over() -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield b"Id\n" + b"1\n" * 200_000
            raise httpx.RemoteProtocolError("peer closed connection")

    answers = play(httpx.Response(200, stream=Broken()), httpx.Response(200, content=b"Id\n1\n", headers={"X-A": "b"}))
    file = BytesIO()
    with build_session(answers) as session:
        headers = session.download("jobs/query/1/results", file)
    assert file.read() == b"Id\n1\n"
    assert headers["x-a"] == "b"


def test_an_upload_is_answered_without_a_body() -> None:
    with build_session(play(httpx.Response(201, headers={"Content-Type": "application/json"}))) as session:
        assert session.request("PUT", "jobs/ingest/1/batches", content=b"x", idempotent=False).status_code == 201


def test_an_address_that_is_too_long_is_refused_for_good() -> None:
    answer = httpx.Response(414, html="<html>URI too long</html>")
    with build_session(play(answer)) as session, pytest.raises(OrgError, match="address is too long"):
        session.get_json("query")


def test_the_token_goes_to_no_other_host() -> None:
    with build_session(lambda request: httpx.Response(200, json={})) as session:
        for path in ("https://evil.example/services/data", "//evil.example/x"):
            with pytest.raises(OrgError, match="another host"):
                session.get_json(path)
        assert session.usage.calls == 0


def test_no_token_or_body_in_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"Illegal header value {request.headers['authorization']}")

    with caplog.at_level(logging.DEBUG), build_session(handle) as session, pytest.raises(AnswerLost) as caught:
        session.request("POST", "composite", json={"q": "jane@acme.test"}, idempotent=True)
    assert caught.value.__cause__ is None
    assert "token-0" not in caplog.text + str(caught.value)
    assert "jane" not in caplog.text


def test_the_certificates_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def count(*args: Any, **options: Any) -> ssl.SSLContext:
        read.append(create(*args, **options))
        return read[-1]

    monkeypatch.setattr(ssl, "create_default_context", count)
    read_certificates.cache_clear()
    trust_certificates_soon()  # as a command does that runs a sync
    with (
        Session(Tokens()),
        Session(Tokens()),
        build_client(),
        WalkMeApi("https://api.example", "id", "secret").session(),
    ):
        assert read == [trust_certificates()]
    assert read[0].verify_mode is ssl.CERT_REQUIRED
    assert read[0].check_hostname


def test_certificates_that_cannot_be_read_are_named_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    read_certificates.cache_clear()
    trust_certificates_soon()
    with pytest.raises(FileNotFoundError):
        trust_certificates()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert trust_certificates().verify_mode is ssl.CERT_REQUIRED


def test_an_address_of_the_own_instance_may_be_absolute() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    with build_session(handle) as session:
        instance = session.instance_url
        session.get_json(f"{instance}/services/data/v66.0/query/01gD0000002HU6KIAW-2000")
        with pytest.raises(OrgError, match="another host"):
            session.get_json(f"{instance}.evil.example/x")
    assert len(seen) == 1
    assert seen[0] == f"{instance}/services/data/v66.0/query/01gD0000002HU6KIAW-2000"


def test_an_empty_created_may_be_called_a_web_page() -> None:
    """Gateways give bodies without a type, and some empty ones, the type `text/html`."""
    created = httpx.Response(201, content=b"", headers={"content-type": "text/html; charset=utf-8"})
    with build_session(play(created)) as session:
        answer = session.request("PUT", "jobs/ingest/1/batches", content=b"x", idempotent=False)
    assert answer.status_code == 201


def test_a_download_is_distinguished_from_a_web_page_by_its_content() -> None:
    html = {"content-type": "text/html; charset=utf-8"}
    table = httpx.Response(200, content=b'"Id"\n"00Q"\n', headers=html)
    page = httpx.Response(200, content=b"  <html>maintenance</html>", headers=html)
    with build_session(play(page, table)) as session:
        sink = BytesIO()
        session.download("jobs/query/1/results", sink)
    assert sink.getvalue() == b'"Id"\n"00Q"\n'


def test_a_download_to_a_full_disk_says_so() -> None:
    class Full(BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    answer = httpx.Response(200, content=b"Id\n1\n")
    said = "the disk is full; free some space.*TMPDIR can name another one"
    with build_session(play(answer)) as session, pytest.raises(ConfigurationError, match=said):
        session.download("jobs/query/1/results", Full())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_redirected_call_is_one_sentence_and_no_retry(status: int, method: str) -> None:
    answer = httpx.Response(status, headers={"Location": "https://evil.example/x"}, text="<html>moved</html>")
    with build_session(play(answer)) as session, pytest.raises(AccessRefused, match=r"has moved.*connect the account"):
        session.request(method, "limits", idempotent=method == "GET")
