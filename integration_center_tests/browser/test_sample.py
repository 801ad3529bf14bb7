"""Somebody without a report of WalkMe presses a button and sees the first integration."""

import pytest
from playwright.sync_api import Browser, expect

from integration_center.console.shell.context import Console
from integration_center.installation import Installation
from integration_center_tests.browser.inspection import WIDE, Inspection
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center_on_disk", "connect", "home", "installation"]


@pytest.mark.proof
def test_sample_data_by_a_button(
    center: Center, installation: Installation, browser_process: Browser, inspection: Inspection
) -> None:
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("heading", name="No integration yet")).to_be_visible()
        inspection.inspect(page, "integrations-sample")
        page.get_by_role("button", name="Try with sample data").dblclick()
        expect(page.get_by_text("Sample logins is there: made-up logins of 50 Leads of Sandbox.")).to_be_visible()
        expect(page.get_by_text("of all 51 keys match a record: 50 match one")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
        context.close()


@pytest.fixture
def center(center_on_disk: Center) -> Center:
    """The installation, with its history in files: the console serves in a thread."""
    return center_on_disk
