import threading
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from integration_center.accounts.store import AccountStore, Flow
from integration_center.accounts.stored_tokens import CLAIM, StoredTokens
from integration_center.errors import AccessRefused, ConfigurationError, NotConnected, ServiceUnavailable
from integration_center.integration.spec import Environment
from integration_center.remote import IMPATIENT, ORG_POLICY
from integration_center.salesforce.auth.oauth import PATIENCE
from integration_center.settings import Settings
from integration_center_tests.accounts.fake_salesforce import (
    INSTANCE_URL,
    ORG_ID,
    OTHER_ORG_ID,
    USERNAME,
    FakeSalesforce,
    oauth_error,
)
from integration_center_tests.accounts.samples import build_account, build_tokens
from integration_center_tests.accounts.stores import build_store

SANDBOX = Environment.SANDBOX
DEAD = build_tokens().access_token.get_secret_value()
REFRESH = "5Aep861.stored-refresh"


@pytest.fixture
def stored(store: AccountStore, salesforce: FakeSalesforce) -> AccountStore:
    store.save(build_account(), build_tokens())
    salesforce.refresh_token = REFRESH
    return store


@pytest.fixture
def tokens(settings: Settings, stored: AccountStore) -> StoredTokens:
    return StoredTokens(SANDBOX, settings, stored)


