"""Web sign-ins under way: what has to be known when the browser comes back from Salesforce.

They stand in the database, because the process that starts a sign-in need not be the one that the browser returns to.
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
    """A web sign-in under way: what must be known when the browser comes back."""

    environment: Environment
    verifier: SecretStr
    callback_url: str


class SignIns:
    """Sign-ins by their state, each to be taken once.

    Args:
        engine: our database.
        cipher: encrypts the PKCE verifier.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self._engine = engine
        self._cipher = cipher

    def keep(self, state: str, sign_in: PendingSignIn, *, lifetime: timedelta = LIFETIME) -> None:
        """Remember a sign-in until its browser comes back with `state`."""
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
        """The sign-in that `state` belongs to; a second time there is none.

        Raises:
            SignInOver: the state is unknown, used or too old.
        """
        # Looked up by its hash, so the time the search takes tells nothing about the state.
        this = oauth_states.c.state_hash == _hash(state)
        with writing(self._engine) as connection:
            row = connection.execute(select(oauth_states).where(this).with_for_update()).one_or_none()
            connection.execute(delete(oauth_states).where(this))
        if row is None or row.expires_at <= datetime.now(UTC):
            raise SignInOver("this sign-in was not started here, was used already, or is too old; start it again")
        content = json.loads(self._cipher.decrypt(row.ciphertext))
        return PendingSignIn(
            Environment(content["environment"]), SecretStr(content["verifier"]), content["callback_url"]
        )


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
