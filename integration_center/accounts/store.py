"""Store connected accounts: who is signed in to which org, with the tokens encrypted."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Row, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from integration_center.accounts.encryption import Cipher
from integration_center.accounts.names import AccountNames
from integration_center.accounts.sign_ins import SignIns
from integration_center.database.engine import erase_deleted, reading, upsert, writing
from integration_center.database.shared_notes import rotate_notes
from integration_center.database.tables import account_tokens, accounts, oauth_states
from integration_center.errors import ConfigurationError, NotConnected, WrongOrg
from integration_center.integration.spec import Environment

Flow = Literal["web", "client-credentials", "jwt"]


@dataclass(frozen=True)
class Account:
    """A connected org and the user that we act as. It holds no secret.

    Attributes:
        org_id: the org's id, 18 characters.
        user_id: the user's id, 18 characters.
        instance_url: the base URL of this org's API calls.
        login_url: the URL where its tokens come from.
        scopes: the scopes that the user granted, from the token response.
        connected_at: the time of connecting, UTC.
        connected_by: the operating-system user or console user who connected the account.
    """

    environment: Environment
    org_id: str
    org_name: str
    is_sandbox: bool
    developer_edition: bool
    user_id: str
    username: str
    instance_url: str
    login_url: str
    flow: Flow
    scopes: tuple[str, ...]
    connected_at: datetime
    connected_by: str

    def is_of(self, org_id: str) -> bool:
        """Return whether `org_id` is the account's org, in 15 or 18 characters. The last three are a checksum."""
        return self.org_id[:15] == org_id[:15]


@dataclass(frozen=True)
class Tokens:
    """The tokens of an account. Their repr is masked.

    Attributes:
        refresh_token: the refresh token, which only the web flow gets.
        signing_key: the PEM private key of the JWT flow, which signs each new sign-in.
        instance_url: the base URL of API calls, from the latest token response. It may change.
        issued_at: the time of the latest token response, UTC.
    """

    access_token: SecretStr
    refresh_token: SecretStr | None
    instance_url: str
    issued_at: datetime
    signing_key: SecretStr | None = None


