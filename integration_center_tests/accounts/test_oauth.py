import base64
import hashlib
import re
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import respx
from pydantic import SecretStr

from integration_center.errors import (
    AccessRefused,
    AppBlocked,
    AppNotInstalled,
    ConfigurationError,
    ConnectionEnded,
    IntegrationCenterError,
    RateLimited,
    ServiceUnavailable,
    SignInOver,
    UnderMaintenance,
)
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth import oauth
from integration_center.salesforce.auth.grants import Grant
from integration_center.salesforce.auth.token_errors import AudienceRefused
from integration_center_tests.accounts.fake_salesforce import (
    APP,
    CLIENT_ID,
    CLIENT_SECRET,
    INSTANCE_URL,
    LOGIN_URL,
    ORG_ID,
    USER_ID,
    USERNAME,
    FakeSalesforce,
    RefusedRefresh,
    oauth_error,
)

SECRET_FIELDS = ("client_secret", "refresh_token", "code", "code_verifier", "assertion", "token")
CALLBACK = "http://localhost:3001/oauth/callback"
SANDBOX = Environment.SANDBOX


def test_an_authorization_request_carries_pkce_state_and_scopes() -> None:
    request = oauth.build_authorization(APP, CALLBACK)
    parts = urlsplit(request.url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}

    digest = hashlib.sha256(request.verifier.get_secret_value().encode()).digest()
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token openid",
        "state": request.state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{LOGIN_URL}/services/oauth2/authorize"
    assert 43 <= len(request.verifier.get_secret_value()) <= 128


def test_every_authorization_request_is_new() -> None:
    one, two = oauth.build_authorization(APP, CALLBACK), oauth.build_authorization(APP, CALLBACK)
    assert one.state != two.state
    assert one.verifier != two.verifier
    assert one.state not in repr(one)


def test_a_grant_is_read_from_the_answer(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    grant = oauth.request_client_credentials(client, SANDBOX, APP)

    assert (grant.org_id, grant.user_id, grant.instance_url) == (ORG_ID, USER_ID, INSTANCE_URL)
    assert grant.issued_at == datetime.fromtimestamp(1763900000, UTC)
    assert grant.scopes == ("refresh_token", "api", "openid")
    assert grant.refresh_token is None
    assert salesforce.token_forms == [
        {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    ]
    (request,) = salesforce.requests
    assert request.url.query == b""


@pytest.mark.parametrize(
    ("changes", "expected", "match"),
    [
        ({"instance_url": "http://evil.example"}, AccessRefused, "'evil.example'"),
        ({"instance_url": "javascript:alert(1)"}, AccessRefused, "unreadable address"),
        ({"token_type": "DPoP"}, AccessRefused, "DPoP"),
        ({"access_token": None}, ServiceUnavailable, "lacks access_token"),
        ({"id": "https://login.salesforce.com/"}, ServiceUnavailable, "names no org"),
        ({"id": "https://login.salesforce.com/id/00Dx/005x"}, ServiceUnavailable, "names no org"),
    ],
)
def test_a_doubtful_answer_is_refused(
    client: httpx.Client,
    salesforce: FakeSalesforce,
    changes: dict[str, object],
    expected: type[IntegrationCenterError],
    match: str,
) -> None:
    salesforce.changes = changes
    with pytest.raises(expected, match=match):
        oauth.request_client_credentials(client, SANDBOX, APP)


@pytest.mark.parametrize(
    "changes", [{"signature": "bm90IHRoZSBzaWduYXR1cmU="}, {"issued_at": "1763900000001"}, {"signature": "ü"}]
)
def test_a_signature_that_is_not_ours_is_reported_and_signs_in(
    client: httpx.Client, salesforce: FakeSalesforce, caplog: pytest.LogCaptureFixture, changes: dict[str, object]
) -> None:
    salesforce.changes = changes
    assert oauth.request_client_credentials(client, SANDBOX, APP).org_id == ORG_ID
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "signature" in warning


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": None, "issued_at": None},
        {"signature": 5, "issued_at": 5},
        {"signature": "", "issued_at": "9" * 30},
        {"signature": None, "issued_at": [], "scope": None},
    ],
)
def test_a_signature_or_time_of_an_odd_kind_is_no_error(
    client: httpx.Client, salesforce: FakeSalesforce, changes: dict[str, object]
) -> None:
    salesforce.changes = changes
    grant = oauth.request_client_credentials(client, SANDBOX, APP)
    assert grant.issued_at.tzinfo is UTC
    assert "None" not in grant.scopes


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost", "org.localhost"])
def test_an_instance_on_this_machine_is_fine(client: httpx.Client, salesforce: FakeSalesforce, host: str) -> None:
    salesforce.changes = {"instance_url": f"http://{host}:8123/"}
    grant = oauth.request_client_credentials(client, SANDBOX, replace(APP, login_url="http://localhost:8122"))
    assert grant.instance_url == f"http://{host}:8123"


