"""A new user's first integration: few clicks, less than a minute, and the same with the keyboard alone."""

import re
import shutil
import time

import pytest
from playwright.sync_api import Page, expect

from integration_center_tests.browser.services import RUN_MS, Services
from integration_center_tests.browser.test_example import WRITTEN, fresh, press, tab_to, written
from integration_center_tests.browser.test_runs import await_dagster
from integration_center_tests.pipeline.center import PLAIN, logins

__all__ = ["fresh"]


MOST_CLICKS, MOST_SECONDS = 15, 60
COUNT_CLICKS = "addEventListener('pointerdown', event => event.isTrusted && window.noteClick(), true)"
DONE = f"Completed: {len(PLAIN)} records were updated."


@pytest.fixture
def clicks(page: Page) -> list[None]:
    """One entry a press of the mouse, whatever page it is on."""
    found: list[None] = []
    page.context.expose_binding("noteClick", lambda source: found.append(None))
    page.context.add_init_script(COUNT_CLICKS)
    return found


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_the_example_by_few_clicks_and_by_the_keyboard_alone(page: Page, fresh: Services, clicks: list[None]) -> None:
    await_dagster(fresh)
    began = time.monotonic()
    page.goto("/")
    page.get_by_role("link", name="Go to Accounts").click()
    page.get_by_role("button", name="+ Add Account for Sandbox").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="+ New Integration").first.click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Report", exact=True).select_option("Logins")
    clicks += [None, None]  # the list is opened, and an entry is chosen
    page.get_by_label("Salesforce object").click()
    page.keyboard.type("Lead")
    page.keyboard.press("Tab")
    expect(page.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name=re.compile("^Run Logins to Lead now")).first.click()
    expect(page.get_by_text(DONE)).to_be_visible(timeout=RUN_MS)
    assert time.monotonic() - began < MOST_SECONDS
    assert len(clicks) <= MOST_CLICKS
    assert written(fresh.emulator.sandbox) == WRITTEN

    clicks.clear()
    shutil.rmtree(fresh.home / "defs" / "logins_to_lead")
    fresh.drop(count=9)
    by_keyboard(page)
    assert clicks == []
    assert written(fresh.emulator.sandbox) == {str(row[0]): row[3] for row in logins(PLAIN, 9)}


def by_keyboard(page: Page) -> None:
    """From the empty grid to the result of a run, without a mouse."""
    page.goto("/accounts")
    press(page, page.get_by_role("link", name="Integrations", exact=True))
    press(page, page.get_by_role("link", name="+ New Integration"))
    press(page, page.get_by_role("button", name="Continue"))
    report = page.get_by_label("Report", exact=True)
    tab_to(page, report)
    page.keyboard.press("L")  # the letters of a name count as one only if they follow each other quickly
    expect(report).to_have_value("Logins")
    tab_to(page, page.get_by_label("Salesforce object"))
    page.keyboard.type("Lead")
    page.keyboard.press("Tab")
    expect(page.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()
    press(page, page.get_by_role("button", name="Continue"))
    press(page, page.get_by_role("button", name="Save", exact=True))
    press(page, page.get_by_role("button", name=re.compile("^Run Logins to Lead now")))
    expect(page.get_by_text(DONE)).to_be_visible(timeout=RUN_MS)
