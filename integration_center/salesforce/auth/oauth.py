"""Make the calls of Salesforce's OAuth 2.0: web-server flow with PKCE, client credentials, refresh, revoke, userinfo.

Only pure builders and single calls, without the database. reference/salesforce-api.md, section 1, describes the
protocol and its traps.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from integration_center.errors import AccessRefused, ConfigurationError, RateLimited, ServiceUnavailable
from integration_center.integration.spec import Environment
from integration_center.remote import RetryPolicy, read_retry_after, trust_certificates
from integration_center.salesforce.auth.assertions import build_assertion, choose_audience
from integration_center.salesforce.auth.grants import Grant, read_grant
from integration_center.salesforce.auth.token_errors import AudienceRefused, explain_refusal
from integration_center.salesforce.client.address import is_elsewhere, name_host
from integration_center.salesforce.client.faults import build_moved
from integration_center.settings import LOGIN_URLS, ExternalClientApp
from integration_center.wording.answers import Redactor, clean_answer, read_code

SCOPES = ("api", "refresh_token", "openid")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
VERIFIER_BYTES = 72  # 96 characters; RFC 7636 allows 43 to 128
STATE_BYTES = 36
PATIENCE = 20.0
"""Seconds that a connection to the token endpoint, and its answer, are waited for."""
SIGN_IN_POLICY = RetryPolicy(attempts=4, timeout=30.0, wait_max=5.0, retry_after_max=30.0, cap_retry_after=False)
"""A person waits for the answer to a sign-in."""
USERNAMES = ("preferred_username", "username", "email")
"""The keys under which userinfo names the user, the best first."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """Where to send the browser, and what to compare when it returns."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: SecretStr


@dataclass(frozen=True)
class UserInfo:
    """The user that a token acts as."""

    user_id: str
    org_id: str
    username: str


def build_client(seconds: float = PATIENCE, *, answer: float = PATIENCE) -> httpx.Client:
    """Build a client for OAuth calls. It follows no redirect, because a redirect would send secrets elsewhere.

    Args:
        seconds: how long a connection is waited for.
        answer: how long an answer is waited for.
    """
    return httpx.Client(
        verify=trust_certificates(),
        timeout=httpx.Timeout(seconds, read=answer),
        headers={"Accept": "application/json"},
        follow_redirects=False,
    )


def build_authorization(app: ExternalClientApp, callback_url: str) -> AuthorizationRequest:
    """Build a web-server authorization request with a fresh state and PKCE verifier (S256)."""
    state, verifier = secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(VERIFIER_BYTES)
    # RFC 7636, 4.2: base64 without its padding, of the SHA-256 of the verifier.
    challenge = urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")
    parameters = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": callback_url,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    url = f"{app.login_url}/services/oauth2/authorize?{urlencode(parameters)}"
    return AuthorizationRequest(url, state, SecretStr(verifier))


def exchange_code(
    client: httpx.Client,
    environment: Environment,
    app: ExternalClientApp,
    code: SecretStr,
    verifier: SecretStr,
    callback_url: str,
) -> Grant:
    """Exchange an authorization code for tokens.

    Raises:
        AccessRefused, ConfigurationError: see `explain_refusal`.
        TransientError: Salesforce did not answer. The call is not retried, because a code works only once.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code.get_secret_value(),
        "redirect_uri": callback_url,
        "code_verifier": verifier.get_secret_value(),
    }
    return _request_token(client, environment, app, form)


def request_client_credentials(client: httpx.Client, environment: Environment, app: ExternalClientApp) -> Grant:
    """Request a token for the app's own Run As user. Only the org's My Domain host gives such a token.

    Raises:
        AccessRefused, ConfigurationError: see `explain_refusal`.
        TransientError: Salesforce did not answer. The caller decides whether to try again.
    """
    return _request_token(client, environment, app, {"grant_type": "client_credentials"})


def request_jwt(
    client: httpx.Client, environment: Environment, app: ExternalClientApp, username: str, signing_key: SecretStr
) -> Grant:
    """Request an access token with a JWT signed by `signing_key` (PEM), on behalf of `username`.

    The app holds the certificate of the key.

    Raises:
        AccessRefused, ConfigurationError: see `explain_refusal`; also when the key is not an RSA private key.
        TransientError: Salesforce did not answer. The caller decides whether to try again.
    """
    # A host that is not Salesforce's own may expect its own name as audience, or that of Salesforce's login host.
    *others, last = dict.fromkeys((choose_audience(app.login_url), LOGIN_URLS[app.kind]))
    for audience in others:
        try:
            return _present(client, environment, app, build_assertion(app, username, signing_key, audience))
        except AudienceRefused:
            continue
    return _present(client, environment, app, build_assertion(app, username, signing_key, last))


def _present(client: httpx.Client, environment: Environment, app: ExternalClientApp, assertion: SecretStr) -> Grant:
    form = {"grant_type": JWT_BEARER, "assertion": assertion.get_secret_value()}
    return _request_token(client, environment, replace(app, client_secret=SecretStr("")), form)


def refresh(client: httpx.Client, environment: Environment, app: ExternalClientApp, refresh_token: SecretStr) -> Grant:
    """Request a new access token. With rotation on, the answer has a new refresh token, and the old one is invalid.

    Make only one such call at a time: using an old refresh token again ends the whole connection.

    Raises:
        AccessRefused, ConfigurationError: see `explain_refusal`.
        TransientError: Salesforce did not answer. The caller decides whether to try again.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}
    return _request_token(client, environment, app, form)