@pytest.mark.parametrize("host", ["127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "128.0.0.1"])
def test_an_instance_that_only_looks_like_this_machine_is_refused(
    client: httpx.Client, salesforce: FakeSalesforce, host: str
) -> None:
    salesforce.changes = {"instance_url": f"http://{host}:8123/"}
    with pytest.raises(AccessRefused, match=f"'{re.escape(host)}:8123'"):
        oauth.request_client_credentials(client, SANDBOX, replace(APP, login_url="http://localhost:8122"))


ELSEWHERE = ["https://evil.example", "https://ann@acme.my.salesforce.com", "http://127.0.0.1:8123"]


@pytest.mark.parametrize("instance_url", ELSEWHERE)
def test_no_flow_sends_a_token_to_another_host(
    client: httpx.Client, salesforce: FakeSalesforce, signing_key: SecretStr, instance_url: str
) -> None:
    salesforce.changes = {"instance_url": instance_url}
    salesforce.refresh_token = "5Aep861.refresh"
    request = oauth.build_authorization(APP, CALLBACK)
    salesforce.code = ("code", parse_qs(request.url)["code_challenge"][0], CALLBACK)
    flows: list[Callable[[], Grant]] = [
        lambda: oauth.request_client_credentials(client, SANDBOX, APP),
        lambda: oauth.request_jwt(client, SANDBOX, APP, USERNAME, signing_key),
        lambda: oauth.refresh(client, SANDBOX, APP, SecretStr("5Aep861.refresh")),
        lambda: oauth.exchange_code(client, SANDBOX, APP, SecretStr("code"), request.verifier, CALLBACK),
    ]
    for flow in flows:
        with pytest.raises(AccessRefused, match="INTEGRATION_CENTER_SALESFORCE_HOSTS"):
            flow()
    assert {str(request.url) for request in salesforce.requests} == {f"{LOGIN_URL}/services/oauth2/token"}
    assert len(salesforce.requests) == len(flows)


@pytest.mark.sampled
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("wrap", ["{}", "BAD_{}", "invalid_grant {}", "\x1b[2J{}"])
def test_no_refusal_repeats_what_was_sent_in_code_or_description(
    client: httpx.Client, signing_key: SecretStr, status: int, wrap: str
) -> None:
    def repeat(request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        secrets = " ".join(form[name] for name in SECRET_FIELDS if name in form)
        sent.append(secrets)
        return oauth_error(wrap.format(secrets.split()[-1]), f"not good: {secrets}", status)

    sent: list[str] = []
    code, verifier, token = map(SecretStr, ("aPrxCodeOfTheBrowser0123456789==", "verifier" * 12, "5Aep861.refresh.one"))
    flows: list[Callable[[], object]] = [
        lambda: oauth.request_client_credentials(client, SANDBOX, APP),
        lambda: oauth.request_jwt(client, SANDBOX, APP, USERNAME, signing_key),
        lambda: oauth.refresh(client, SANDBOX, APP, token),
        lambda: oauth.exchange_code(client, SANDBOX, APP, code, verifier, CALLBACK),
        lambda: oauth.revoke(client, SANDBOX, LOGIN_URL, token),
    ]
    for flow in flows:
        with respx.mock:
            respx.post(url__startswith=LOGIN_URL).mock(side_effect=repeat)
            with pytest.raises(IntegrationCenterError) as caught:
                flow()
        said = "".join(traceback.format_exception(caught.value))
        assert not any(secret in said for secret in sent[-1].split())
        assert "\x1b" not in said
    assert len(sent) >= len(flows)


def test_a_token_answer_that_puts_secrets_where_they_are_shown_is_cleaned(
    client: httpx.Client, salesforce: FakeSalesforce
) -> None:
    salesforce.changes = {
        "scope": f"api {CLIENT_SECRET} x1b[2J",
        "access_token": "00D000000000001!AQsecretsecretsecret",
    }
    grant = oauth.request_client_credentials(client, SANDBOX, APP)
    assert grant.scopes == ("api",)
    salesforce.changes["instance_url"] = "https://AQsecretsecretsecret.evil.example"
    with pytest.raises(AccessRefused, match=r"'\*\*\*\.evil\.example'"):
        oauth.request_client_credentials(client, SANDBOX, APP)


def test_a_listed_host_may_replace_the_org(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.changes = {"instance_url": "https://sf.acme.example/gateway"}
    app = replace(APP, instance_hosts=frozenset({"sf.acme.example"}))
    grant = oauth.request_client_credentials(client, SANDBOX, app)
    assert grant.instance_url == "https://sf.acme.example/gateway"


@pytest.mark.parametrize(
    ("error", "description", "expected", "match"),
    [
        ("invalid_grant", "expired access/refresh token", ConnectionEnded, "integration-center connect sandbox"),
        ("inactive_user", "user is inactive", ConnectionEnded, "reactivate"),
        ("inactive_org", "organization is inactive", ConnectionEnded, "reactivate"),
        ("invalid_client_id", "client identifier invalid", ConfigurationError, "10 minutes"),
        ("invalid_client", "invalid client credentials", ConfigurationError, "SALESFORCE_SANDBOX_CLIENT_SECRET"),
        ("invalid_client", "app must be installed into org", AppNotInstalled, "install"),
        (
            "invalid_grant",
            "request not supported on this domain",
            ConfigurationError,
            r"My Domain; set SALESFORCE_SANDBOX_LOGIN_URL",
        ),
        ("invalid_grant", "no client credentials user enabled", ConfigurationError, "Run As"),
        ("invalid_grant", "user hasn't approved this consumer", AccessRefused, "admin-approved"),
        ("invalid_grant", "Audience validation failed", AudienceRefused, "SALESFORCE_SANDBOX_LOGIN_URL"),
        ("invalid_grant", "invalid assertion", AccessRefused, "the key belongs to the certificate"),
        ("invalid_grant", "expired authorization code", SignInOver, "start again"),
        ("invalid_grant", "authentication failure", AccessRefused, "authentication failure"),
        ("invalid_request", "missing required code challenge", ConfigurationError, "PKCE"),
        ("redirect_uri_mismatch", "must match", ConfigurationError, "INTEGRATION_CENTER_CALLBACK_URL"),
        ("unsupported_grant_type", "grant type not supported", ConfigurationError, "flows"),
        ("rate_limit_exceeded", "too many", RateLimited, "try again"),
        ("unknown_error", "retry your request", ServiceUnavailable, "unknown_error"),
        ("server_error", "internal server error", ServiceUnavailable, "try again in a while"),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", AppBlocked, "admin unblock it"),
        ("oauth_app_blocked", "", AppBlocked, "admin unblock it"),
        ("OAUTH_APP_ACCESS_DENIED", "user is not admin approved", AppBlocked, "profile or permission set"),
        ("OAUTH_EC_APP_NOT_FOUND", "External client app is not installed in this org", AppNotInstalled, "install it"),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "An unexpected error", AppNotInstalled, "admin install the app"),
        ("OAUTH_SOMETHING_NEW", "", AccessRefused, "installed, not blocked, and approved"),
        ("org_policy_refused", "by a policy", AccessRefused, "Login History"),
        ("invalid_grant", "Org is in maintenance mode", UnderMaintenance, "wait for the end of the maintenance"),
    ],
)
def test_a_refusal_says_what_to_do(
    refused_refresh: RefusedRefresh,
    salesforce: FakeSalesforce,
    error: str,
    description: str,
    expected: type[IntegrationCenterError],
    match: str,
) -> None:
    said = refused_refresh(error, description, expected, match)
    assert "5Aep861" not in said
    if not issubclass(expected, ServiceUnavailable | RateLimited):
        assert "try again in a while" not in said  # waiting does not help
    assert len(salesforce.requests) == 1


def test_a_refusal_that_repeats_the_secrets_is_blotted_out(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(oauth_error("invalid_grant", f"bad {CLIENT_SECRET} and 5Aep861.refresh\r\nX: y" + "z" * 500))
    with pytest.raises(AccessRefused) as caught:
        oauth.refresh(client, SANDBOX, APP, SecretStr("5Aep861.refresh"))
    said = str(caught.value)
    assert "bad *** and ***" in said
    assert "\n" not in said
    assert len(said) < 300


def sign_in_again(client: httpx.Client) -> Grant:
    """Sign in as connecting does, which tries again."""
    return oauth.SIGN_IN_POLICY.retry(oauth.request_client_credentials)(client, SANDBOX, APP)


@pytest.mark.parametrize(
    "fault",
    [
        httpx.Response(503, text="<html>maintenance</html>"),
        httpx.Response(429, headers={"Retry-After": "1"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, text="<html>"),
        httpx.Response(400, json=[{"message": "odd"}]),
    ],
)
def test_a_passing_fault_is_tried_again(
    client: httpx.Client, salesforce: FakeSalesforce, fault: httpx.Response | httpx.TransportError
) -> None:
    salesforce.refuse(fault)
    assert sign_in_again(client).org_id == ORG_ID
    assert len(salesforce.requests) == 2


def test_a_lasting_fault_ends_as_transient(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.reachable = False
    with pytest.raises(ServiceUnavailable, match="ConnectError") as caught:
        sign_in_again(client)
    assert caught.value.__cause__ is None
    assert len(salesforce.requests) == 3


def test_the_wait_the_server_asks_for_is_kept_within_bounds() -> None:
    decide = oauth.SIGN_IN_POLICY.decide
    assert decide(RateLimited("wait", retry_after=3), 1) == 3
    assert decide(RateLimited("wait", retry_after=3600), 1) is False
    assert 0.5 <= decide(ServiceUnavailable("odd"), 1) <= 1
    assert decide(AccessRefused("no"), 1) is False


def test_a_code_is_sent_once(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(httpx.Response(503))
    with pytest.raises(ServiceUnavailable):
        oauth.exchange_code(client, SANDBOX, APP, SecretStr("code"), SecretStr("verifier"), CALLBACK)
    assert len(salesforce.requests) == 1


def test_a_redirect_is_not_followed(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))
    said = rf"{urlsplit(APP.login_url).netloc} is not a login URL.*My Domain.*SALESFORCE_SANDBOX_LOGIN_URL"
    with pytest.raises(ConfigurationError, match=said):
        oauth.request_client_credentials(client, SANDBOX, APP)
    assert len(salesforce.requests) == 1


def test_revoking_what_is_gone_is_no_error(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    access = oauth.request_client_credentials(client, SANDBOX, APP).access_token
    assert oauth.revoke(client, SANDBOX, LOGIN_URL, access) is True
    assert oauth.revoke(client, SANDBOX, LOGIN_URL, SecretStr("gone")) is False
    assert all(request.url.query == b"" for request in salesforce.requests)
    salesforce.refuse(oauth_error("unsupported_token_type", ""))
    with pytest.raises(ConfigurationError, match="cannot revoke"):
        oauth.revoke(client, SANDBOX, LOGIN_URL, access)


def test_userinfo_says_who_it_is(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    grant = oauth.request_client_credentials(client, SANDBOX, APP)
    assert oauth.fetch_userinfo(client, grant) == oauth.UserInfo(USER_ID, ORG_ID, USERNAME)


def test_a_dead_token_at_userinfo_is_a_403_of_plain_text(client: httpx.Client, salesforce: FakeSalesforce) -> None:
    grant = oauth.request_client_credentials(client, SANDBOX, APP)
    salesforce.access_tokens.clear()
    with pytest.raises(AccessRefused, match="Bad_OAuth_Token"):
        oauth.fetch_userinfo(client, grant)
