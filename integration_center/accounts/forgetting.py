"""Forget all accounts at once: their tokens are deleted here first, and revoked at Salesforce as far as it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import delete

from integration_center.accounts.store import Account, AccountStore
from integration_center.database.engine import erase_deleted, writing
from integration_center.database.tables import account_tokens, accounts, oauth_states
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth.oauth import build_client, revoke
from integration_center.settings import Settings


@dataclass(frozen=True)
class ForgottenAccount:
    """An account that is deleted here, with what is needed to revoke its tokens.

    Attributes:
        tokens: all that can be revoked: the refresh token, or else the access token. Empty when they cannot be read.
        unreadable: why they cannot be read; None when they can.
    """

    account: Account
    tokens: tuple[SecretStr, ...]
    unreadable: str | None = None


def delete_accounts(store: AccountStore) -> Mapping[Environment, ForgottenAccount]:
    """Delete all accounts, their tokens and the sign-ins in progress, and return what Salesforce must still revoke."""
    forgotten = {account.environment: _read_tokens(store, account) for account in store.list()}
    with writing(store.engine) as connection:
        for table in (account_tokens, accounts, oauth_states):
            connection.execute(delete(table))
    return forgotten


def revoke_tokens(forgotten: ForgottenAccount) -> str | None:
    """Revoke the tokens of a deleted account, and return why Salesforce did not confirm it; None when it did."""
    account = forgotten.account
    if forgotten.unreadable is not None:
        return forgotten.unreadable
    try:
        with build_client() as client:
            for token in forgotten.tokens:
                revoke(client, account.environment, account.login_url, token)
    except IntegrationCenterError as error:
        return error.said.sentence
    return None


def erase_traces(settings: Settings, store: AccountStore, forgotten: Mapping[Environment, ForgottenAccount]) -> str:
    """Erase deleted tokens from the files of the database, and delete the snapshots of the orgs' records.

    Returns:
        Sentences about what could not be erased; empty when everything was.
    """
    # Imported here: it takes long, and by now the tokens are deleted and being revoked.
    from integration_center.accounts.traces import STILL_IN_LOG, delete_snapshots

    kept = None if erase_deleted(store.engine) else STILL_IN_LOG
    snapshots = delete_snapshots(settings, store.engine, [each.account.org_id for each in forgotten.values()])
    return " ".join(filter(None, (kept, snapshots)))


def _read_tokens(store: AccountStore, account: Account) -> ForgottenAccount:
    try:
        tokens = store.tokens(account.environment)
    except IntegrationCenterError as error:
        return ForgottenAccount(account, (), error.said.sentence)
    # Revoking a refresh token also revokes the access tokens that came from it.
    return ForgottenAccount(account, (tokens.refresh_token or tokens.access_token,))
