"""The little of JWT that the org needs: sign an ID token, check a bearer assertion. RS256 only."""

import base64
import binascii
import json
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate


class InvalidAssertion(Exception):
    """The assertion is no JWT, or not signed by the app's key."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sign_token(claims: dict[str, Any]) -> str:
    """Return claims as a signed token."""
    head = _encode(json.dumps({"alg": "RS256", "typ": "JWT", "kid": "1"}).encode())
    content = f"{head}.{_encode(json.dumps(claims).encode())}"
    return f"{content}.{_encode(_signing_key().sign(content.encode(), padding.PKCS1v15(), SHA256()))}"


def read_assertion(assertion: str, certificate: bytes) -> dict[str, Any]:
    """Return the claims of an assertion signed with the key of a PEM certificate or public key.

    Raises:
        InvalidAssertion: it is not.
    """
    try:
        head, payload, signature = assertion.split(".")
        if json.loads(_decode(head)).get("alg") != "RS256":
            raise InvalidAssertion
        if b"BEGIN CERTIFICATE" in certificate:
            key: object = load_pem_x509_certificate(certificate).public_key()
        else:
            key = load_pem_public_key(certificate)
        if not isinstance(key, rsa.RSAPublicKey):
            raise InvalidAssertion
        key.verify(_decode(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), SHA256())
        claims = json.loads(_decode(payload))
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise InvalidAssertion from error
    if not isinstance(claims, dict):
        raise InvalidAssertion
    return claims
