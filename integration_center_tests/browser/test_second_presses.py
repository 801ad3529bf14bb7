"""Buttons pressed twice that save how a report is read, throw a draft away, and write rights into the org."""

import pytest
from playwright.sync_api import Page, expect

from integration_center.access.audit import Action
from integration_center.installation import Installation
from integration_center_tests.browser.test_buttons import Open, center, dagster, open_context
from integration_center_tests.browser.test_typing import go_to_mapping
from integration_center_tests.console.conftest import installation
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import PLAIN, Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "dagster", "home", "installation", "open_context"]

pytestmark = pytest.mark.xdist_group("browser")

REPORT = "/reports/logins"


@pytest.fixture
def page(dagster: OwnDagster, installation: Installation, open_context: Open) -> Page:
    return open_context(installation).new_page()


@pytest.mark.proof
def test_the_proposed_options_of_a_report_are_saved_once_within_the_wizard(
    page: Page, center: Center, installation: Installation
) -> None:
    folder = center.home / "drops" / "logins"
    (file,) = folder.iterdir()
    file.write_text(file.read_text() + f"{len(PLAIN)} rows\nConfidential\n")
    page.goto("/integrations/new")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Report", exact=True).select_option("Logins")
    page.get_by_role("button", name="Save these options").dblclick()
    expect(page.get_by_text("The options are saved, and the report is read again.")).to_be_visible()
    assert (folder / "report.yaml").read_text().count("footer: 2") == 1
    assert [entry.action for entry in installation.audit.list()] == [Action.CHANGED]
    page.get_by_label("Salesforce object").fill("Lead")
    page.get_by_label("Salesforce object").blur()
    expect(page.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()


def test_options_that_do_not_read_the_file_are_saved_all_the_same(
    page: Page, center: Center, installation: Installation
) -> None:
    kept = center.home / "drops" / "logins" / "report.yaml"
    page.goto(REPORT)
    page.get_by_label("Lines to skip at the end").fill("^Total")
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.get_by_text("does not match “Lines to skip at the end” ^Total").first).to_be_visible()
    assert not kept.exists()
    page.get_by_role("button", name="Save all the same").dblclick()
    expect(page.get_by_text("The options of the report are saved.")).to_be_visible()
    assert kept.read_text() == "footer: ^Total\n"
    assert [entry.action for entry in installation.audit.list()] == [Action.CHANGED]


@pytest.mark.proof
def test_a_draft_is_thrown_away_once(page: Page, center: Center) -> None:
    page.goto("/integrations/new")
    page.get_by_role("button", name="Continue").click()
    go_to_mapping(page)
    address = page.url
    page.get_by_role("link", name="Discard").click()
    page.get_by_role("button", name="Discard").dblclick()
    expect(page.get_by_role("heading", level=1, name="Integrations")).to_be_visible()
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    page.goto(address)
    expect(page.locator("#field-0")).to_have_count(0)
    assert not list(center.defs.iterdir())


@pytest.mark.proof
def test_rights_are_written_once(page: Page, center: Center, installation: Installation) -> None:
    center.integrate()
    page.goto("/accounts/sandbox/rights")
    page.get_by_role("button", name="Create or update it in Sandbox").dblclick()
    expect(page.get_by_text("The permission set Integration_Center_Sandbox was created")).to_be_visible()
    assert [entry.action for entry in installation.audit.list()] == [Action.GRANTED]
    page.get_by_role("button", name="Create or update it in Sandbox").click()
    expect(page.get_by_text("0 rights added, 0 taken away, 0 refused")).to_be_visible()


@pytest.mark.proof
def test_a_double_click_that_began_on_the_page_before_presses_nothing_here(page: Page, center: Center) -> None:
    center.integrate()
    page.goto("/integrations/logins_to_leads")
    page.get_by_role("button", name="Pause").click()  # its page comes before the second press
    button = page.get_by_role("button", name="Switch on")
    place = button.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 5, place["y"] + 5)
    page.evaluate("() => { window.sent = 0; addEventListener('submit', () => { window.sent += 1; }); }")
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    assert page.evaluate("() => window.sent") == 0
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