@SIGN_IN_POLICY.retry
def revoke(client: httpx.Client, environment: Environment, login_url: str, token: SecretStr) -> bool:
    """Revoke a token. Revoking a refresh token also revokes all its access tokens.

    Returns:
        False when the token was already invalid.

    Raises:
        AccessRefused, ConfigurationError: Salesforce refused; see `explain_refusal`.
        TransientError: Salesforce did not answer after several tries.
    """
    secret = token.get_secret_value()
    response = _post(client, f"{login_url}/services/oauth2/revoke", {"token": secret}, [secret])
    if response.status_code == httpx.codes.OK:
        return True
    if is_elsewhere(response.status_code, response.content):
        raise build_moved(response.status_code, name_host(login_url))
    error, description = _read_error(response)
    if error == "invalid_token":
        return False
    raise explain_refusal(error, description, environment, sent=[secret])


@SIGN_IN_POLICY.retry
def fetch_userinfo(client: httpx.Client, grant: Grant) -> UserInfo:
    """Fetch the user that the access token of `grant` acts as.

    Raises:
        AccessRefused: the token is no longer valid (userinfo answers with a 403 in plain text), or lacks the scope.
        TransientError: Salesforce did not answer after several tries.
    """
    headers = {"Authorization": f"Bearer {grant.access_token.get_secret_value()}"}
    try:
        answer = client.get(f"{grant.instance_url}/services/oauth2/userinfo", headers=headers)
    except httpx.TransportError as error:
        raise _no_answer(error, grant.instance_url) from None
    response = clean_answer(answer, Redactor([grant.access_token.get_secret_value()]))
    _raise_if_overloaded(response)
    if httpx.codes.is_redirect(response.status_code):
        raise build_moved(response.status_code, name_host(grant.instance_url))
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        if "Bad_OAuth_Token" in response.text:
            raise AccessRefused("Salesforce does not accept the access token (Bad_OAuth_Token); connect again")
        raise AccessRefused("Salesforce does not say who is signed in; add the scope openid to the External Client App")
    content = _read_object(response)
    # Older answers lack some of the keys; the grant's identity URL names the same user and org.
    username = next((content[name] for name in USERNAMES if content.get(name)), None)
    if username is None:
        raise ServiceUnavailable("Salesforce's userinfo answer lacks a username")
    user_id, org_id = content.get("user_id") or grant.user_id, content.get("organization_id") or grant.org_id
    return UserInfo(str(user_id), str(org_id), str(username))


def _request_token(
    client: httpx.Client, environment: Environment, app: ExternalClientApp, form: Mapping[str, str]
) -> Grant:
    secret = app.client_secret.get_secret_value()
    # In the body rather than by HTTP Basic: every External Client App accepts that, whatever its policy.
    sent = {**form, "client_id": app.client_id, **({"client_secret": secret} if secret else {})}
    secrets = [sent[name] for name in sent if name not in {"grant_type", "redirect_uri", "client_id"}]
    response = _post(client, f"{app.login_url}/services/oauth2/token", sent, secrets)
    if is_elsewhere(response.status_code, response.content):
        raise ConfigurationError(
            f"{name_host(app.login_url)} is not a login URL (HTTP {response.status_code}), and nothing was sent to"
            " another host",
            setting=f"if the org's My Domain was renamed, set SALESFORCE_{environment.name}_LOGIN_URL to the new one,"
            f" or to {LOGIN_URLS[app.kind]}",
        )
    if response.status_code != httpx.codes.OK:
        error, description = _read_error(response)
        raise explain_refusal(error, description, environment, sent=secrets)
    return read_grant(_read_object(response), app, sent=secrets)


def _post(client: httpx.Client, url: str, form: Mapping[str, str], secrets: Sequence[str]) -> httpx.Response:
    """Post a form. `secrets` are removed from a refusal. A success holds new secrets, which its reader protects."""
    try:
        response = client.post(url, data=dict(form))
    except httpx.TransportError as error:
        # Without the cause, because its request has the secrets in the body.
        raise _no_answer(error, url) from None
    _raise_if_overloaded(response)
    return response if response.is_success else clean_answer(response, Redactor(secrets))


def _no_answer(error: httpx.TransportError, url: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"Salesforce does not answer at {name_host(url)} ({type(error).__name__}); check the login URL and the network"
    )


def _raise_if_overloaded(response: httpx.Response) -> None:
    status = response.status_code
    if status in {420, httpx.codes.TOO_MANY_REQUESTS}:
        raise RateLimited(
            f"Salesforce asks to try again later (HTTP {status})",
            retry_after=read_retry_after(response.headers),
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ServiceUnavailable(f"Salesforce's sign-in service failed (HTTP {status})")


def _read_error(response: httpx.Response) -> tuple[str, str]:
    content = _read_object(response)
    error = read_code(content.get("error")) or f"HTTP {response.status_code}"
    return error, str(content.get("error_description", ""))


def _read_object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        host = name_host(str(response.request.url))
        raise ServiceUnavailable(
            f"{host} does not answer as Salesforce's sign-in does (HTTP {response.status_code}, not a JSON object); if"
            " this lasts, check the login URL"
        )
    return content
