from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from integration_center.accounts.sign_ins import PendingSignIn
from integration_center.accounts.store import AccountStore
from integration_center.database.engine import reading, writing
from integration_center.database.tables import account_tokens
from integration_center.errors import AccessRefused, ConfigurationError, NotConnected
from integration_center.integration.spec import Environment
from integration_center_tests.accounts.fake_salesforce import OTHER_ORG_ID
from integration_center_tests.accounts.samples import build_account, build_tokens

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
MINUTE = timedelta(minutes=1)


def test_an_account_comes_back_as_it_was_saved(store: AccountStore) -> None:
    account, tokens = build_account(), build_tokens(signing_key=SecretStr("-----BEGIN"))
    store.save(account, tokens)
    assert (store.get(SANDBOX), store.tokens(SANDBOX)) == (account, tokens)
    assert store.list() == (account,)


def test_accounts_are_listed_sandbox_first(store: AccountStore) -> None:
    store.save(build_account(environment=PRODUCTION, org_id=OTHER_ORG_ID), build_tokens())
    store.save(build_account(), build_tokens())
    assert [account.environment for account in store.list()] == [SANDBOX, PRODUCTION]


def test_without_an_account_the_command_is_named(store: AccountStore) -> None:
    for ask in (store.get, store.tokens):
        with pytest.raises(NotConnected, match="integration-center connect production"):
            ask(PRODUCTION)
    assert store.find(PRODUCTION) is None
    assert store.list() == ()


def test_saving_again_replaces(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    store.save(build_account(org_id=OTHER_ORG_ID), build_tokens(access_token=SecretStr("new")))
    assert [account.org_id for account in store.list()] == [OTHER_ORG_ID]
    assert store.tokens(SANDBOX).access_token.get_secret_value() == "new"


def test_one_org_cannot_fill_both_slots(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    with pytest.raises(AccessRefused, match="already connected as"):
        store.save(build_account(environment=PRODUCTION), build_tokens())
    assert store.find(PRODUCTION) is None


def test_renewed_tokens_move_the_instance(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    assert store.save_tokens(SANDBOX, build_tokens(instance_url="https://moved.my.salesforce.com"))
    assert store.get(SANDBOX).instance_url == "https://moved.my.salesforce.com"
    with pytest.raises(NotConnected):
        store.save_tokens(PRODUCTION, build_tokens())


def test_deleting_leaves_nothing(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    store.delete(SANDBOX)
    store.delete(SANDBOX)
    assert store.find(SANDBOX) is None
    with pytest.raises(NotConnected):
        store.tokens(SANDBOX)


def test_one_claims_the_renewal(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    assert store.claim_renewal(SANDBOX, "one", MINUTE)
    assert not store.claim_renewal(SANDBOX, "two", MINUTE)
    store.release_renewal(SANDBOX, "two")
    assert not store.claim_renewal(SANDBOX, "two", MINUTE)
    store.release_renewal(SANDBOX, "one")
    assert store.claim_renewal(SANDBOX, "two", MINUTE)
    with pytest.raises(NotConnected):
        store.claim_renewal(PRODUCTION, "one", MINUTE)


def test_a_crashed_renewal_does_not_block(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    assert store.claim_renewal(SANDBOX, "crashed", -MINUTE)
    assert store.claim_renewal(SANDBOX, "two", MINUTE)
    assert not store.save_tokens(SANDBOX, build_tokens(access_token=SecretStr("late")), renewal_owner="crashed")
    assert store.tokens(SANDBOX) == build_tokens()


def test_a_renewal_does_not_overwrite_a_new_connection(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    assert store.claim_renewal(SANDBOX, "one", MINUTE)
    store.save(build_account(), build_tokens(access_token=SecretStr("connected-again")))
    assert not store.save_tokens(SANDBOX, build_tokens(access_token=SecretStr("late")), renewal_owner="one")
    assert store.tokens(SANDBOX).access_token.get_secret_value() == "connected-again"


def test_tokens_moved_to_the_other_slot_are_noticed(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    store.save(build_account(environment=PRODUCTION, org_id=OTHER_ORG_ID), build_tokens())
    with writing(store.engine) as connection:
        stolen = connection.execute(
            select(account_tokens.c.ciphertext).where(account_tokens.c.environment == PRODUCTION)
        ).scalar_one()
        connection.execute(
            update(account_tokens).where(account_tokens.c.environment == SANDBOX).values(ciphertext=stolen)
        )
    with pytest.raises(ConfigurationError, match="another account"):
        store.tokens(SANDBOX)


def test_a_sign_in_is_taken_once(store: AccountStore) -> None:
    sign_in = PendingSignIn(SANDBOX, SecretStr("verifier-123"), "http://localhost:3001/oauth/callback")
    store.sign_ins.keep("state-1", sign_in)
    with pytest.raises(AccessRefused):
        store.sign_ins.take("state-2")
    assert store.sign_ins.take("state-1") == sign_in
    with pytest.raises(AccessRefused, match="already used"):
        store.sign_ins.take("state-1")


def test_an_old_sign_in_is_refused(store: AccountStore) -> None:
    sign_in = PendingSignIn(SANDBOX, SecretStr("verifier-123"), "http://localhost:3001/oauth/callback")
    store.sign_ins.keep("state-1", sign_in, lifetime=-MINUTE)
    with pytest.raises(AccessRefused, match="too old"):
        store.sign_ins.take("state-1")


def test_secrets_are_not_shown(store: AccountStore) -> None:
    shown = repr(build_tokens(signing_key=SecretStr("-----BEGIN"))) + repr(
        PendingSignIn(SANDBOX, SecretStr("verifier-123"), "http://localhost")
    )
    for secret in ("stored-access", "stored-refresh", "-----BEGIN", "verifier-123"):
        assert secret not in shown
    with reading(store.engine) as connection:
        assert connection.execute(select(account_tokens)).all() == []
