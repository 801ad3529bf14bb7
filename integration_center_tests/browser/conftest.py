"""A real browser, and everything it needs; started once, since both take seconds."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from integration_center_tests.browser.inspection import WIDE, Inspection
from integration_center_tests.browser.services import Services, running_services
from integration_center_tests.conftest import restore

REQUIRED = "INTEGRATION_CENTER_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome")
EXPECT_MS = 60_000
REBOUND = "rebound.example"
"""A name that its owner lets lead to this machine, once a page under it is open."""

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]

expect.set_options(timeout=EXPECT_MS)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run the tests that need `up`, and one the others: to start a browser or `up` takes seconds."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("up" if "services_of_worker" in item.fixturenames else "browser"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium; without one the tests here are skipped, or fail where they are required."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    reason = f"no Chromium is installed (looked for {', '.join(NAMES)}); on Debian: apt-get install chromium"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}. {REQUIRED} is set, so these tests may not be skipped")
    pytest.skip(reason)


@pytest.fixture(scope="package")
def services_of_worker(
    chromium: str, tmp_path_factory: pytest.TempPathFactory, one_certificate: Path
) -> Iterator[Services]:
    """What `integration-center up` runs. Not for the whole session: its daemon would work beside all other tests."""
    with running_services(tmp_path_factory.mktemp("home"), one_certificate) as services:
        yield services


@pytest.fixture
def services(services_of_worker: Services) -> Iterator[Services]:
    """The services. What a test writes to the orgs is undone: the next one counts on records that would change."""
    services = services_of_worker
    orgs = (services.emulator.sandbox, services.emulator.production)
    before = [org.store.records("Lead") for org in orgs]
    yield services
    for org, rows in zip(orgs, before, strict=True):
        restore(org, rows)


@pytest.fixture(scope="package")
def browser_process(chromium: str) -> Iterator[Browser]:
    """Chromium. Not for the whole session: while it is open, no other test of this worker can run an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser_process: Browser, services: Services) -> Iterator[Page]:
    """A tab of a browser without cookies; a script error or a refused script or style fails the test."""
    context = browser_process.new_context(
        viewport=WIDE,
        base_url=services.url,
        color_scheme="light",
        reduced_motion="reduce",  # a colour under way to another is none to judge
        locale="en-GB",
    )
    page = context.new_page()
    page.set_default_timeout(EXPECT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    expected = ("favicon", "status of 4", "ERR_INTERNET_DISCONNECTED")
    assert [text for text in complaints if not any(known in text for known in expected)] == []


@pytest.fixture(scope="session")
def inspection() -> Inspection:
    """Looks at each page on the way."""
    return Inspection()
