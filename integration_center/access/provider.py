"""Sign in by an OpenID Connect provider: the code flow with PKCE, a state and a nonce (OpenID Connect Core 1.0)."""

import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx

from integration_center.access.identities import Identity, Method, read_identity
from integration_center.access.signed_tokens import KeyRing, TokenCheck, build_client, fetch_object, read_object
from integration_center.errors import ConfigurationError, ServiceUnavailable, SignInRefused
from integration_center.settings import Settings
from integration_center.wording.addresses import check_url

DISCOVERY = "/.well-known/openid-configuration"
KEPT = 3_600.0
"""Seconds for which what the provider says of itself is used."""
WRONG_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
"""What a provider answers that does not accept the console's client id and secret."""
VERIFIER_BYTES, STATE_BYTES = 72, 32


@dataclass(frozen=True)
class BegunSignIn:
    """A sign-in that a browser has begun. The browser's own session keeps it until it comes back.

    Attributes:
        url: where the browser is sent.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Endpoints:
    """What the provider says of itself."""

    authorization: str
    token: str
    keys: KeyRing
    logout: str | None


@dataclass
class Provider:
    """The OpenID Connect provider of this installation.

    Args:
        settings: the settings.
        clock: seconds that only grow.
        now: the time in seconds since 1970.
    """

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    _endpoints: Endpoints | None = field(default=None, init=False)
    _fetched_at: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def begin(self, redirect_uri: str) -> BegunSignIn:
        """Begin a sign-in that comes back to `redirect_uri`.

        Raises:
            ServiceUnavailable: the provider does not answer.
            ConfigurationError: it is not set up as it should be.
        """
        endpoints = self._find_endpoints()
        state, nonce = secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(STATE_BYTES)
        verifier = secrets.token_urlsafe(VERIFIER_BYTES)
        challenge = urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")
        parameters = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.oidc_scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in endpoints.authorization else "?"
        return BegunSignIn(f"{endpoints.authorization}{joint}{urlencode(parameters)}", state, nonce, verifier)

    def finish(self, code: str, *, verifier: str, nonce: str, redirect_uri: str) -> Identity:
        """Exchange the code, and check the ID token that comes for it.

        Raises:
            SignInRefused: the code or the token is not good.
            ServiceUnavailable: the provider does not answer.
            ConfigurationError: the provider does not accept the console's client id and secret.
        """
        endpoints = self._find_endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.oidc_client_id,
            "code_verifier": verifier,
        }
        if secret := self.settings.oidc_client_secret.get_secret_value():
            form["client_secret"] = secret
        with build_client() as client:
            answer = read_object(lambda: check_grant(client.post(endpoints.token, data=form)), endpoints.token)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInRefused("the provider sent no ID token; ask for the scope openid")
        claims = self._check(endpoints).read(token)
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise SignInRefused("the sign-in belongs to another browser; begin again")
        return read_identity(claims, Method.PROVIDER, self.settings.groups_claim)

    def find_logout_url(self, back_to: str) -> str | None:
        """Find where the browser ends its session with the provider; None where the provider offers nothing."""
        try:
            logout = self._find_endpoints().logout
        except (ServiceUnavailable, ConfigurationError):
            return None  # signing out here must work without the provider
        if logout is None:
            return None
        parameters = {"client_id": self.settings.oidc_client_id, "post_logout_redirect_uri": back_to}
        return f"{logout}{'&' if '?' in logout else '?'}{urlencode(parameters)}"

    def _check(self, endpoints: Endpoints) -> TokenCheck:
        settings = self.settings
        return TokenCheck(endpoints.keys, settings.oidc_issuer, settings.oidc_client_id, self.now, for_client=True)

    def _find_endpoints(self) -> Endpoints:
        if not self.settings.oidc_client_id:
            raise ConfigurationError(
                "single sign-on is not set up completely", setting="set INTEGRATION_CENTER_OIDC_CLIENT_ID"
            )
        with self._lock:
            if self._endpoints is None or self.clock() - self._fetched_at > KEPT:
                with build_client() as client:
                    url = f"{self.settings.oidc_issuer.rstrip('/')}{DISCOVERY}"
                    self._endpoints = _read_endpoints(fetch_object(client, url), self.settings.oidc_issuer)
                self._fetched_at = self.clock()
            return self._endpoints


def check_grant(response: httpx.Response) -> httpx.Response:
    """Return the answer to a code, unless it is a refusal.

    Source: RFC 6749, "The OAuth 2.0 Authorization Framework", section 5.2: status 400 or 401, and JSON with `error`.

    Raises:
        SignInRefused: the code is not good.
        ConfigurationError: the provider does not accept the console's client id and secret.
        ValueError: it is a refusal without JSON.
    """
    if response.status_code not in {400, 401}:
        return response
    content = response.json()
    error = content.get("error") if isinstance(content, dict) else None
    if error in WRONG_CLIENT:
        raise ConfigurationError(
            "the sign-in service does not know this console",
            setting="compare INTEGRATION_CENTER_OIDC_CLIENT_ID and INTEGRATION_CENTER_OIDC_CLIENT_SECRET with the"
            " client there",
        )
    if isinstance(error, str):
        raise SignInRefused("the sign-in took too long, or was used already; begin again")
    return response


def _read_endpoints(content: Mapping[str, Any], issuer: str) -> Endpoints:
    """Read the provider's description of itself.

    Raises:
        ConfigurationError: it is of another issuer, or names an address that is not safe.
    """
    if content.get("issuer") != issuer:
        raise ConfigurationError(
            "the sign-in provider calls itself by another name than the one that is set here",
            setting="copy it exactly into INTEGRATION_CENTER_OIDC_ISSUER, with or without a closing slash",
        )
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    logout = content.get("end_session_endpoint")
    try:
        authorization, token, keys = (check_url(content[name]) for name in names)
        return Endpoints(authorization, token, KeyRing(keys), check_url(logout) if logout else None)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise ConfigurationError("the provider does not say safely where people sign in; see its settings") from None
