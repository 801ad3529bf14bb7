"""The answer of Salesforce's token endpoint, read and checked (reference/salesforce-api.md, 1.3)."""

import base64
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from integration_center.errors import AccessRefused, ServiceUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grant:
    """An answer of the token endpoint.

    Attributes:
        refresh_token: None when the flow or the app gives none, or the old one stays good.
        instance_url: the base of all data calls; may differ from the last one.
        org_id: from the identity URL, 18 characters; user_id: likewise.
        issued_at: UTC.
    """

    access_token: SecretStr
    refresh_token: SecretStr | None
    instance_url: str
    org_id: str
    user_id: str
    scopes: tuple[str, ...]
    issued_at: datetime


def read_grant(content: Mapping[str, Any], client_secret: str) -> Grant:
    """The grant that the answer `content` holds.

    Args:
        content: the JSON object.
        client_secret: checks the signature; empty when the request had none. TLS is what makes the answer
            Salesforce's; a signature that does not fit is logged.

    Raises:
        AccessRefused: the answer is not to be trusted: its instance, or the kind of its token.
        ServiceUnavailable: it lacks something.
    """
    lacking = [name for name in ("access_token", "instance_url", "id") if not isinstance(content.get(name), str)]
    if lacking:
        raise ServiceUnavailable(f"Salesforce's token answer lacks {', '.join(lacking)}")
    # A DPoP-bound token must not be sent as Bearer.
    if str(content.get("token_type", "Bearer")).lower() != "bearer":
        raise AccessRefused("Salesforce gave no Bearer token; turn DPoP off in the External Client App's policies")
    instance_url = content["instance_url"].rstrip("/")
    if not is_safe_url(instance_url):
        raise AccessRefused("Salesforce's token answer names an instance without TLS; nothing was sent there")
    issued_at = str(content.get("issued_at") or "")
    signature = content.get("signature")
    # JWT bearer answers are not signed, and without a secret there is nothing to check a signature with.
    if client_secret and isinstance(signature, str) and signature:
        _check_signature(content["id"] + issued_at, signature, client_secret)
    identity = urlsplit(content["id"]).path.rstrip("/").split("/")
    if len(identity) < 2 or not identity[-2].startswith("00D"):
        raise ServiceUnavailable("Salesforce's token answer names no org")
    refresh_token = content.get("refresh_token")
    return Grant(
        access_token=SecretStr(content["access_token"]),
        refresh_token=SecretStr(refresh_token) if refresh_token else None,
        instance_url=instance_url,
        org_id=identity[-2],
        user_id=identity[-1],
        scopes=tuple(str(content.get("scope") or "").split()),
        # A string of epoch milliseconds, whatever the documentation says; JWT bearer answers have none.
        issued_at=_read_milliseconds(issued_at) or datetime.now(UTC),
    )


def is_safe_url(url: str) -> bool:
    """Whether tokens may be sent to `url`: over TLS, or to this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    )


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine: an address of 127.0.0.0/8, ::1, or a name under localhost (RFC 6761)."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_milliseconds(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _check_signature(signed: str, signature: str, client_secret: str) -> None:
    expected = base64.b64encode(hmac.digest(client_secret.encode(), signed.encode(), hashlib.sha256))
    if not hmac.compare_digest(expected, signature.encode()):
        logger.warning("the signature of Salesforce's token answer does not fit the client secret")
