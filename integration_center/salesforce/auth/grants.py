"""Read and check the answers of Salesforce's token endpoint (reference/salesforce-api.md, 1.3)."""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from integration_center.errors import AccessRefused, ServiceUnavailable
from integration_center.salesforce.auth.instances import check_instance
from integration_center.settings import ExternalClientApp
from integration_center.wording.answers import Redactor

logger = logging.getLogger(__name__)

IDENTITY = re.compile(r"/(?P<org>00D\w{12}(?:\w{3})?)/(?P<user>\w{15}(?:\w{3})?)/?$", re.ASCII)
"""The end of the identity URL, `https://login.salesforce.com/id/ORG/USER`."""
SCOPE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Grant:
    """An answer of the token endpoint.

    Attributes:
        refresh_token: None when the flow or the app gives no refresh token, or the old one stays valid.
        instance_url: the base of all data calls. It may differ from the last one.
        org_id: the org's id from the identity URL, 18 characters.
        user_id: the user's id from the identity URL, 18 characters.
        issued_at: the time of the grant, UTC.
    """

    access_token: SecretStr
    refresh_token: SecretStr | None
    instance_url: str
    org_id: str
    user_id: str
    scopes: tuple[str, ...]
    issued_at: datetime


def read_grant(content: Mapping[str, Any], app: ExternalClientApp, *, sent: Iterable[str] = ()) -> Grant:
    """Read and check the token answer `content`.

    Args:
        content: the JSON object.
        app: the app that made the request. Its client secret checks the signature, and is empty when the request had
            no secret. A wrong signature is only logged, because TLS already proves that the answer is Salesforce's.
        sent: the secrets of the request. They and the new tokens are removed from anything shown of the answer.

    Raises:
        AccessRefused: the instance or the kind of token cannot be trusted.
        ServiceUnavailable: the answer is incomplete.
    """
    lacking = [name for name in ("access_token", "instance_url", "id") if not isinstance(content.get(name), str)]
    if lacking:
        raise ServiceUnavailable(f"Salesforce's token answer lacks {', '.join(lacking)}")
    # A DPoP-bound token must not be sent as Bearer.
    if str(content.get("token_type", "Bearer")).lower() != "bearer":
        raise AccessRefused("Salesforce gave no Bearer token; turn DPoP off in the External Client App's policies")
    client_secret, refresh_token = app.client_secret.get_secret_value(), content.get("refresh_token")
    secrets = Redactor([client_secret, content["access_token"], str(refresh_token or ""), *sent])
    instance_url = check_instance(secrets.clean(content["instance_url"]), app.login_url, app.instance_hosts)
    issued_at = str(content.get("issued_at") or "")
    signature = content.get("signature")
    # JWT bearer answers are not signed, and without a secret there is nothing to check a signature with.
    if client_secret and isinstance(signature, str) and signature:
        _check_signature(content["id"] + issued_at, signature, client_secret)
    identity = IDENTITY.search(secrets.clean(content["id"]))
    if identity is None:
        raise ServiceUnavailable("Salesforce's token answer names no org")
    return Grant(
        access_token=SecretStr(content["access_token"]),
        refresh_token=SecretStr(str(refresh_token)) if refresh_token else None,
        instance_url=instance_url,
        org_id=identity["org"],
        user_id=identity["user"],
        scopes=tuple(
            scope for scope in secrets.clean(str(content.get("scope") or "")).split() if SCOPE.fullmatch(scope)
        ),
        # A string of epoch milliseconds, unlike the documentation says. JWT bearer answers have no time.
        issued_at=_read_milliseconds(issued_at) or datetime.now(UTC),
    )


def _read_milliseconds(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _check_signature(signed: str, signature: str, client_secret: str) -> None:
    expected = base64.b64encode(hmac.digest(client_secret.encode(), signed.encode(), hashlib.sha256))
    if not hmac.compare_digest(expected, signature.encode()):
        logger.warning("the signature of Salesforce's token answer does not match the client secret")
