"""A third local org: a second production org, called emea-prod."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_center.integration.environment import Environment
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

EMEA = Environment("emea-prod")


@pytest.fixture(scope="session")
def emea_process() -> Iterator[OrgHandle]:
    with Emulator(EmulatorConfig(records=100, insights=False, further={"emea-prod": False})) as further:
        yield further.org("emea-prod")


@pytest.fixture
def emea(emea_process: OrgHandle, home: Path, monkeypatch: pytest.MonkeyPatch) -> OrgHandle:
    """The third org, and the variables that lead to it."""
    monkeypatch.setenv("SALESFORCE_EMEA_PROD_LOGIN_URL", emea_process.url)
    monkeypatch.setenv("SALESFORCE_EMEA_PROD_CLIENT_ID", emea_process.client_id)
    monkeypatch.setenv("SALESFORCE_EMEA_PROD_CLIENT_SECRET", emea_process.client_secret)
    emea_process.calls.clear()
    return emea_process
