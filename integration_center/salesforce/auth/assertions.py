"""The signed assertion of the JWT bearer flow (reference/salesforce-api.md, 1.5)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr

from integration_center.errors import ConfigurationError
from integration_center.settings import ExternalClientApp

SANDBOX_DOMAINS = (".sandbox.my.salesforce.com", ".scratch.my.salesforce.com")
LIFETIME = timedelta(minutes=3)
"""How long an assertion is valid. Salesforce refuses one that is valid for more than about five minutes."""


def build_assertion(
    app: ExternalClientApp, username: str, signing_key: SecretStr, audience: str, now: datetime | None = None
) -> SecretStr:
    """Sign an assertion (RS256) that lets the app act as `username`, valid for three minutes from `now`.

    Raises:
        ConfigurationError: the key is not an RSA private key in PEM.
    """
    from joserfc import jwt  # takes as long to import as a small plan, and most accounts sign nothing
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

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
        # Without the cause, which could repeat parts of the key.
        raise ConfigurationError(
            "the key of the JWT flow is not an RSA private key in PEM; give the key of the External Client App's"
            " certificate"
        ) from None


def choose_audience(login_url: str) -> str:
    """Choose the audience of the assertion: the login host for a My Domain, else the login URL itself."""
    host = urlsplit(login_url).hostname or ""
    if not host.endswith(".my.salesforce.com"):
        return login_url
    return "https://test.salesforce.com" if host.endswith(SANDBOX_DOMAINS) else "https://login.salesforce.com"
