"""Keep web sign-ins until the browser returns from Salesforce.

They are in the database, because the browser may return to another process than the one that started the sign-in.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Engine, delete, select

from integration_center.accounts.encryption import Cipher
from integration_center.database.engine import upsert, writing
from integration_center.database.tables import oauth_states
from integration_center.errors import SignInOver
from integration_center.integration.spec import Environment

LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True)
class PendingSignIn:
    """A web sign-in in progress: what must be known when the browser returns."""

    environment: Environment
    verifier: SecretStr
    callback_url: str


class SignIns:
    """The sign-ins in progress, by their state. Each can be taken once.

    Args:
        engine: our database.
        cipher: encrypts the PKCE verifier.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self._engine = engine
        self._cipher = cipher

    def keep(self, state: str, sign_in: PendingSignIn, *, lifetime: timedelta = LIFETIME) -> None:
        """Remember a sign-in until its browser returns with `state`."""
        now = datetime.now(UTC)
        content = {
            "environment": sign_in.environment.value,
            "verifier": sign_in.verifier.get_secret_value(),
            "callback_url": sign_in.callback_url,
        }
        values = {
            "state_hash": _hash(state),
            "ciphertext": self._cipher.encrypt(json.dumps(content)),
            "expires_at": now + lifetime,
        }
        with writing(self._engine) as connection:
            connection.execute(delete(oauth_states).where(oauth_states.c.expires_at <= now))
            upsert(connection, oauth_states, ("state_hash",), values)

    def take(self, state: str) -> PendingSignIn:
        """Take the sign-in that `state` belongs to. It can be taken only once.

        Raises:
            SignInOver: the state is unknown, used or too old.
        """
        # The lookup uses a hash, so the time it takes reveals nothing about the state.
        this = oauth_states.c.state_hash == _hash(state)
        with writing(self._engine) as connection:
            row = connection.execute(select(oauth_states).where(this).with_for_update()).one_or_none()
            connection.execute(delete(oauth_states).where(this))
        if row is None or row.expires_at <= datetime.now(UTC):
            raise SignInOver("this sign-in was not started here, was already used, or is too old; start it again")
        content = json.loads(self._cipher.decrypt(row.ciphertext))
        return PendingSignIn(
            Environment(content["environment"]), SecretStr(content["verifier"]), content["callback_url"]
        )


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
