"""The signed assertion of the JWT bearer flow (reference/salesforce-api.md, 1.5)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from integration_center.errors import ConfigurationError
from integration_center.settings import ExternalClientApp

SANDBOX_DOMAINS = (".sandbox.my.salesforce.com", ".scratch.my.salesforce.com")
LIFETIME = timedelta(minutes=3)
"""Salesforce takes no assertion that is good for more than about five minutes."""


def build_assertion(
    app: ExternalClientApp, username: str, signing_key: SecretStr, audience: str, now: datetime | None = None
) -> SecretStr:
    """An RS256 assertion for `audience` that the app may act as `username`, good for three minutes from `now`.

    Raises:
        ConfigurationError: the key is no RSA private key in PEM.
    """
    claims = {
        "iss": app.client_id,
        "sub": username,
        "aud": audience,
        "exp": int(((now or datetime.now(UTC)) + LIFETIME).timestamp()),
    }
    try:
        key = RSAKey.import_key(signing_key.get_secret_value())
        return SecretStr(jwt.encode({"alg": "RS256"}, claims, key))
    except (ValueError, TypeError, JoseError):
        # Without its cause, which could repeat parts of the key.
        raise ConfigurationError(
            "the JWT flow's key is no RSA private key in PEM; give the key of the External Client App's certificate"
        ) from None


def choose_audience(login_url: str) -> str:
    """Who the assertion is for: the login host, also when the request goes to a My Domain; a site is its own."""
    host = urlsplit(login_url).hostname or ""
    if not host.endswith(".my.salesforce.com"):
        return login_url
    return "https://test.salesforce.com" if host.endswith(SANDBOX_DOMAINS) else "https://login.salesforce.com"
