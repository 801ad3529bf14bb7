"""Check signed tokens (JWT) of a provider or proxy: signature, issuer, audience, age. An unsigned one never passes."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from integration_center.errors import ServiceUnavailable, SignInRefused
from integration_center.remote import trust_certificates
from integration_center.salesforce.client.address import name_host

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Only with a public key. A secret one (HS256) or none at all would let a stranger sign."""
PublicKey = RSAKey | ECKey
KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
LEEWAY = 60
"""Seconds by which the clocks of two servers may differ."""
TIMEOUT = httpx.Timeout(10)
LARGEST = 1_000_000
LONGEST_TOKEN = 32_000
FETCHED_AGAIN = 30.0
"""Seconds after which an unknown key lets the keys be fetched again: they are changed from time to time."""
KEPT = 3_600.0


def build_client() -> httpx.Client:
    """Build a client for a provider. It follows no redirect, which could lead the keys or a code elsewhere."""
    return httpx.Client(verify=trust_certificates(), timeout=TIMEOUT, follow_redirects=False, trust_env=True)


def fetch_object(client: httpx.Client, url: str) -> dict[str, Any]:
    """Fetch a JSON object.

    Raises:
        ServiceUnavailable: there is no answer, or one that is no JSON object.
    """
    return read_object(lambda: client.get(url, headers={"Accept": "application/json"}), url)


def read_object(send: Callable[[], httpx.Response], url: str) -> dict[str, Any]:
    """Send a request, and read the JSON object of its answer.

    Raises:
        ServiceUnavailable: there is no answer, or one that is no JSON object.
    """
    try:
        response = send()
        content = response.json() if response.is_success and len(response.content) <= LARGEST else None
    except (httpx.HTTPError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ServiceUnavailable(f"{name_host(url)} does not answer as a sign-in service should; try again later")
    return content


@dataclass
class KeyRing:
    """The public keys of an issuer. They are fetched when they are first needed, and when a token names an unknown one.

    Args:
        url: the address of the keys.
        clock: seconds that only grow.
    """

    url: str
    clock: Callable[[], float] = time.monotonic
    _keys: list[PublicKey] = field(default_factory=list, init=False)
    _fetched_at: float | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def find(self, key_id: str | None) -> list[PublicKey]:
        """Find the keys that may have signed a token that names `key_id`; all of them for one that names none.

        Raises:
            ServiceUnavailable: the keys cannot be fetched.
        """
        with self._lock:
            age = None if self._fetched_at is None else self.clock() - self._fetched_at
            found = self._select(key_id)
            if age is None or age > KEPT or (not found and age > FETCHED_AGAIN):
                with build_client() as client:
                    self._keys = read_keys(fetch_object(client, self.url))
                self._fetched_at = self.clock()
                found = self._select(key_id)
            return found

    def _select(self, key_id: str | None) -> list[PublicKey]:
        return [key for key in self._keys if key_id is None or key.kid == key_id]


def read_keys(content: Mapping[str, Any]) -> list[PublicKey]:
    """Read the public keys of a JWK set. Keys for encryption, secret keys and those of unknown kinds are left out."""
    found: list[PublicKey] = []
    for each in content.get("keys") or ():
        kind = KINDS.get(str(each.get("kty"))) if isinstance(each, dict) else None
        if kind is None or each.get("use", "sig") != "sig":
            continue
        try:
            found.append(kind.import_key(each))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


@dataclass(frozen=True)
class TokenCheck:
    """What a token must be.

    Attributes:
        keys: the public keys of the issuer.
        issuer: the `iss`.
        audience: the `aud`, or one of them.
        now: the time in seconds since 1970.
        most_age: the most seconds since `iat`; None when only `exp` counts.
        for_client: whether the audience is a client of the issuer, for which `azp` has to name it, too.
    """

    keys: KeyRing
    issuer: str
    audience: str
    now: Callable[[], float] = time.time
    most_age: int | None = None
    for_client: bool = False

    def read(self, token: str) -> Mapping[str, Any]:
        """Check a token, and return its claims.

        Raises:
            SignInRefused: it is unsigned, forged, of somebody else, for somebody else, or too old.
            ServiceUnavailable: the keys of the issuer cannot be fetched.
        """
        if len(token) > LONGEST_TOKEN:
            raise SignInRefused("the sign-in is too long")
        claims = self._verify(token)
        registry = jwt.JWTClaimsRegistry(
            now=int(self.now()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise SignInRefused(f"the sign-in is not valid here or too old ({error.error})") from None
        if self.most_age is not None and self.now() - float(claims["iat"]) > self.most_age + LEEWAY:
            raise SignInRefused("the sign-in is too old; reload the page")
        audiences = claims["aud"]
        several = isinstance(audiences, list) and len(audiences) > 1
        if self.for_client and (several or "azp" in claims) and claims.get("azp") != self.audience:
            raise SignInRefused("the sign-in was made for another application")
        return claims

    def _verify(self, token: str) -> Mapping[str, Any]:
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise SignInRefused("the sign-in is not a signed token") from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or not (key_id is None or isinstance(key_id, str)):
            raise SignInRefused("the sign-in is not signed with a public key")
        for key in self.keys.find(key_id):
            try:
                return jwt.decode(token, KeySet([key]), algorithms=[algorithm]).claims
            except (JoseError, ValueError, TypeError):
                continue
        raise SignInRefused("the sign-in is not signed by the expected issuer")
