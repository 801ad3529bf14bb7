"""The client with one running emulator a test module, wiped clean of switches after each test."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot_file import SnapshotFolder
from integration_center_tests.conftest import restore
from integration_center_tests.frame_stores import open_store
from integration_center_tests.salesforce.credentials import ClientCredentials
from integration_center_tests.salesforce.daily import ORG_ID, Integration
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(EmulatorConfig(records=600, insights=False)) as running:
        yield running


@pytest.fixture
def handle(emulator: Emulator) -> Iterator[OrgHandle]:
    handle = emulator.sandbox
    handle.calls.clear()
    yield handle
    handle.faults.clear()
    handle.org.flows.clear()
    handle.org.bulk.resume()


@pytest.fixture
def tokens(handle: OrgHandle) -> ClientCredentials:
    return ClientCredentials(handle)


@pytest.fixture
def org(tokens: ClientCredentials) -> Iterator[Org]:
    retries = RetryPolicy(attempts=4, wait_initial=0.0, wait_jitter=0.0, retry_after_max=0.01)
    # The org's jobs run in threads of their own, so a look must leave them the time of a breath.
    breath = threading.Event()

    def breathe(seconds: float) -> None:
        breath.wait(min(seconds, 0.02))

    with Session(tokens, retries=retries) as session:
        yield Org(session, polling=Polling(deadline=20.0, sleep=breathe))


@pytest.fixture
def integration(
    emulator_process: tuple[Emulator, dict[str, list[dict[str, Any]]]], tmp_path: Path
) -> Iterator[Integration]:
    """An integration that has read all once, in an org with the Leads it began with."""
    emulator, leads = emulator_process
    handle = emulator.sandbox
    restore(handle, leads["sandbox"])
    snapshot = SnapshotFolder(open_store(tmp_path)).of("logins", "Lead", ORG_ID, handle.org.profile.user_id)
    integration = Integration(handle, ClientCredentials(handle), snapshot)
    integration.read()
    assert integration.was_full
    integration.pass_time(hours=24)
    yield integration
    handle.clock.reset()
