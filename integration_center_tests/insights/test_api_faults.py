"""The source over the API when sign-in, permission, server or network fail."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    IntegrationCenterError,
    RateLimited,
    ReportError,
    ServiceUnavailable,
    TransientError,
    UnknownReport,
)
from integration_center.insights.source import Report
from integration_center.insights.walkme_api.api import ApiSource
from integration_center_tests.insights.walkme_double import ID, REPORTS, SECRET, WalkMeDouble, refuse

TOKEN = "/accounts/connect/token"


def read(source: ApiSource) -> Report:
    return source.read(source.find("logins"), date(2026, 11, 22))


def test_the_token_is_kept_over_calls_and_renewed_once_when_refused() -> None:
    walkme = WalkMeDouble()
    source = walkme.source()
    read(source)
    read(source)
    assert walkme.counts[TOKEN] == 1
    walkme.live = "token-2"
    read(source)
    assert walkme.counts[TOKEN] == 2


@pytest.mark.parametrize("life", [None, 86400.0, "86400", 0.5e5, "soon", "NaN", float("1e9")])
def test_a_token_whose_life_is_given_oddly_or_not_is_used(life: object) -> None:
    walkme = WalkMeDouble()
    walkme.token_changes = {"expires_in": life}
    source = walkme.source()
    read(source)
    read(source)
    assert walkme.counts[TOKEN] == 1


def test_a_new_token_that_is_refused_too_ends_it() -> None:
    walkme = WalkMeDouble()
    walkme.first = [refuse(401, "unauthorized"), refuse(401, "unauthorized")]
    with pytest.raises(AccessRefused, match="401 'unauthorized', request 'req-7', also with a new token"):
        walkme.source().list_reports()
    assert walkme.counts == {TOKEN: 2, REPORTS: 2}


def test_wrong_credentials_say_what_to_do_without_the_secret() -> None:
    walkme = WalkMeDouble()
    client = httpx.Client(transport=httpx.MockTransport(walkme.answer))
    source = ApiSource("https://x.example", ID, "wrong-secret", "guid", client=client)
    with pytest.raises(AccessRefused, match="Admin > Access Management > API Keys") as error:
        source.list_reports()
    assert len(walkme.requests) == 1
    for hidden in ("wrong-secret", ID):
        assert hidden not in f"{error.value}{source!r}{error.value.__cause__!r}"


@pytest.mark.parametrize(
    ("status", "error_type", "expected"),
    [
        (400, ReportError, "request 'req-7'"),
        (403, AccessRefused, "lacks the permission to read Insights reports"),
        (404, UnknownReport, "check the system GUID"),
        (302, ConfigurationError, "redirect"),
    ],
)
def test_a_refusal_is_final_and_quotes_no_message(status: int, error_type: type[Exception], expected: str) -> None:
    walkme = WalkMeDouble()
    walkme.first = [refuse(status, "some_code")]
    with pytest.raises(error_type, match=expected) as error:
        walkme.source().list_reports()
    assert walkme.counts[REPORTS] == 1
    assert "'some_code'" in str(error.value)
    assert "ada@example.com" not in str(error.value)


@pytest.mark.parametrize(
    "passing",
    [
        refuse(429, "slow_down"),
        refuse(500, "internal"),
        refuse(503, "busy"),
        httpx.Response(502, text="<html>"),
        httpx.Response(200, content=b'{"reports": ['),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"items": []}),
        httpx.Response(200, json={"reports": [{"id": "x"}]}),
        httpx.Response(200, json={"reports": ["x"]}),
        httpx.ReadTimeout("late"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("closed"),
    ],
    ids=repr,
)
def test_what_may_pass_is_transient(passing: httpx.Response | Exception) -> None:
    walkme = WalkMeDouble()
    walkme.first = [passing] * 50
    with pytest.raises(TransientError):
        walkme.source().list_reports()


@pytest.mark.parametrize(
    "passing", [refuse(503, "busy"), httpx.Response(200, text="{"), httpx.ReadTimeout("late")], ids=repr
)
def test_what_has_passed_leaves_no_trace(passing: httpx.Response | Exception) -> None:
    walkme = WalkMeDouble()
    walkme.first = [passing] * 3
    assert [info.slug for info in walkme.source().list_reports()] == ["logins"]
    assert walkme.counts[REPORTS] == 3 + 2, "the list ends with an empty page"


class Waits:
    """Records how long the client would wait, instead of waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.planned: list[float] = []
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        stamina.set_testing(False)
        set_on_retry_hooks([self.note])

    def note(self, details: RetryDetails) -> None:
        self.planned.append(details.wait_for)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    yield Waits(monkeypatch)
    set_on_retry_hooks(None)


def test_retry_after_in_seconds_is_waited_for(waits: Waits) -> None:
    walkme = WalkMeDouble()
    walkme.first = [refuse(429, "slow", **{"Retry-After": "17"}), refuse(503, "busy", **{"Retry-After": "0"})]
    walkme.source().list_reports()
    assert waits.planned == [17.0, pytest.approx(1.25, abs=0.25)]


def test_retry_after_as_a_date_is_waited_for(waits: Waits) -> None:
    walkme = WalkMeDouble()
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    walkme.first = [refuse(429, "slow", **{"Retry-After": at})]
    walkme.source().list_reports()
    assert waits.planned == [pytest.approx(60, abs=5)]


def test_a_wait_beyond_patience_is_left_to_the_caller(waits: Waits) -> None:
    walkme = WalkMeDouble()
    walkme.first = [refuse(429, "slow", **{"Retry-After": "7200"})]
    with pytest.raises(RateLimited) as error:
        walkme.source().list_reports()
    assert error.value.retry_after == 7200
    assert waits.planned == []


def test_tries_are_bounded(waits: Waits) -> None:
    walkme = WalkMeDouble()
    walkme.first = [refuse(503, "busy")] * 50
    with pytest.raises(ServiceUnavailable):
        walkme.source().list_reports()
    assert walkme.counts[REPORTS] == 6


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("form", ["{}", "BAD_{}", "Bearer {}"])
def test_no_refusal_of_the_api_repeats_the_token_or_the_secret(status: int, form: str) -> None:
    walkme = WalkMeDouble()
    walkme.live = "eyJhbGciOiJSUzI1NiJ9-kq3sVbW1xT9zLr0QmYpNcHdGfSuXeV7"
    repeated = form.format(walkme.live)
    body = {"error": {"code": repeated, "message": repeated}, "requestId": walkme.live}
    walkme.first = [httpx.Response(status, json=body)] * 20
    with pytest.raises(IntegrationCenterError) as caught:
        walkme.source().list_reports()
    assert "kq3sVbW1xT9z" not in f"{caught.value} {vars(caught.value)}"
    basic = httpx.BasicAuth(ID, SECRET)._auth_header
    walkme.answer = lambda request: httpx.Response(503, json={"error": {"code": basic}, "requestId": SECRET})  # type: ignore[method-assign]
    with pytest.raises(IntegrationCenterError) as caught:
        walkme.source().list_reports()
    assert basic.split()[1][10:] not in str(caught.value)
    assert SECRET not in str(caught.value)
