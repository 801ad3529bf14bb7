"""Integrations that were written by hand in a real browser; what every run shows is looked at in `test_example`."""

import re

import pytest
import stamina
from playwright.sync_api import Page, expect

from integration_center.pipeline.instance.webserver import find_webserver
from integration_center.settings import Settings
from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import RUN_MS, START_SECONDS, Services
from integration_center_tests.pipeline.center import PLAIN, email


def await_dagster(services: Services) -> None:
    """Wait until the console can reach Dagster: it listens before Dagster has loaded the integrations."""
    settings = Settings(dagster_home=services.home)
    for attempt in stamina.retry_context(on=LookupError, attempts=None, timeout=2 * START_SECONDS, wait_max=0.5):
        with attempt:
            if find_webserver(settings) is None:
                raise LookupError("Dagster does not answer yet")


def release_by_keyboard(page: Page, services: Services, inspection: Inspection) -> None:
    """Run into a limit, and release the plan with a reason, without a mouse."""
    services.integrate("logins_by_hand", name="Logins by hand", limits={"max_changed": "0 %"})
    page.goto("/integrations/logins_by_hand")
    page.get_by_role("button", name="Run Now").press("Enter")
    release = page.get_by_role("button", name="Release")
    expect(release).to_be_visible(timeout=RUN_MS)
    inspection.inspect(page, "run-held")
    page.get_by_label("Why it may be sent, or why not").focus()
    page.keyboard.type("announced to the owners")
    page.keyboard.press("Tab")
    expect(release).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{len(PLAIN)} records were updated.")).to_be_visible(timeout=RUN_MS)
    services.integrate("logins_by_hand", name="Logins by hand")


def look_by_keyboard(page: Page, inspection: Inspection) -> None:
    """Search, erase, look at everything and add a channel, without a mouse."""
    page.goto("/search")
    page.keyboard.press("Tab")  # the link to the content, which the rest of the page follows
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(email(PLAIN[0]))
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name=re.compile("Logins by hand"))).to_have_count(4)
    inspection.inspect(page, "search")
    page.get_by_role("link", name="What is stored of this person").press("Enter")
    erase = page.get_by_role("button", name="Erase all of this")
    expect(erase).to_be_visible()
    inspection.inspect(page, "search-stored")
    page.get_by_label("I am sure").press("Space")
    erase.press("Enter")
    expect(page.get_by_text("found nothing")).to_be_visible()
    page.get_by_role("link", name="Doctor").press("Enter")
    expect(page.get_by_role("link", name="Look again")).to_be_visible(timeout=RUN_MS)
    inspection.inspect(page, "doctor")
    page.get_by_role("link", name="Alerts", exact=True).press("Enter")
    page.get_by_label("Name").focus()
    page.keyboard.type("ops")
    page.get_by_label("Type").select_option("webhook")
    page.get_by_label("Address of the webhook").focus()
    page.keyboard.type("http://127.0.0.1:9/hooks")
    page.get_by_label("Secret for the signature").focus()
    page.keyboard.type("sixteen letters or more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("cell", name="Signed webhook")).to_be_visible()
    inspection.inspect(page, "alerts")
    page.get_by_role("button", name="Send a test to ops").press("Enter")
    expect(page.get_by_text("The test message to ops is not sent")).to_be_visible()
    page.get_by_role("button", name="Remove ops").press("Enter")
    expect(page.get_by_text("The channel ops is removed.")).to_be_visible()


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_a_file_written_by_hand_from_the_grid_through_a_run_to_its_end(
    page: Page, services: Services, inspection: Inspection
) -> None:
    services.integrate("logins_by_hand", name="Logins by hand")
    services.integrate("not_whole", name="Not whole", keys=[])
    page.goto("/accounts")
    page.get_by_role("button", name="+ Add Account for Sandbox").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("✓ Connected")).to_be_visible()
    await_dagster(services)

    page.goto("/")
    row = page.get_by_role("row", name=re.compile("Logins by hand"))
    expect(page.get_by_role("row", name=re.compile("not_whole"))).to_contain_text("Broken")
    menu = page.get_by_label("Actions for Logins by hand")
    menu.focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Plan")).to_be_visible()
    inspection.inspect(page, "integrations-menu")
    page.keyboard.press("Escape")
    expect(row.get_by_role("button", name="Plan")).to_be_hidden()
    expect(menu).to_be_focused()

    held = services.emulator.sandbox.faults.hold("*/composite", times=None)  # until the page has lost the connection
    row.get_by_role("button", name="Run Logins by hand now").press("Enter")
    page.wait_for_url("**/runs/*")
    page.context.set_offline(True)
    expect(page.get_by_text("Connection lost, trying again …")).to_be_visible()
    expect(page.locator("progress:not([value])")).to_be_hidden()
    inspection.inspect(page, "run-connection-lost")
    page.context.set_offline(False)
    held.release()
    done = page.get_by_text(f"Completed: {len(PLAIN)} records were updated.")
    expect(done).to_be_visible(timeout=RUN_MS)
    page.get_by_role("link", name="Show log").click()
    page.get_by_role("link", name="Run of Logins by hand").click()
    expect(done).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text(f"{len(PLAIN)} records would get the values from before the run back.")).to_be_visible()
    inspection.inspect(page, "undo-plan")
    page.get_by_role("button", name=f"Write {len(PLAIN)} records back").click()
    expect(done).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("heading", name="Undo of Logins by hand")).to_be_visible()

    release_by_keyboard(page, services, inspection)
    page.goto("/log")
    expect(page.get_by_role("row", name=re.compile("Logins by hand.*Completed"))).to_have_count(3)
    page.get_by_role("link", name="Logins by hand").first.click()
    expect(page.get_by_role("heading", name="Log of Logins by hand")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Logins by hand", exact=True)).to_be_visible()

    look_by_keyboard(page, inspection)
    page.goto("/components")
    inspection.inspect(page, "components")
    bar = page.locator(".chart a").last
    bar.focus()
    expect(page.locator(".chart .said")).to_have_text(bar.get_attribute("aria-label") or "")
    page.goto("/integrations/logins_by_hand/delete")
    page.get_by_role("link", name="Keep it").click()
    for name in ("Logins by hand", "not_whole"):
        page.get_by_label(f"Actions for {name}").click()
        page.get_by_role("link", name="Delete").click()
        page.set_default_timeout(RUN_MS)  # Dagster reads the integrations again meanwhile
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(page.get_by_text(f"{name} is deleted.")).to_be_visible()
    page.goto("/accounts")
    page.get_by_role("link", name="Disconnect Sandbox").click()
    page.get_by_role("button", name="Disconnect Sandbox").click()
    expect(page.get_by_role("button", name="+ Add Account for Sandbox")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Connect an account first")).to_be_visible()
