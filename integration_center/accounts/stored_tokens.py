"""Provide the tokens of a connected account, renewed by one caller at a time across threads and processes."""

import copy
import secrets
import threading
import time
from dataclasses import replace
from datetime import timedelta

from integration_center.accounts.store import Account, AccountStore, Tokens
from integration_center.errors import AccessRefused, ConfigurationError, ConnectionEnded, ServiceUnavailable
from integration_center.integration.environment import Environment, OrgKind
from integration_center.remote import ORG_POLICY, RetryPolicy
from integration_center.salesforce.auth.instances import check_instance
from integration_center.salesforce.auth.oauth import (
    PATIENCE,
    build_client,
    refresh,
    request_client_credentials,
    request_jwt,
)
from integration_center.settings import ExternalClientApp, Settings

CLAIM = timedelta(seconds=90)
"""How long a claim lasts: longer than one renewal, because using a refresh token twice may end the whole connection."""
POLL_SECONDS = 0.1
CLAIM_LOOKS = 50
"""How often a claim of another process is looked at. After that, the policy of the request decides how long to wait."""


class StoredTokens:
    """The source of the instance URL and the access token of data calls.

    Each run makes its own. It stays with the org that it saw first: if the environment is connected to another org
    during a run, the run stops instead of writing there.

    Args:
        environment: the environment of the account.
        settings: the settings, for the External Client App.
        store: the store that has the tokens.
        retries: how long to wait for the token endpoint. An answer that may hold a new refresh token is waited for as
            long by every policy: the old one may be invalid by then, and the connection would be lost.
    """

    def __init__(
        self, environment: Environment, settings: Settings, store: AccountStore, retries: RetryPolicy = ORG_POLICY
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._store = store
        self._retries = retries
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None
        self._org_id: str | None = None
        self._refused: tuple[Tokens, AccessRefused] | None = None

    def current(self) -> tuple[str, str]:
        """Return the instance URL and the access token.

        Raises:
            NotConnected: there is no account.
            AccessRefused: the environment was connected to another org meanwhile.
        """
        with self._lock:
            if self._tokens is None:
                self._tokens = self._load()[1]
            return _pair(self._tokens)

    def renew(self, dead_token: str) -> tuple[str, str]:
        """Return the instance URL and an access token other than `dead_token`.

        However many threads and processes report the same dead token, Salesforce is asked only once. A renewal that
        fails is not repeated here: the policy of the request that needs the token decides that.

        Raises:
            NotConnected: there is no longer an account.
            AccessRefused: the connection has ended. The message says how to connect again.
            ConfigurationError: the External Client App's settings are missing or wrong.
            TransientError: Salesforce did not answer, or another process does not finish its renewal.
        """
        with self._lock:
            self._tokens = self._renew(dead_token)
            return _pair(self._tokens)

    def _renew(self, dead_token: str) -> Tokens:
        owner = secrets.token_hex(16)
        for _ in range(CLAIM_LOOKS):
            _, tokens = self._load()
            if tokens.access_token.get_secret_value() != dead_token:
                return tokens
            # Every thread of a run asks. The first refusal is final until the account is connected again.
            if self._refused is not None and self._refused[0] == tokens:
                raise copy.copy(self._refused[1])
            if not self._store.claim_renewal(self._environment, owner, CLAIM):
                time.sleep(POLL_SECONDS)
                continue
            try:
                # Read again under the claim: its last owner may have just stored new tokens.
                account, tokens = self._load()
                if tokens.access_token.get_secret_value() != dead_token:
                    return tokens
                try:
                    renewed = self._ask(account, tokens)
                except AccessRefused as error:
                    self._refused = (tokens, error)
                    raise
                # Stored before use, because a lost refresh token cannot be recovered after rotation.
                if self._store.save_tokens(self._environment, renewed, renewal_owner=owner):
                    return renewed
            finally:
                self._store.release_renewal(self._environment, owner)
        raise ServiceUnavailable(
            f"another process renews the {self._environment.title} account's session, and has not finished",
            retry_after=CLAIM.total_seconds() / 3,
        )

    def _ask(self, account: Account, tokens: Tokens) -> Tokens:
        app = require_app(
            self._settings,
            self._environment,
            self._store.names.kind_of(self._environment),
            with_secret=account.flow != "jwt",
        )
        seconds = min(self._retries.read_timeout, PATIENCE)
        with build_client(seconds, answer=PATIENCE if tokens.refresh_token else seconds) as client:
            if account.flow == "client-credentials":
                grant = request_client_credentials(client, self._environment, app)
            elif tokens.signing_key is not None:
                grant = request_jwt(client, self._environment, app, account.username, tokens.signing_key)
            elif tokens.refresh_token is not None:
                grant = refresh(client, self._environment, app, tokens.refresh_token)
            else:
                raise ConnectionEnded(
                    f"the {self._environment.title} account's session has ended and it has no refresh token;"
                    " connect the account again",
                    command=f"run: integration-center connect {self._environment.value}",
                )
        # A refreshed sandbox keeps its My Domain but is another org, with other records behind the same Ids.
        if not account.is_of(grant.org_id):
            raise ConnectionEnded(
                f"the {self._environment.title} login URL now leads to org {grant.org_id} instead of {account.org_id}"
                " (a refreshed sandbox?); connect the account again",
                command=f"run: integration-center connect {self._environment.value}",
            )
        return Tokens(
            grant.access_token,
            grant.refresh_token or tokens.refresh_token,  # without rotation the old one stays valid
            grant.instance_url,
            grant.issued_at,
            tokens.signing_key,
        )

    def _load(self) -> tuple[Account, Tokens]:
        account = self._store.get(self._environment)
        if self._org_id is None:
            self._org_id = account.org_id
        if account.org_id != self._org_id:
            raise AccessRefused(
                f"{self._environment.title} was connected to org {account.org_id} while this run worked in"
                f" {self._org_id}; run again"
            )
        tokens = self._store.tokens(self._environment)
        # Checked again at each use: an account may have been stored before the check, or the setting may have changed.
        instance = check_instance(tokens.instance_url, account.login_url, self._settings.instance_hosts)
        return account, replace(tokens, instance_url=instance)


def require_app(
    settings: Settings, environment: Environment, kind: OrgKind, *, with_secret: bool = True
) -> ExternalClientApp:
    """Return the External Client App of `environment`.

    Args:
        settings: the settings of this installation.
        environment: the environment.
        kind: what its org is for.
        with_secret: whether the client secret is needed. JWT bearer signs with a key instead.

    Raises:
        ConfigurationError: variables of this environment are not set. The message names them.
    """
    app = settings.app(environment, kind)
    given = {"CLIENT_ID": app.client_id}
    if with_secret:
        given["CLIENT_SECRET"] = app.client_secret.get_secret_value()
    missing = [f"SALESFORCE_{environment.name}_{name}" for name, value in given.items() if not value.strip()]
    if missing:
        raise ConfigurationError(
            f"the External Client App for {environment.title} is not set up here",
            setting=f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; copy them from the app"
            " that the Salesforce admin made, into the environment or .env",
        )
    return app


def _pair(tokens: Tokens) -> tuple[str, str]:
    return tokens.instance_url, tokens.access_token.get_secret_value()
