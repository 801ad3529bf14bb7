"""Sessions that end in the middle of Bulk jobs, over real sockets: what is asked of the sign-in, and what is said."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import stamina
from pydantic import SecretStr

from integration_center.accounts.store import Tokens
from integration_center.accounts.stored_tokens import StoredTokens
from integration_center.errors import ConnectionEnded, IntegrationCenterError, ServiceUnavailable
from integration_center.integration.spec import Environment
from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.polling import FAILED_LOOKS, Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.push import push_updates
from integration_center.settings import Settings
from integration_center_tests.accounts.samples import build_account
from integration_center_tests.accounts.stores import build_store
from integration_center_tests.salesforce.scripted import RecordingJournal
from salesforce_emulator.server import Emulator, OrgHandle

ATTEMPTS = 3
NUMBER = "WalkMe_Logins_Last_30_Days__c"
TOKEN = "*/oauth2/token"


@dataclass(frozen=True)
class Call:
    """A kind of call at which the session ends.

    Attributes:
        requests: how many requests want a session before the sync gives up, if the sign-in does not answer.
    """

    name: str
    method: str
    path: str
    requests: int = 1


CALLS = [
    Call("query job", "POST", "*/jobs/query"),
    Call("look at the query job", "GET", "*/jobs/query/750*[!s]", FAILED_LOOKS),
    Call("query results", "GET", "*/jobs/query/*/results"),
    Call("ingest job", "POST", "*/jobs/ingest"),
    Call("upload", "PUT", "*/batches", 2),  # and the job is aborted
    Call("close", "PATCH", "*/jobs/ingest/*"),
    Call("look at the ingest job", "GET", "*/jobs/ingest/*[!s/]", FAILED_LOOKS),
    Call("failed results", "GET", "*/failedResults/", 3),  # the other results, and the job
]


@pytest.fixture
def handle(emulator: Emulator) -> OrgHandle:
    return emulator.sandbox


@pytest.fixture
def org(handle: OrgHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Org]:
    """The org, with an account whose refresh token works, by waits that take no time."""
    monkeypatch.setattr("integration_center.salesforce.read.costs.BULK_CALLS", 0)
    settings = Settings(
        _env_file=None,
        dagster_home=tmp_path,
        sandbox_login_url=handle.url,
        sandbox_client_id=handle.client_id,
        sandbox_client_secret=SecretStr(handle.client_secret),
    )
    store = build_store(settings)
    issued = handle.org.sessions.issue("api refresh_token", with_refresh=True)
    access, refresh = SecretStr(issued.session.token), SecretStr(str(issued.refresh_token))
    account = build_account(org_id=handle.org.profile.org_id, login_url=handle.url, instance_url=handle.url)
    store.save(account, Tokens(access, refresh, handle.url, datetime.now(UTC)))
    retries = RetryPolicy(attempts=ATTEMPTS, wait_initial=0.0, wait_jitter=0.0)
    polling = Polling(deadline=60.0, sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    with (
        stamina.set_testing(False),
        Session(StoredTokens(Environment.SANDBOX, settings, store), retries=retries) as session,
    ):
        yield Org(session, polling=polling)


def work(org: Org, handle: OrgHandle, call: Call) -> tuple[str, str | None]:
    """Read or write by Bulk, with a session that ends at `call`. Return what came of it, and what is said of it."""
    lead = org.describe("Lead")
    handle.faults.expire(call.path, method=call.method)
    if "query" in call.name:
        try:
            return f"{org.read_records(lead, ['Email'], expected_rows=1_000_000).height} records", None
        except IntegrationCenterError as error:
            return type(error).__name__, error.said.sentence
    ids = [row[0] for row in handle.store.rows("SELECT Id FROM Lead WHERE IsConverted = 0 LIMIT 5")]
    updates = pl.DataFrame({"Id": ids}).select(
        "Id", pl.lit(4.0).alias(f"after.{NUMBER}"), pl.lit(True).alias(f"changed.{NUMBER}")
    )
    results = push_updates(org, lead, updates, journal=RecordingJournal(), channel="bulk")
    ((outcome, code, message),) = results.select("outcome", "code", "message").unique().rows()
    return code or outcome, message


@pytest.mark.sampled
@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def test_a_session_that_can_be_renewed_goes_unnoticed(org: Org, handle: OrgHandle, call: Call) -> None:
    assert work(org, handle, call)[0] in {f"{handle.store.count('Lead')} records", "updated"}
    assert len(handle.calls.find("POST", TOKEN)) == 1


@pytest.mark.sampled
@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def test_a_refused_renewal_ends_the_work_at_once_and_says_what_to_do(
    org: Org, handle: OrgHandle, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle.org.sessions, "expire_access", handle.org.sessions.revoke_all)
    ended, said = work(org, handle, call)
    assert ended == ConnectionEnded.__name__
    assert said == (
        "Salesforce no longer accepts the Sandbox account's tokens (expired or revoked); connect the account again"
    )
    assert len(handle.calls.find("POST", TOKEN)) == 1


@pytest.mark.sampled
@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def test_a_sign_in_that_is_out_of_order_is_asked_as_often_as_the_policy_says(
    org: Org, handle: OrgHandle, call: Call
) -> None:
    handle.faults.respond(503, TOKEN, times=None)
    assert work(org, handle, call)[0] == ServiceUnavailable.__name__
    assert len(handle.calls.find("POST", TOKEN)) == ATTEMPTS * call.requests
    refused = [seen for seen in handle.calls.find(call.method) if seen.status == 401]
    assert len(refused) == 1, "what is known to be refused was sent again"
