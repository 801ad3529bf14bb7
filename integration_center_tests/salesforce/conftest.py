"""The client with one running emulator a test module, wiped clean of switches after each test."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from integration_center.emulator.server import Emulator, EmulatorConfig, OrgHandle
from integration_center.salesforce.org import Org
from integration_center.salesforce.polling import Polling
from integration_center.salesforce.session import RetryPolicy, Session


class ClientCredentials:
    """Tokens of the client-credentials flow."""

    def __init__(self, handle: OrgHandle) -> None:
        self.handle = handle
        self.renewals = 0
        self._pair = self._ask()

    def current(self) -> tuple[str, str]:
        return self._pair

    def renew(self, dead_token: str) -> tuple[str, str]:
        self.renewals += 1
        self._pair = self._ask()
        return self._pair

    def _ask(self) -> tuple[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.handle.client_id,
            "client_secret": self.handle.client_secret,
        }
        answer = httpx.post(f"{self.handle.url}/services/oauth2/token", data=form).json()
        return answer["instance_url"], answer["access_token"]


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
