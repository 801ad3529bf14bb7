import gzip
import json

import httpx
import pytest

from integration_center.errors import OrgError
from integration_center.salesforce.client.compression import SMALLEST
from integration_center.salesforce.client.faults import AnswerLost
from integration_center_tests.salesforce.scripted import build_session, refuse

LONG, SHORT = {"rows": "x" * SMALLEST}, {"rows": "x"}


class Gateway:
    """An org that gives a set answer to compressed requests, and answers others well; it remembers how each came."""

    def __init__(self, answer: httpx.Response | httpx.RequestError | None = None) -> None:
        self.answer = answer
        self.seen: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        encoding = request.headers.get("content-encoding", "plain")
        self.seen.append(encoding)
        body = request.read()
        assert int(request.headers["content-length"]) == len(body)
        answer = self.answer if encoding == "gzip" else None
        if isinstance(answer, httpx.RequestError):
            raise answer
        if answer is not None:
            return answer
        return httpx.Response(200, json=json.loads(gzip.decompress(body) if encoding == "gzip" else body))


def test_long_requests_are_compressed_and_short_ones_are_not() -> None:
    org = Gateway()
    with build_session(org) as session:
        for body in (LONG, SHORT, LONG):
            assert session.request("POST", "composite", json=body, idempotent=False).json() == body
        assert session.usage.bytes_sent < SMALLEST
    assert org.seen == ["gzip", "plain", "gzip"]


@pytest.mark.parametrize("answer", [refuse(415, "UNSUPPORTED_MEDIA_TYPE"), refuse(400, "JSON_PARSER_ERROR")])
def test_an_org_that_cannot_read_compressed_requests_gets_them_as_they_are_from_then_on(answer: httpx.Response) -> None:
    org = Gateway(answer)
    with build_session(org) as session:
        for _ in range(2):
            assert session.request("PATCH", "composite/sobjects", json=LONG, idempotent=False).json() == LONG
    assert org.seen == ["gzip", "plain", "plain"]


def test_once_a_compressed_request_was_read_a_refusal_means_what_it_says() -> None:
    org = Gateway()
    with build_session(org) as session:
        session.request("POST", "composite", json=LONG, idempotent=False)
        org.answer = refuse(400, "JSON_PARSER_ERROR")
        with pytest.raises(OrgError, match="JSON_PARSER_ERROR"):
            session.request("POST", "composite", json=LONG, idempotent=False)
    assert org.seen == ["gzip", "gzip"]


def test_refused_rows_are_no_refusal_of_the_compression() -> None:
    rows = [{"success": False, "errors": []}]
    org = Gateway(httpx.Response(400, json=rows))
    with build_session(org) as session:
        response = session.request("PATCH", "composite/sobjects", json=LONG, idempotent=False, rows_may_fail=True)
    assert response.json() == rows
    assert org.seen == ["gzip"]


def test_a_gateway_that_breaks_on_a_compressed_write_is_not_sent_it_twice() -> None:
    """Whether the write was carried out is not known, so the caller has to look; what it sends then is plain."""
    org = Gateway(httpx.Response(500))
    with build_session(org) as session:
        with pytest.raises(AnswerLost):
            session.request("PATCH", "composite/sobjects", json=LONG, idempotent=False)
        assert session.request("PATCH", "composite/sobjects", json=LONG, idempotent=False).json() == LONG
    assert org.seen == ["gzip", "plain"]


BROKEN = [
    *(pytest.param(httpx.Response(status), id=str(status)) for status in (500, 502, 503)),
    pytest.param(httpx.RemoteProtocolError("Server disconnected"), id="connection cut"),
    pytest.param(httpx.ReadTimeout("no answer"), id="no answer"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_gateway_that_breaks_on_a_compressed_read_gets_it_plain(
    broken: httpx.Response | httpx.RequestError,
) -> None:
    org = Gateway(broken)
    with build_session(org) as session:
        assert session.request("POST", "composite", json=LONG, idempotent=True).json() == LONG
    assert org.seen == ["gzip", "plain"]
