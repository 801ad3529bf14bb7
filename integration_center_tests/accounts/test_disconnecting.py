"""Disconnecting an account, or connecting it again: what becomes of its tokens."""

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from integration_center.accounts.connecting import (
    connect_client_credentials,
    connect_web,
    disconnect,
)
from integration_center.accounts.store import AccountStore
from integration_center.errors import (
    NotConnected,
)
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.connections import Connect
from integration_center_tests.accounts.fake_salesforce import (
    FakeSalesforce,
)
from integration_center_tests.accounts.samples import build_account, build_tokens
from integration_center_tests.accounts.stores import build_store

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


def test_connecting_again_revokes_the_tokens_it_replaces(
    sign_in: Connect, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    sign_in(SANDBOX)
    first = salesforce.refresh_token
    connection = sign_in(SANDBOX)
    assert salesforce.revoked == [first]
    assert connection.warning is None


def test_connecting_again_warns_when_the_old_tokens_stay_alive(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    store.save(build_account(), build_tokens())

    def revocation_fails(url: str) -> None:
        salesforce.revocation_fails = True
        salesforce.sign_in(url)

    connection = connect_web(SANDBOX, settings, store, open_browser=revocation_fails, connected_by="ann", seconds=10)
    assert "could not be revoked" in connection.summary
    assert store.get(SANDBOX) == connection.account


def test_connecting_again_works_when_the_key_was_lost(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    store.save(build_account(), build_tokens())
    other = settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
    with_other_key = build_store(other)
    connect_client_credentials(SANDBOX, other, with_other_key, connected_by="ann")
    assert with_other_key.tokens(SANDBOX).instance_url


def test_disconnecting_revokes_the_refresh_token(
    sign_in: Connect, settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    sign_in(SANDBOX)
    result = disconnect(SANDBOX, settings, store)
    assert result.revoked
    assert "revoked the tokens" in result.summary
    assert salesforce.revoked == [salesforce.refresh_token]
    assert store.list() == ()
    with pytest.raises(NotConnected):
        disconnect(SANDBOX, settings, store)


def test_disconnecting_a_headless_account_revokes_its_access_token(
    connect: Connect, settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    connect(SANDBOX)
    assert disconnect(SANDBOX, settings, store).revoked
    assert salesforce.revoked == list(salesforce.access_tokens)


def test_disconnecting_what_is_revoked_already_is_fine(
    sign_in: Connect, settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    sign_in(SANDBOX)
    salesforce.refresh_token = None
    assert disconnect(SANDBOX, settings, store).revoked


def test_disconnecting_from_an_org_that_is_out_of_reach_says_so(
    sign_in: Connect, settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    sign_in(SANDBOX)
    salesforce.reachable = False
    result = disconnect(SANDBOX, settings, store)
    assert not result.revoked
    assert "did NOT confirm" in result.summary
    assert "ask the admin" in result.summary
    assert store.list() == ()


def test_disconnecting_works_when_the_key_was_lost(settings: Settings, store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    other = settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
    result = disconnect(SANDBOX, other, build_store(other))
    assert not result.revoked
    assert store.list() == ()
