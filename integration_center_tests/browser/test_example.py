"""The whole example in a real browser: from no account to a completed run in Sandbox, then in Production."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.stores import build_store
from integration_center_tests.browser.choosing import await_script, choose, expect_chosen
from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import RUN_MS, Services
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, logins
from salesforce_emulator.server import OrgHandle

MOST_TABS = 60
WRITTEN = {str(row[0]): row[3] for row in logins(PLAIN)}
"""What the report says of # Logins Last 30 Days, by e-mail address."""
COLUMNS = {"First Login": FIRST, "Last Login": LAST, "# Logins Last 30 Days": COUNT}


@pytest.fixture
def fresh(services: Services) -> Iterator[Services]:
    """The services with nothing connected or built yet; left so for the next test."""

    def clear() -> None:
        for folder in (services.home / "defs").iterdir():
            shutil.rmtree(folder)
        store = build_store(Settings(_env_file=None, dagster_home=services.home))
        for environment in (Environment.SANDBOX, Environment.PRODUCTION):
            store.delete(environment)
        store.engine.dispose()

    clear()
    yield services
    clear()


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_the_example_from_no_account_to_both_orgs(page: Page, fresh: Services, inspection: Inspection) -> None:
    build_and_run(page, fresh, inspection)
    read_the_log(page, inspection)
    go_to_production_by_keyboard_alone(page, fresh, inspection)


def build_and_run(page: Page, services: Services, inspection: Inspection) -> None:
    """Connect Sandbox, build the integration in the wizard, plan, save, Run Now."""
    before = leads(services.emulator.sandbox)
    page.goto("/")
    expect(page.get_by_role("heading", name="Connect an account first")).to_be_visible()
    inspection.inspect(page, "integrations-empty")
    page.get_by_role("link", name="Go to Accounts").click()
    add_account(page, "Sandbox")

    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="+ New Integration").first.click()
    page.get_by_role("radio", name="Sandbox").check()
    expect(page.get_by_role("radio", name="Production")).to_be_disabled()
    inspection.inspect(page, "wizard-environment")
    page.get_by_role("button", name="Continue").click()

    page.get_by_label("Report", exact=True).select_option("Logins")
    page.get_by_label("Salesforce object").fill("Lead")
    page.get_by_label("Salesforce object").blur()
    expect(page.get_by_role("region", name="First rows of the report")).to_contain_text("2026-01-")
    expect(page.get_by_label("Report column")).to_have_value("User ID")
    expect_chosen(page.get_by_label("Lead field"), "Email")
    match = page.get_by_role("region", name="Match rate")
    expect(match).to_contain_text(f"of all {len(PLAIN) + 1} keys match a record: {len(PLAIN)} match one")
    expect(match).to_contain_text("nobody@nowhere.example")
    inspection.inspect(page, "wizard-report")
    page.get_by_role("button", name="Continue").click()

    await_script(mapping(page, 1).get_by_label("Lead field"))
    for number, (column, field) in enumerate(COLUMNS.items(), start=1):
        if mapping(page, number).count() == 0:
            page.get_by_role("button", name="+ Add column").click()
        mapping(page, number).get_by_label("Report column").select_option(column)
        choose(mapping(page, number).get_by_label("Lead field"), field)
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    expect(page.get_by_text("After saving, the next run is")).to_contain_text("08:00 UTC")
    inspection.inspect(page, "wizard-mapping")

    # Back and forth by the headers, and nothing is lost.
    page.get_by_role("button", name="Environment").click()
    expect(page.get_by_role("radio", name="Sandbox")).to_be_checked()
    page.get_by_role("button", name="Mapping").click()
    expect_chosen(mapping(page, 3).get_by_label("Lead field"), COUNT)

    page.get_by_role("button", name="Plan", exact=True).click()
    expect(page.get_by_text(f"A run would update {len(PLAIN)} records.")).to_be_visible()
    inspection.inspect(page, "wizard-plan")
    assert leads(services.emulator.sandbox) == before
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Logins to Lead is saved. Its next run is")).to_be_visible(timeout=RUN_MS)
    assert len(list(services.home.glob("defs/*/defs.yaml"))) == 1
    inspection.inspect(page, "integrations-saved")
    page.get_by_role("button", name="Run Logins to Lead now").first.click()
    expect(page.get_by_role("list").filter(has_text="Sending")).to_be_visible()
    inspection.inspect(page, "run-live")
    expect(page.get_by_text(f"Completed: {len(PLAIN)} records were updated.")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("link", name=f"{len(PLAIN)} updated")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^00Q")).first).to_be_visible()
    expect(page.get_by_role("link", name="Run in the Dagster UI")).to_have_attribute(
        "href", re.compile(re.escape(services.dagster_url) + "/runs/")
    )
    inspection.inspect(page, "run")
    assert written(services.emulator.sandbox) == WRITTEN


def read_the_log(page: Page, inspection: Inspection) -> None:
    """What became of the rows, as a list, as a run's own log, as a ledger, and as CSV."""
    page.goto("/")
    expect(page.get_by_role("row", name="Logins to Lead")).to_contain_text("Completed")
    inspection.inspect(page, "integrations")
    page.get_by_role("link", name="Logins to Lead", exact=True).click()
    expect(page.get_by_text("updates 3 fields of Lead in Sandbox where User ID is the Email.")).to_be_visible()
    expect(page.get_by_role("group", name="Records of the last run")).to_be_visible()
    inspection.inspect(page, "integration")
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Log", exact=True).last.click()
    expect(page.get_by_role("row", name="Completed")).to_have_count(1)
    inspection.inspect(page, "log")

    page.get_by_role("link", name="Show log").click()
    expect(page.get_by_role("list", name="Steps")).to_contain_text(f"Completed: {len(PLAIN)} records were updated.")
    inspection.inspect(page, "run-log")
    page.get_by_role("link", name="Technical events").click()
    expect(page.get_by_role("cell", name="INFO").first).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile(rf"^Completed: {len(PLAIN)} updated"))).to_be_visible()
    inspection.inspect(page, "run-log-events")
    page.get_by_role("link", name="Ledger").click()
    expect(page.get_by_role("link", name=f"All {len(PLAIN) + 1}")).to_be_visible()
    inspection.inspect(page, "ledger")
    page.get_by_role("link", name="1 not found in Salesforce").click()
    expect(page.get_by_role("row", name="nobody@nowhere.example")).to_contain_text("no Lead has this Email")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text(f"{len(PLAIN) + 1} records. Rows are numbered")).to_be_visible()
    page.get_by_label("Find a record").fill("NOBODY@")
    page.get_by_label("Find a record").press("Enter")
    expect(page.get_by_text("1 record. Rows are numbered")).to_be_visible()
    expect(page).not_to_have_url(re.compile("nobody", re.IGNORECASE))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "nobody@nowhere.example" in download.value.path().read_text(encoding="utf-8")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Log").click()
    expect(page.get_by_role("cell", name="Completed")).to_be_visible()
    inspection.inspect(page, "log-of-all")
    page.goto("/")
    open_menu(page, "Logins to Lead")
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete Logins to Lead?")).to_be_visible()
    inspection.inspect(page, "delete")


