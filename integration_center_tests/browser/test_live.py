"""A page that is kept up to date says when it is not, and goes on by itself; an open menu stays open meanwhile."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from integration_center.console.shell.context import Console
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.browser.test_typing import center
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "home", "installation"]

GRID = re.compile(r"/\?page=1$")
LOST = "Connection lost, trying again …"
NOTE_SAID = """() => {
  const place = document.getElementById("connection");
  window.said = [];
  new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
}"""


@pytest.fixture
def grid(browser_process: Browser, center_on_disk: Center, installation: Installation) -> Iterator[Page]:
    """The front page with one integration; what fails on purpose is no complaint here."""
    center_on_disk.integrate("watched", name="Watched")
    installation.accounts.delete(Environment.SANDBOX)
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce")
        page = context.new_page()
        page.goto("/")
        yield page
        context.close()


def ask_now(page: Page) -> None:
    """What a browser says when its network comes back: the page asks at once."""
    page.evaluate("() => window.dispatchEvent(new Event('online'))")


def fail_with(status: int | None) -> Callable[[Route], None]:
    """Answers with a status, or not at all."""
    return lambda route: route.abort() if status is None else route.fulfill(status=status, body="")


@pytest.mark.timeout(400)
def test_a_live_page_says_when_it_lost_the_connection_and_recovers(grid: Page) -> None:
    said = grid.locator("#connection")
    grid.evaluate(NOTE_SAID)
    grid.get_by_label("Actions for Watched").click()
    for status, text in ((None, LOST), (503, "The console answered with status 503."), (500, LOST)):
        grid.route(GRID, fail_with(status))
        ask_now(grid)
        expect(said).to_contain_text(text)
        grid.unroute(GRID)
        ask_now(grid)
        grid.wait_for_function("() => window.said.includes('Connected again.')")  # it is shown for some seconds only
        grid.evaluate("() => { window.said = []; }")
    expect(grid.get_by_role("button", name="Plan")).to_be_visible()  # the menu is still open


@pytest.mark.timeout(400)
def test_the_grid_brings_itself_up_to_date(grid: Page, center_on_disk: Center) -> None:
    row = grid.get_by_role("row", name=re.compile("Watched"))
    expect(row).to_contain_text("Sandbox is not connected")
    center_on_disk.integrate("watched", name="Watched", enabled=False)
    ask_now(grid)
    expect(row).to_contain_text("Off")
    expect(row).not_to_contain_text("Sandbox is not connected")