class AccountStore:
    """The accounts and their tokens in our database.

    Args:
        engine: from `database.build_engine`.
        cipher: from `encryption.build_cipher`.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self.engine = engine
        self.names = AccountNames(engine)
        self.sign_ins = SignIns(engine, cipher)
        self._cipher = cipher

    def get(self, environment: Environment) -> Account:
        """Return the account of `environment`.

        Raises:
            NotConnected: there is no account. The message names the command that connects one.
        """
        account = self.find(environment)
        if account is None:
            self.names.kind_of(environment)  # which knows the nearest name
            raise not_connected(environment)
        return account

    def find(self, environment: Environment) -> Account | None:
        """Return the account of `environment`, or None."""
        with reading(self.engine) as connection:
            row = connection.execute(select(accounts).where(accounts.c.environment == environment.value)).one_or_none()
        return None if row is None else _build_account(row)

    def list(self) -> tuple[Account, ...]:
        """List all connected accounts: Sandbox, Production, then the others in the order in which they were added."""
        with reading(self.engine) as connection:
            found = {row.environment: _build_account(row) for row in connection.execute(select(accounts))}
        return tuple(found[environment] for environment in self.names.list() if environment in found)

    def save(self, account: Account, tokens: Tokens) -> None:
        """Store an account and its tokens together, replacing what the environment held.

        Raises:
            WrongOrg: another account is of the same org.
        """
        try:
            with writing(self.engine) as connection:
                upsert(connection, accounts, ("environment",), _dump_account(account))
                # A renewal in progress loses its claim, so that it cannot overwrite the newer tokens.
                values = {
                    "environment": account.environment.value,
                    "ciphertext": self._seal(account.environment, tokens),
                    "renewal_owner": None,
                    "renewal_expires_at": None,
                }
                upsert(connection, account_tokens, ("environment",), values)
        except IntegrityError:
            held = [each.environment.title for each in self.list() if each.is_of(account.org_id)]
            fact = (
                f"org {account.org_id} ({account.org_name}) is already connected as {' and '.join(held) or 'another'}"
            )
            raise WrongOrg(f"{fact}; each account must be an org of its own") from None

    def tokens(self, environment: Environment) -> Tokens:
        """Return the tokens of `environment`.

        Raises:
            NotConnected: there is no account.
            ConfigurationError: the tokens were encrypted with another key.
        """
        with reading(self.engine) as connection:
            ciphertext = connection.execute(
                select(account_tokens.c.ciphertext).where(account_tokens.c.environment == environment.value)
            ).scalar_one_or_none()
        if ciphertext is None:
            raise not_connected(environment)
        return self._open(environment, ciphertext)

    def save_tokens(self, environment: Environment, tokens: Tokens, *, renewal_owner: str | None = None) -> bool:
        """Store renewed tokens, and return whether they were stored.

        Args:
            environment: the environment of the account.
            tokens: the new tokens.
            renewal_owner: if given, the tokens are stored only while this owner holds the claim of `claim_renewal`.

        Raises:
            NotConnected: there is no account.
        """
        statement = update(account_tokens).where(account_tokens.c.environment == environment.value)
        if renewal_owner is not None:
            statement = statement.where(account_tokens.c.renewal_owner == renewal_owner)
        with writing(self.engine) as connection:
            self._require(connection, environment)
            if connection.execute(statement.values(ciphertext=self._seal(environment, tokens))).rowcount == 0:
                return False
            connection.execute(
                update(accounts)
                .where(accounts.c.environment == environment.value)
                .values(instance_url=tokens.instance_url)
            )
        return True

    def claim_renewal(self, environment: Environment, owner: str, time_to_live: timedelta) -> bool:
        """Claim the renewal of the tokens for `owner`. Return False while another owner holds the claim.

        Raises:
            NotConnected: there is no account.
        """
        now = datetime.now(UTC)
        free = or_(account_tokens.c.renewal_owner.is_(None), account_tokens.c.renewal_expires_at <= now)
        statement = (
            update(account_tokens)
            .where(account_tokens.c.environment == environment.value, free)
            .values(renewal_owner=owner, renewal_expires_at=now + time_to_live)
        )
        with writing(self.engine) as connection:
            self._require(connection, environment)
            return connection.execute(statement).rowcount == 1

    def release_renewal(self, environment: Environment, owner: str) -> None:
        """Release the claim, if `owner` holds it."""
        statement = (
            update(account_tokens)
            .where(account_tokens.c.environment == environment.value, account_tokens.c.renewal_owner == owner)
            .values(renewal_owner=None, renewal_expires_at=None)
        )
        with writing(self.engine) as connection:
            connection.execute(statement)

    def delete(self, environment: Environment) -> bool:
        """Delete the account and its tokens. Do nothing when there is none.

        Returns:
            Whether the encrypted tokens are gone from all files of the database; see `erase_deleted`.
        """
        with writing(self.engine) as connection:
            connection.execute(delete(account_tokens).where(account_tokens.c.environment == environment.value))
            connection.execute(delete(accounts).where(accounts.c.environment == environment.value))
        return erase_deleted(self.engine)

    def rotate(self, keep_key: Callable[[], None] = lambda: None) -> int:
        """Encrypt all tokens and notes again with the first key, at once. Web sign-ins in progress are deleted.

        Args:
            keep_key: called before the transaction is committed. If it raises, nothing is changed.

        Returns:
            The number of accounts.

        Raises:
            ConfigurationError: some tokens were encrypted with a key that is no longer given. Nothing is changed then.
        """
        with writing(self.engine) as connection:
            rows = connection.execute(select(account_tokens).with_for_update()).all()
            for row in rows:
                connection.execute(
                    update(account_tokens)
                    .where(account_tokens.c.environment == row.environment)
                    .values(ciphertext=self._cipher.rotate(row.ciphertext))
                )
            rotate_notes(connection, self._cipher.rotate)
            connection.execute(delete(oauth_states))
            keep_key()
        return len(rows)

    def _require(self, connection: Connection, environment: Environment) -> None:
        this = account_tokens.c.environment == environment.value
        if connection.execute(select(account_tokens.c.environment).where(this)).one_or_none() is None:
            raise not_connected(environment)

    def _seal(self, environment: Environment, tokens: Tokens) -> str:
        content = {
            # Inside the ciphertext, to detect a row that was moved to another account.
            "environment": environment.value,
            "access_token": tokens.access_token.get_secret_value(),
            "refresh_token": _reveal(tokens.refresh_token),
            "instance_url": tokens.instance_url,
            "issued_at": tokens.issued_at.isoformat(),
            "signing_key": _reveal(tokens.signing_key),
        }
        return self._cipher.encrypt(json.dumps(content))

    def _open(self, environment: Environment, ciphertext: str) -> Tokens:
        content = json.loads(self._cipher.decrypt(ciphertext))
        if content["environment"] != environment.value:
            raise ConfigurationError(
                f"the stored tokens of {environment.title} belong to another account",
                command=f"connect it again: integration-center connect {environment.value}",
            )
        return Tokens(
            access_token=SecretStr(content["access_token"]),
            refresh_token=_conceal(content["refresh_token"]),
            instance_url=content["instance_url"],
            issued_at=datetime.fromisoformat(content["issued_at"]),
            signing_key=_conceal(content["signing_key"]),
        )


def not_connected(environment: Environment) -> NotConnected:
    """Build the error that says how to connect `environment`."""
    return NotConnected(
        f"no {environment.title} account is connected",
        command=f"run: integration-center connect {environment.value}",
    )


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _conceal(secret: str | None) -> SecretStr | None:
    return None if secret is None else SecretStr(secret)


def _dump_account(account: Account) -> Mapping[str, Any]:
    return {**vars(account), "environment": account.environment.value, "scopes": list(account.scopes)}


def _build_account(row: Row[Any]) -> Account:
    values = dict(row._mapping)
    return Account(**(values | {"environment": Environment(row.environment), "scopes": tuple(row.scopes)}))
