"""What an org answers while an account is checked: each answer that is none keeps the account out, with a reason."""

import httpx
import pytest
import stamina

from integration_center.accounts.connecting import connect_client_credentials
from integration_center.accounts.store import AccountStore
from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    IntegrationCenterError,
    OrgError,
    RateLimited,
    ServiceUnavailable,
)
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.fake_salesforce import ORG_ID, FakeSalesforce, found
from integration_center_tests.salesforce.scripted import refuse


@pytest.mark.parametrize(
    ("answer", "expected", "match"),
    [
        (found(), OrgError, "has no record"),
        (found({"Id": ORG_ID, "Name": "Acme"}), ServiceUnavailable, "answer about the org lacks 'IsSandbox'"),
        (httpx.Response(429, headers={"Retry-After": "7"}), RateLimited, r"try again later \(HTTP 429\)"),
        (httpx.Response(420), RateLimited, r"try again later \(HTTP 420\)"),
        (httpx.Response(200, text="<html>"), ServiceUnavailable, r"cannot be read \(HTTP 200\)"),
        (httpx.Response(200, json=["x"]), OrgError, "has no record"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), IntegrationCenterError, "302"),
        (
            refuse(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
            RateLimited,
            "at once in this org",
        ),
        (
            refuse(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
            AccessRefused,
            r"has just given \(INVALID_SESSION_ID\).*API Access Control",
        ),
        (httpx.Response(410, text="<html>Gone</html>"), ConfigurationError, r"API version 66\.0 \(HTTP 410\)"),
        (refuse(400, "UNSUPPORTED_API_VERSION", "off"), ConfigurationError, r"API version 66\.0 \(HTTP 400\)"),
    ],
    ids=[
        *("no record", "no kind", "429", "420", "a page", "a list", "a redirect", "concurrency", "no API", "retired"),
        "unsupported",
    ],
)
def test_an_answer_about_the_org_that_is_none(
    settings: Settings,
    store: AccountStore,
    salesforce: FakeSalesforce,
    answer: httpx.Response,
    expected: type[Exception],
    match: str,
) -> None:
    salesforce.queries = {"Organization": answer}
    with stamina.set_testing(True, attempts=1), pytest.raises(expected, match=match) as caught:
        connect_client_credentials(Environment.SANDBOX, settings, store, connected_by="ann")
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == (7 if "429" in str(caught.value) else None)
    assert store.list() == ()


def test_a_line_that_breaks_names_the_host_alone(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("the token is 00D!AQ", request=request)

    monkeypatch.setattr(salesforce, "_query", break_off)
    with pytest.raises(ServiceUnavailable) as caught:
        connect_client_credentials(Environment.SANDBOX, settings, store, connected_by="ann")
    host = "acme--uat.sandbox.my.salesforce.com"
    assert str(caught.value) == f"Salesforce does not answer at {host} (ReadTimeout)"
    assert store.list() == ()
