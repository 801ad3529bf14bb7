"""A form whose console cannot take it: the page says so, keeps what was typed, and its button works afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.requests import Request

from integration_center.access.users import Role
from integration_center.console.shell.context import Console
from integration_center.console.shell.page import UNDONE
from integration_center.console.shell.users import User
from integration_center.installation import Installation
from integration_center.integration.environment import Environment
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center_on_disk", "connect", "home", "installation"]


SLUG = "logins_to_leads"
OFFLINE = "Connection lost, so nothing was sent."
SIGNED_OUT = "You are signed out, so nothing was sent."


@dataclass
class Door:
    """Says who is there; a test lets the session end.

    Attributes:
        user: None while nobody is signed in.
    """

    user: User | None = field(default_factory=lambda: User("ann", Role.ADMIN, signed_in=True))

    def __call__(self, request: Request) -> User | None:
        return self.user


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def center(center_on_disk: Center) -> Center:
    center_on_disk.integrate(SLUG)
    center_on_disk.drop(logins(PLAIN))
    return center_on_disk


@pytest.fixture
def context(
    center: Center, installation: Installation, door: Door, browser_process: Browser
) -> Iterator[BrowserContext]:
    with serving(replace(Console(installation), identify=door)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
        yield context
        context.close()


def press_offline(page: Page, name: str) -> None:
    """Press a button without a network, twice, then with one."""
    page.context.set_offline(True)
    button = page.get_by_role("button", name=name, exact=True)
    said = page.locator("#connection")
    for _ in range(2):
        button.click()
        expect(said).to_contain_text(OFFLINE)
        said.evaluate("each => each.replaceChildren()")  # so that the next press is seen to be answered
    page.context.set_offline(False)
    button.click()


@pytest.mark.proof
def test_without_a_network_nothing_is_sent_and_the_button_works_later(
    context: BrowserContext, center: Center, installation: Installation
) -> None:
    page = context.new_page()
    page.goto(f"/integrations/{SLUG}/duplicate")
    press_offline(page, "Continue")
    expect(page.locator("#field-0")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("The other one")
    page.get_by_label("Enabled").uncheck()
    press_offline(page, "Save")
    expect(page.get_by_text("The other one is saved.")).to_be_visible()
    page.goto(f"/integrations/{SLUG}/delete")
    press_offline(page, "Delete Logins to Leads")
    expect(page.get_by_text("Logins to Leads is deleted.")).to_be_visible()
    assert not (center.defs / SLUG / "defs.yaml").exists()
    page.goto("/admin/stop")
    page.get_by_label("Why").fill("a rehearsal")
    press_offline(page, "Stop everything")
    expect(page.get_by_role("heading", level=1)).to_contain_text("stopped")
    stop = installation.stops.find()
    assert stop is not None
    assert stop.reason == "a rehearsal"


@pytest.mark.proof
@pytest.mark.parametrize("milliseconds", [60_000, 0])
def test_after_the_session_ended_what_is_typed_stays_until_somebody_signed_in_again(
    context: BrowserContext, center: Center, door: Door, milliseconds: int
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(f"/integrations/{SLUG}/edit")
    expect(page.locator("#field-0")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Another name")
    ann, door.user = door.user, None
    context.clear_cookies()
    page.clock.fast_forward(milliseconds)
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.locator("#connection")).to_contain_text(SIGNED_OUT)
    expect(page.get_by_role("link", name="Sign in again")).to_have_attribute("target", "_blank")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Another name")
    assert "Another name" not in (center.defs / SLUG / "defs.yaml").read_text()
    door.user = ann
    save.click()
    expect(page.get_by_text("Another name is saved.")).to_be_visible()


def test_a_session_that_ended_just_now_leads_to_the_sign_in_and_back(
    context: BrowserContext, center: Center, door: Door, installation: Installation
) -> None:
    page = context.new_page()
    page.goto("/accounts/sandbox/disconnect")
    ann, door.user = door.user, None
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text(UNDONE)).to_be_visible()
    assert installation.accounts.get(Environment.SANDBOX)
    door.user = ann
    page.reload()
    expect(page).to_have_url("/accounts/sandbox/disconnect")


@pytest.mark.proof
def test_back_reload_and_a_second_tab_write_nothing_twice(context: BrowserContext, center: Center) -> None:
    page, other = context.new_page(), context.new_page()
    for each in (page, other):
        each.goto(f"/integrations/{SLUG}/delete")
    page.get_by_role("button", name="Delete").dblclick()
    expect(page.get_by_text("Logins to Leads is deleted.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Logins to Leads is deleted.")).to_have_count(0)
    page.go_back()
    expect(page.get_by_text("There is no such page")).to_be_visible()
    other.get_by_role("button", name="Delete").click()
    expect(other.get_by_text("There is no such page")).to_be_visible()