def test_the_stored_token_is_used(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    assert tokens.current() == (INSTANCE_URL, DEAD)
    assert salesforce.requests == []


@pytest.mark.parametrize("instance_url", ["https://evil.example", "http://127.0.0.1:8123"])
def test_an_account_that_was_stored_before_the_check_is_checked_at_use(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, instance_url: str
) -> None:
    store.save(build_account(instance_url=instance_url), build_tokens(instance_url=instance_url))
    tokens = StoredTokens(SANDBOX, settings, store)
    with pytest.raises(AccessRefused, match="connect again"):
        tokens.current()
    with pytest.raises(AccessRefused, match="connect again"):
        tokens.renew(DEAD)
    assert salesforce.requests == []


def test_a_stored_account_behind_a_listed_host_is_used(store: AccountStore, settings: Settings) -> None:
    store.save(build_account(), build_tokens(instance_url="https://sf.acme.example:8443"))
    listed = settings.model_copy(update={"salesforce_hosts": "sf.acme.example:8443,other.example"})
    assert StoredTokens(SANDBOX, listed, store).current() == ("https://sf.acme.example:8443", DEAD)


def test_without_an_account_there_is_none(settings: Settings, store: AccountStore) -> None:
    tokens = StoredTokens(SANDBOX, settings, store)
    with pytest.raises(NotConnected):
        tokens.current()
    with pytest.raises(NotConnected):
        tokens.renew(DEAD)


def test_a_dead_token_is_renewed_and_stored(
    tokens: StoredTokens, stored: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.changes = {"instance_url": "https://moved.my.salesforce.com"}
    instance_url, token = tokens.renew(DEAD)

    assert token in salesforce.access_tokens
    assert instance_url == "https://moved.my.salesforce.com"
    assert tokens.current() == (instance_url, token)
    kept = stored.tokens(SANDBOX)
    assert (kept.access_token.get_secret_value(), kept.instance_url) == (token, instance_url)
    assert kept.refresh_token == SecretStr(REFRESH)
    assert stored.get(SANDBOX).instance_url == instance_url


def test_a_rotated_refresh_token_is_kept(
    tokens: StoredTokens, stored: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.rotation = True
    _, first = tokens.renew(DEAD)
    _, second = tokens.renew(first)
    assert first != second
    kept = stored.tokens(SANDBOX).refresh_token
    assert kept is not None
    assert kept.get_secret_value() == salesforce.refresh_token
    assert [form["refresh_token"] for form in salesforce.token_forms[:1]] == [REFRESH]


def run_together(*calls: Callable[[], object]) -> list[object]:
    barrier = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = calls[index]()
        except AccessRefused as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_many_threads_renew_once(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    salesforce.rotation = True
    results = run_together(*[lambda: tokens.renew(DEAD)] * 8)
    assert len(set(results)) == 1
    assert len(salesforce.token_forms) == 1


def test_many_processes_renew_once(settings: Settings, stored: AccountStore, salesforce: FakeSalesforce) -> None:
    """Each with its own engine and provider, as processes have them; only the database is shared."""
    salesforce.rotation = True
    providers = [StoredTokens(SANDBOX, settings, build_store(settings)) for _ in range(4)]
    results = run_together(*[lambda provider=provider: provider.renew(DEAD) for provider in providers])
    assert len(set(results)) == 1
    assert len(salesforce.token_forms) == 1


def test_a_token_that_another_process_renewed_is_taken_over(
    settings: Settings, stored: AccountStore, tokens: StoredTokens, salesforce: FakeSalesforce
) -> None:
    assert tokens.current()[1] == DEAD
    renewed = StoredTokens(SANDBOX, settings, build_store(settings)).renew(DEAD)
    assert tokens.renew(DEAD) == renewed
    assert len(salesforce.token_forms) == 1


def test_a_renewal_that_ended_just_before_the_claim_is_taken_over(
    settings: Settings, stored: AccountStore, tokens: StoredTokens, salesforce: FakeSalesforce
) -> None:
    others: list[tuple[str, str]] = []
    claim = stored.claim_renewal

    def claim_late(environment: Environment, owner: str, time_to_live: timedelta) -> bool:
        others.append(StoredTokens(SANDBOX, settings, build_store(settings)).renew(DEAD))
        return claim(environment, owner, time_to_live)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "claim_renewal", claim_late)
        mine = tokens.renew(DEAD)

    assert [mine] == others
    assert len(salesforce.token_forms) == 1


def test_a_revoked_connection_is_asked_once(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    salesforce.refresh_token = None
    results = run_together(*[lambda: tokens.renew(DEAD)] * 4)
    assert all(isinstance(result, AccessRefused) for result in results)
    assert {str(result) for result in results} == {str(results[0])}
    assert "integration-center connect sandbox" in str(results[0])
    assert {result.said.sentence for result in results if isinstance(result, AccessRefused)} == {
        "Salesforce no longer accepts the Sandbox account's tokens (expired or revoked); connect the account again"
    }
    assert len(salesforce.token_forms) == 1


def test_a_passing_fault_leaves_the_connection_alive(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(httpx.Response(503))
    with pytest.raises(ServiceUnavailable):
        tokens.renew(DEAD)
    assert tokens.renew(DEAD)[1] in salesforce.access_tokens


def test_a_process_that_died_while_it_renewed_is_waited_for_by_the_policy_of_the_request(
    tokens: StoredTokens, stored: AccountStore, salesforce: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.accounts.stored_tokens.POLL_SECONDS", 0.0)
    assert stored.claim_renewal(SANDBOX, "a process that died", CLAIM)
    with pytest.raises(ServiceUnavailable, match="another process") as caught:
        tokens.renew(DEAD)
    assert salesforce.requests == []
    # The attempts of a run, which nobody watches, outlast the claim. Those of a page do not.
    asked = ORG_POLICY.decide(caught.value, 1) * (ORG_POLICY.attempts - 1)
    assert CLAIM.total_seconds() < asked < ORG_POLICY.timeout
    assert IMPATIENT.decide(caught.value, 1) <= IMPATIENT.retry_after_max

    stored.release_renewal(SANDBOX, "a process that died")
    assert tokens.renew(DEAD)[1] in salesforce.access_tokens


@pytest.mark.parametrize("flow", ["web", "jwt", "client-credentials"])
def test_who_waits_for_a_page_waits_no_longer_for_a_token_than_for_the_org(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, signing_key: SecretStr, flow: Flow
) -> None:
    salesforce.refresh_token = REFRESH
    refresh_token = SecretStr(REFRESH) if flow == "web" else None
    own = build_tokens(refresh_token=refresh_token, signing_key=signing_key if flow == "jwt" else None)
    store.save(build_account(flow=flow), own)
    StoredTokens(SANDBOX, settings, store, IMPATIENT).renew(DEAD)
    waits = salesforce.requests[-1].extensions["timeout"]
    assert waits["connect"] == IMPATIENT.read_timeout
    # An answer with a new refresh token that nobody waits for ends the connection.
    assert waits["read"] == (PATIENCE if flow == "web" else IMPATIENT.read_timeout)

    StoredTokens(SANDBOX, settings, store, ORG_POLICY).renew(store.tokens(SANDBOX).access_token.get_secret_value())
    assert {*salesforce.requests[-1].extensions["timeout"].values()} == {PATIENCE}


def test_connecting_again_revives_a_waiting_run(
    tokens: StoredTokens, stored: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.refresh_token = None
    with pytest.raises(AccessRefused):
        tokens.renew(DEAD)
    stored.save(build_account(), build_tokens(access_token=SecretStr("fresh")))
    assert tokens.renew(DEAD) == (INSTANCE_URL, "fresh")


def test_headless_accounts_sign_in_again(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, signing_key: SecretStr
) -> None:
    store.save(build_account(flow="client-credentials"), build_tokens(refresh_token=None))
    StoredTokens(SANDBOX, settings, store).renew(DEAD)
    store.save(build_account(flow="jwt"), build_tokens(refresh_token=None, signing_key=signing_key))
    without_secret = settings.model_copy(update={"sandbox_client_secret": SecretStr("")})
    tokens = StoredTokens(SANDBOX, without_secret, store)
    _, first = tokens.renew(DEAD)
    tokens.renew(first)
    assert [form["grant_type"].rpartition(":")[2] for form in salesforce.token_forms] == [
        "client_credentials",
        "jwt-bearer",
        "jwt-bearer",
    ]
    assert store.get(SANDBOX).username == USERNAME


def test_a_web_account_without_refresh_token_has_to_reconnect(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    store.save(build_account(), build_tokens(refresh_token=None))
    with pytest.raises(AccessRefused, match="no refresh token"):
        StoredTokens(SANDBOX, settings, store).renew(DEAD)
    assert salesforce.requests == []


def test_a_refreshed_sandbox_behind_the_same_domain_stops_the_run(
    tokens: StoredTokens, stored: AccountStore, salesforce: FakeSalesforce
) -> None:
    salesforce.org_id = OTHER_ORG_ID
    with pytest.raises(AccessRefused, match=f"leads to org {OTHER_ORG_ID}"):
        tokens.renew(DEAD)
    assert stored.tokens(SANDBOX) == build_tokens()


def test_an_org_id_without_its_checksum_is_the_same_org(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    salesforce.org_id = ORG_ID[:15]
    assert tokens.renew(DEAD)[1] != DEAD


def test_a_slot_connected_to_another_org_stops_the_run(tokens: StoredTokens, stored: AccountStore) -> None:
    tokens.current()
    stored.save(build_account(org_id=OTHER_ORG_ID), build_tokens(access_token=SecretStr("other")))
    with pytest.raises(AccessRefused, match="run again"):
        tokens.renew(DEAD)


def test_disconnecting_stops_a_run(tokens: StoredTokens, stored: AccountStore) -> None:
    tokens.current()
    stored.delete(SANDBOX)
    with pytest.raises(NotConnected):
        tokens.renew(DEAD)


def test_a_wrong_client_secret_is_a_setting(tokens: StoredTokens, salesforce: FakeSalesforce) -> None:
    salesforce.refuse(oauth_error("invalid_client", "invalid client credentials", 401))
    with pytest.raises(ConfigurationError, match="SALESFORCE_SANDBOX_CLIENT_SECRET"):
        tokens.renew(DEAD)
