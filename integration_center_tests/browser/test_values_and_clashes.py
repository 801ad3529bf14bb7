"""The third screen by hand: a constant in a field, a field that another integration writes, saved switched off."""

import pytest
from playwright.sync_api import Page, expect

from integration_center_tests.browser.choosing import choose
from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.test_typing import center, go_to_mapping, wizard
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import FIRST, Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "home", "installation", "wizard"]


@pytest.mark.proof
def test_a_constant_is_written_to_a_field(wizard: Page, center: Center, inspection: Inspection) -> None:
    go_to_mapping(wizard)
    wizard.get_by_role("button", name="+ Add value").click()
    expect(wizard.locator("#make-3")).to_be_focused()
    wizard.locator("#make-3").select_option(label="SQL of your own")
    wizard.locator("#value-3").fill("'WalkMe'")
    choose(wizard.locator("#field-3"), "Description")
    preview = wizard.locator("#preview")
    expect(preview.get_by_text("WalkMe").first).to_be_visible()
    inspection.inspect(wizard, "wizard-constant")
    wizard.get_by_label("Name", exact=True).fill("With a constant")
    wizard.get_by_role("button", name="Save", exact=True).click()
    expect(wizard.get_by_text("With a constant is saved.")).to_be_visible()
    text = (center.defs / "with_a_constant" / "defs.yaml").read_text()
    assert "value: '''WalkMe'''" in text or "value: \"'WalkMe'\"" in text
    assert "field: Description" in text


@pytest.mark.proof
def test_a_field_that_another_integration_writes_leads_there_and_can_be_saved_switched_off(
    wizard: Page, center: Center, inspection: Inspection
) -> None:
    center.integrate("the_first", name="The first", fields=[{"column": "First Login", "field": FIRST}])
    go_to_mapping(wizard)
    row = wizard.locator("#row-0")
    expect(row).to_contain_text("is already written by The first.")
    link = row.get_by_role("link", name="The first")
    expect(link).to_have_attribute("href", "/integrations/the_first")
    inspection.inspect(wizard, "wizard-clash")
    with wizard.context.expect_page() as opened:
        link.click(modifiers=["Control"])
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text("The first")
    opened.value.close()
    wizard.get_by_label("Name", exact=True).fill("The second")
    wizard.get_by_role("button", name="Save", exact=True).click()
    expect(wizard.locator(".notice").filter(has_text="already written by The first. Choose another")).to_be_visible()
    assert not (center.defs / "the_second" / "defs.yaml").exists()
    wizard.get_by_role("button", name="Save switched off").click()
    expect(wizard.get_by_text("The second is saved.")).to_be_visible()
    assert "enabled: false" in (center.defs / "the_second" / "defs.yaml").read_text()
