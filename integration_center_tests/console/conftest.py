"""A console over an installation that is connected to the local orgs."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import httpx
import pytest
from starlette.applications import Starlette

from integration_center.console.lookups import wait_for
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser, InProcess
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.guarded import provider, running, serve, settings
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import (
    center,
    center_on_disk,
    connect,
    history_in_memory,
    home,
)

__all__ = [
    "center",
    "center_on_disk",
    "connect",
    "history_in_memory",
    "home",
    "provider",
    "running",
    "serve",
    "settings",
]

BASE_URL = "http://localhost:3001"
PATIENCE = 60.0
"""Seconds. A test of what a page shows without an answer sets its own."""


@pytest.fixture(autouse=True)
def patient_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages that wait do so longer: on a busy machine labels, reports and Dagster are not there in 0.4 seconds."""
    labels = "integration_center.console.labels.wait_for"
    monkeypatch.setattr(labels, lambda answers, seconds: wait_for(answers, PATIENCE if seconds else 0))
    for module in ("surroundings", "pages.log"):
        monkeypatch.setattr(f"integration_center.console.{module}.PATIENCE", PATIENCE)


@pytest.fixture
def installation(center: Center) -> Iterator[Installation]:
    """The center's stored state."""
    with open_installation() as installation:
        yield installation


@pytest.fixture
def nobody(installation: Installation) -> None:
    """No account is connected yet."""
    installation.accounts.delete(Environment.SANDBOX)


@pytest.fixture
def console(installation: Installation, center: Center, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console of the center: the sandbox is connected, there are no integrations, and Dagster is down."""
    read_history_of(center, monkeypatch)
    # It would go on after the end of a test.
    monkeypatch.setattr("integration_center.console.surroundings.check_again", lambda console, account: None)
    return Console(installation)


def read_history_of(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the console read the center's own history: to make another one takes seconds."""
    for module in ("engine", "dagster"):
        opened = f"integration_center.console.{module}.open_instance"
        monkeypatch.setattr(opened, lambda settings: nullcontext(center.instance))


@pytest.fixture
def open_browser(console: Console) -> Iterator[Callable[..., Browser]]:
    """Opens browsers on the console, each with cookies of its own; takes another app for other settings."""
    clients = []

    def open_browser(app: Starlette | None = None, base_url: str = BASE_URL) -> Browser:
        transport = InProcess(app or build_app(console))
        clients.append(httpx.Client(transport=transport, base_url=base_url, follow_redirects=True))
        return Browser(clients[-1])

    yield open_browser
    for client in clients:
        client.close()


@pytest.fixture
def browser(open_browser: Callable[..., Browser]) -> Browser:
    """A local operator's browser."""
    return open_browser()


@pytest.fixture
def dagster(center_on_disk: Center, console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnDagster:
    """A Dagster that runs, whose history is that of `center_on_disk`."""
    dagster = OwnDagster("http://127.0.0.1:9", center=center_on_disk)
    monkeypatch.setattr(Console, "find_dagster", lambda self: dagster)
    read_history_of(center_on_disk, monkeypatch)
    return dagster
