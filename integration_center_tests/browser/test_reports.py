"""The pages of reports in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import Services


@pytest.mark.proof
def test_a_report_is_looked_at_and_its_options_are_opened(
    page: Page, services: Services, inspection: Inspection
) -> None:
    services.drop()
    page.goto("/reports")
    inspection.inspect(page, "reports")
    page.get_by_role("link", name="Logins", exact=True).click()
    expect(page.get_by_role("heading", name="The newest file")).to_be_visible()
    page.get_by_text("Give a column options of its own").click()
    page.get_by_role("button", name="First Login").click()
    expect(page.get_by_label("New name")).to_be_visible()
    page.get_by_label("Time zone of times without one").first.fill("Nowhere")
    page.get_by_role("button", name="Check on the newest file").click()
    expect(page.get_by_text("is not a time zone")).to_be_visible()
    inspection.inspect(page, "report")