def go_to_production_by_keyboard_alone(page: Page, services: Services, inspection: Inspection) -> None:
    """The same into Production, without a mouse."""
    page.goto("/accounts")
    press(page, page.get_by_role("button", name="+ Add Account for Production"))
    expect(page.get_by_role("button", name="Allow")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Production").get_by_text("✓ Connected")).to_be_visible()
    press(page, page.get_by_role("link", name="Integrations", exact=True))

    press(page, page.get_by_label("Actions for Logins to Lead"))
    press(page, page.get_by_role("link", name="Duplicate"))
    tab_to(page, page.get_by_role("radio", name="Production").or_(page.get_by_role("radio", name="Sandbox")))
    if not page.get_by_role("radio", name="Production").is_checked():
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Production")).to_be_checked()
    inspection.inspect(page, "duplicate")
    press(page, page.get_by_role("button", name="Continue"))

    expect_chosen(mapping(page, 3).get_by_label("Lead field"), COUNT)
    tab_to(page, page.get_by_role("textbox", name="Name"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Logins, for real")
    press(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_text("is saved.")).to_be_visible(timeout=RUN_MS)

    press(page, page.get_by_label("Actions for Logins, for real"))
    press(page, page.get_by_role("button", name="Run Now"))
    expect(page.get_by_text(f"Completed: {len(PLAIN)} records were updated.")).to_be_visible(timeout=RUN_MS)
    assert written(services.emulator.production) == WRITTEN
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name=re.compile("^Logins, for real"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Integrations")).to_be_visible()
    expect(page.get_by_role("row", name="Logins, for real")).to_contain_text("Completed")


def leads(org: OrgHandle) -> list[dict[str, Any]]:
    """The org's Leads."""
    return org.store.records("Lead")


def written(org: OrgHandle) -> dict[str, object]:
    """What the Leads of the report's people hold."""
    found = {(lead["Email"] or "").lower(): lead[COUNT] for lead in leads(org)}
    return {email: found[email] for email in WRITTEN}


def open_menu(page: Page, name: str) -> None:
    """The ⋯ of a row."""
    page.get_by_label(f"Actions for {name}").click()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the control has the focus, as a person without a mouse does."""
    expect(target.first).to_be_visible()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if target.evaluate_all("found => found.includes(document.activeElement)"):
            return
    pytest.fail(f"{MOST_TABS} times Tab does not reach {target}")


def press(page: Page, target: Locator) -> None:
    """Go to a control by Tab, and press Enter."""
    tab_to(page, target)
    page.keyboard.press("Enter")


def add_account(page: Page, environment: str) -> None:
    """Connect an org by its consent page."""
    page.get_by_role("button", name=f"+ Add Account for {environment}").click()
    page.get_by_role("button", name="Allow").click()
    card = page.get_by_role("region", name=environment)
    expect(card.get_by_text("✓ Connected")).to_be_visible()


def mapping(page: Page, number: int) -> Locator:
    """A row of the wizard's third screen."""
    return page.get_by_role("group", name=f"Mapping {number}", exact=True)
