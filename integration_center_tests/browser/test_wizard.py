"""The wizard in a real browser: the whole example, to a plan, a saved integration, and Production."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from integration_center.console.shell.context import Console
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.browser.choosing import choose, expect_chosen
from integration_center_tests.browser.inspection import WIDE, Inspection
from integration_center_tests.browser.test_buttons import dagster
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.browser.test_typing import center
from integration_center_tests.console.conftest import installation
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "dagster", "home", "installation"]


@pytest.fixture
def page(center: Center, dagster: OwnDagster, installation: Installation, browser_process: Browser) -> Iterator[Page]:
    """A console of its own, with a Dagster in this process; a script error or a refused script or style fails."""
    center.drop([*logins(PLAIN), ("nobody@nowhere.example", None, None, 1)])
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        yield page
        context.close()
    expected = ("favicon", "status of 4")
    assert [text for text in complaints if not any(known in text for known in expected)] == []


@pytest.mark.timeout(300)
def test_the_example_is_made_by_clicking(
    page: Page, center: Center, connect: Callable[[Environment], None], inspection: Inspection
) -> None:
    page.goto("/")
    page.get_by_role("link", name="+ New Integration").first.click()
    expect(page.get_by_role("radio", name="Sandbox")).to_be_checked()
    page.get_by_role("button", name="Continue").click()

    page.get_by_label("Report", exact=True).select_option(label="Logins (Logins Review)")
    page.get_by_label("Salesforce object").fill("con")
    page.get_by_label("Salesforce object").blur()
    expect(page.get_by_text("Objects that are alike")).to_be_visible()
    page.get_by_label("Salesforce object").fill("lead")
    page.get_by_label("Salesforce object").blur()
    expect(page.get_by_label("Report column")).to_have_value("User ID")
    expect_chosen(page.get_by_label("Lead field"), "Email")
    expect(page.get_by_text(f"of all {len(PLAIN) + 1} keys match a record")).to_be_visible()
    choose(page.get_by_label("Lead field"), "Company")
    expect(page.get_by_text("0 match one, 0 several")).to_be_visible()
    expect(page.get_by_text("Next to nothing matches.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("User ID = Email: 89 %"))).to_be_visible()
    inspection.inspect(page, "wizard-no-match")
    choose(page.get_by_label("Lead field"), "Email")
    expect(page.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()
    page.get_by_role("button", name="Continue").click()

    for number, field in enumerate((FIRST, LAST, COUNT)):
        expect_chosen(page.locator(f"#field-{number}"), field)
    page.get_by_role("button", name="+ Add column").click()
    expect(page.locator("#column-3")).to_be_focused()
    page.locator("#column-3").select_option("User ID")
    wish = page.locator("#field-3-chosen option[value=WalkMe_User_ID__c]")
    expect(wish).to_be_attached()
    choose(page.locator("#field-3"), "WalkMe_User_ID__c")
    expect(page.get_by_text("API name: WalkMe_User_ID__c, type: Text(255)")).to_be_visible()
    expect(page.get_by_role("button", name="Copy the message")).to_be_visible()
    inspection.inspect(page, "wizard-missing-field")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the metadata file").click()
    assert download.value.path().read_bytes().startswith(b"PK")
    page.get_by_role("button", name="Remove mapping 4: User ID").click()
    expect(page.locator("#column-3")).to_have_count(0)

    page.get_by_label("Name", exact=True).fill("Logins by clicking")
    page.get_by_role("button", name="1. Environment").click()
    expect(page.get_by_role("group", name="To which Salesforce org?")).to_be_visible()
    page.get_by_role("button", name="3. Mapping").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Logins by clicking")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_text(f"A run would update {len(PLAIN)} records.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Logins by clicking is saved. Its next run is")).to_be_visible()
    assert "name: Logins by clicking" in (center.defs / "logins_by_clicking" / "defs.yaml").read_text()

    page.get_by_role("link", name="Edit Logins by clicking").click()
    expect_chosen(page.locator("#field-0"), FIRST)
    page.get_by_text("More options").click()
    inspection.inspect(page, "wizard-edit")

    connect(Environment.PRODUCTION)
    page.goto("/integrations/logins_by_clicking/duplicate")
    expect(page.get_by_role("radio", name=re.compile("Production"))).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("in Production, matched by User ID = Email.")).to_be_visible()
    page.get_by_label("Enabled").check()
    expect(page.get_by_text("After saving, the next run is")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Logins by clicking, Production is saved.")).to_be_visible()

    for slug in ("logins_by_clicking", "logins_by_clicking_production"):
        page.goto(f"/integrations/{slug}/delete")
        page.get_by_role("button", name=re.compile("Delete")).click()
        expect(page.get_by_text("is deleted. What it did stays in the log.")).to_be_visible()
    page.goto("/integrations/new")
    page.get_by_role("link", name="Discard").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("The draft is discarded")).to_be_visible()
