"""A page that somebody leaves is never led elsewhere by what it asks for by itself."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import delete

from integration_center.console.shell.context import Console
from integration_center.database.engine import writing
from integration_center.database.tables import drafts
from integration_center.installation import Installation
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.services import RUN_MS
from integration_center_tests.browser.test_buttons import dagster
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.browser.test_typing import center, go_to_mapping
from integration_center_tests.console.conftest import installation
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "dagster", "home", "installation"]


Gate = tuple[threading.Event, threading.Event]
"""That somebody is there, and what lets them go on."""
REFRESHES = re.compile(r"[?&]refresh=1")
GONE = re.compile("this draft is not here any more", re.IGNORECASE)


@dataclass
class Refreshes:
    """Holds what a page asks for by itself, and lets it get its answer when a test says so.

    Attributes:
        held: the requests that wait.
        kind: which addresses.
        is_open: whether none is held any more.
    """

    page: Page
    held: list[Route] = field(default_factory=list)
    kind: re.Pattern[str] = REFRESHES
    is_open: bool = False

    def __post_init__(self) -> None:
        self.page.route(self.kind, self._hold)
        while not self.held:
            self.page.evaluate("() => new Promise(requestAnimationFrame)")

    def answer(self) -> None:
        """Let the one that waits have its answer, and wait until the page has dealt with it: it asks again."""
        with self.page.expect_request(self.kind) as following:
            self.held.pop(0).continue_()
        assert not following.value.is_navigation_request()

    def let_go(self) -> None:
        """Hold none any more."""
        self.is_open = True
        while self.held:
            self.held.pop().continue_()

    def _hold(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.held.append(route)


@pytest.fixture
def page(center: Center, dagster: OwnDagster, installation: Installation, browser_process: Browser) -> Iterator[Page]:
    """The mapping screen of a new draft, which goes on asking what the org runs: the org does not answer that."""
    held = center.emulator.sandbox.faults.hold("*/tooling/*", times=None)
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto("/integrations/new")
        page.get_by_role("button", name="Continue").click()
        go_to_mapping(page)
        expect(page.locator("#late")).to_have_attribute("data-refresh", REFRESHES)
        yield page
        held.release()
        context.close()


@pytest.fixture
def reload_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds Save after the draft is gone, while Dagster reads the new file."""
    reached, released = threading.Event(), threading.Event()

    def reload(self: OwnDagster) -> None:
        reached.set()
        assert released.wait(RUN_MS / 1_000)

    monkeypatch.setattr(OwnDagster, "reload", reload)
    yield reached, released
    released.set()


def test_save_shows_what_was_saved_though_a_refresh_finds_no_draft_any_more(page: Page, reload_held: Gate) -> None:
    reached, released = reload_held
    refreshes = Refreshes(page)
    page.get_by_role("button", name="Save", exact=True).click(no_wait_after=True)
    assert reached.wait(RUN_MS / 1_000)
    refreshes.answer()
    released.set()
    expect(page.get_by_text("Logins to Lead is saved.")).to_be_visible()


@pytest.mark.proof
def test_a_link_that_is_followed_leads_where_it_says(page: Page, installation: Installation) -> None:
    refreshes = Refreshes(page)
    followed: list[Route] = []
    page.route("**/log", lambda route: followed.append(route))
    with page.expect_request("**/log"):
        page.get_by_role("link", name="Log", exact=True).click(no_wait_after=True)
    discard(installation)
    refreshes.answer()
    followed[0].continue_()
    expect(page.get_by_role("heading", level=1, name="Log")).to_be_visible()


@pytest.mark.proof
def test_a_page_that_is_not_left_is_led_to_an_address_as_of_a_link(page: Page, installation: Installation) -> None:
    refreshes = Refreshes(page)
    address = page.url
    discard(installation)
    refreshes.let_go()
    expect(page.get_by_text(GONE)).to_be_visible()
    assert page.url == address


@pytest.mark.proof
def test_a_page_whose_loading_was_stopped_is_kept_up_to_date_again(page: Page, installation: Installation) -> None:
    refreshes = Refreshes(page)
    page.route("**/log", lambda route: None)
    with page.expect_request("**/log"):
        page.get_by_role("link", name="Log", exact=True).click(no_wait_after=True)
    page.context.new_cdp_session(page).send("Page.stopLoading")  # what Escape does
    discard(installation)
    refreshes.let_go()
    expect(page.get_by_text(GONE)).to_be_visible()


@pytest.mark.proof
def test_a_button_works_again_after_its_loading_was_stopped(page: Page) -> None:
    save = page.get_by_role("button", name="Save", exact=True)
    page.route("**/mapping", lambda route: None, times=1)
    with page.expect_request("**/mapping"):
        save.click(no_wait_after=True)
    page.context.new_cdp_session(page).send("Page.stopLoading")
    save.click()
    expect(page.get_by_text("Logins to Lead is saved.")).to_be_visible()


@pytest.mark.proof
def test_what_is_typed_stays_where_the_page_is_gone(page: Page, installation: Installation) -> None:
    refreshes = Refreshes(page)
    page.get_by_label("Name", exact=True).fill("Logins of today")
    discard(installation)
    refreshes.let_go()
    expect(page.locator("#connection")).to_contain_text(GONE)
    expect(page.locator("#connection")).to_contain_text("What you typed is still here")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Logins of today")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def discard(installation: Installation) -> None:
    """Drop all drafts, as another tab may do."""
    with writing(installation.engine) as connection:
        connection.execute(delete(drafts))
