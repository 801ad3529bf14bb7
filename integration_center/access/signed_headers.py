"""Sign in by a header in which a proxy says, signed, who somebody is. Each header begins one session only."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete

from integration_center.access.identities import Identity, Method, read_identity
from integration_center.access.signed_tokens import LEEWAY, KeyRing, TokenCheck
from integration_center.database.engine import insert_if_absent, writing
from integration_center.database.tables import used_assertions
from integration_center.errors import ConfigurationError, SignInRefused
from integration_center.settings import Settings

MOST_AGE = 300
"""Seconds for which a signed header is believed, even if it says that it is valid for longer."""


@dataclass
class SignedHeaders:
    """Reads the header that a proxy signs.

    Args:
        settings: the settings.
        engine: our database, which remembers the headers that were used.
        now: the time in seconds since 1970.
    """

    settings: Settings
    engine: Engine
    now: Callable[[], float] = time.time
    _keys: KeyRing = field(init=False)

    def __post_init__(self) -> None:
        self._keys = KeyRing(self.settings.proxy_keys)

    def take(self, header: str) -> Identity:
        """Check a header, and use it up: a copy of it does not sign in anybody else.

        Raises:
            SignInRefused: it is unsigned, forged, for somebody else, too old, or was used already.
            ServiceUnavailable: the keys of the proxy cannot be fetched.
            ConfigurationError: a setting is missing.
        """
        settings = self.settings
        if not (settings.proxy_issuer and settings.proxy_audience and settings.proxy_keys):
            raise ConfigurationError(
                "sign-in by a proxy is not set up completely",
                setting="set INTEGRATION_CENTER_PROXY_ISSUER, _AUDIENCE and _KEYS",
            )
        check = TokenCheck(self._keys, settings.proxy_issuer, settings.proxy_audience, self.now, most_age=MOST_AGE)
        claims = check.read(header.strip())
        # The signed part alone: some signatures can be changed without becoming wrong.
        signed = header.strip().rpartition(".")[0]
        self._use(hashlib.sha256(signed.encode()).hexdigest(), float(claims["iat"]))
        return read_identity(claims, Method.PROXY, settings.groups_claim)

    def _use(self, assertion_hash: str, issued_at: float) -> None:
        now = datetime.fromtimestamp(self.now(), UTC)
        expires_at = datetime.fromtimestamp(issued_at, UTC) + timedelta(seconds=MOST_AGE + 2 * LEEWAY)
        with writing(self.engine) as connection:
            connection.execute(delete(used_assertions).where(used_assertions.c.expires_at <= now))
            values = {"assertion_hash": assertion_hash, "expires_at": expires_at}
            if not insert_if_absent(connection, used_assertions, values):
                raise SignInRefused("this sign-in was used already; reload the page so that the proxy signs another")
