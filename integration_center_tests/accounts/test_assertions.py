"""Sign-ins by a signed assertion (JWT)."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from integration_center.errors import (
    ConfigurationError,
)
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth import oauth
from integration_center.salesforce.auth.assertions import build_assertion, choose_audience
from integration_center.salesforce.auth.token_errors import AudienceRefused
from integration_center_tests.accounts.fake_salesforce import (
    APP,
    CLIENT_ID,
    ORG_ID,
    USERNAME,
    FakeSalesforce,
    oauth_error,
)

SECRET_FIELDS = ("client_secret", "refresh_token", "code", "code_verifier", "assertion", "token")
CALLBACK = "http://localhost:3001/oauth/callback"
SANDBOX = Environment.SANDBOX


def test_an_assertion_is_signed_for_the_login_host(signing_key: SecretStr) -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assertion = build_assertion(APP, USERNAME, signing_key, choose_audience(APP.login_url), now)
    token = jwt.decode(assertion.get_secret_value(), RSAKey.import_key(signing_key.get_secret_value()))
    assert token.header == {"alg": "RS256", "typ": "JWT"}
    assert token.claims == {
        "iss": CLIENT_ID,
        "sub": USERNAME,
        "aud": "https://test.salesforce.com",
        "exp": int(now.timestamp()) + 180,
    }


@pytest.mark.parametrize(
    ("login_url", "audience"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.my.site.com/partners", "https://acme.my.site.com/partners"),
        ("https://acme-dev-ed.develop.my.salesforce.com", "https://login.salesforce.com"),
    ],
)
def test_the_audience_is_the_login_host(login_url: str, audience: str) -> None:
    assert choose_audience(login_url) == audience


def test_a_key_that_is_none_is_not_repeated(salesforce: FakeSalesforce, client: httpx.Client) -> None:
    with pytest.raises(ConfigurationError, match="RSA private key") as caught:
        oauth.request_jwt(client, SANDBOX, APP, USERNAME, SecretStr("my-broken-key"))
    assert "my-broken-key" not in str(caught.value)
    assert salesforce.requests == []


def test_a_host_of_its_own_may_replace_the_login_host(
    client: httpx.Client, salesforce: FakeSalesforce, signing_key: SecretStr
) -> None:
    local = replace(APP, login_url="https://salesforce.acme.example")
    salesforce.refuse(oauth_error("invalid_grant", "Audience validation failed"))
    assert oauth.request_jwt(client, SANDBOX, local, USERNAME, signing_key).org_id == ORG_ID
    key = RSAKey.import_key(signing_key.get_secret_value())
    audiences = [jwt.decode(form["assertion"], key).claims["aud"] for form in salesforce.token_forms]
    assert audiences == [local.login_url, "https://test.salesforce.com"]
    salesforce.refuse(*[oauth_error("invalid_grant", "Audience validation failed")] * 2)
    with pytest.raises(AudienceRefused, match="My Domain, or to test"):
        oauth.request_jwt(client, SANDBOX, local, USERNAME, signing_key)


def test_a_jwt_request_carries_no_client_secret(
    client: httpx.Client, salesforce: FakeSalesforce, signing_key: SecretStr
) -> None:
    assert oauth.request_jwt(client, SANDBOX, APP, USERNAME, signing_key).org_id == ORG_ID
    (form,) = salesforce.token_forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert "client_secret" not in form
