"""Accounts in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import Services

pytestmark = pytest.mark.xdist_group("browser")


def test_an_account_is_added_and_looked_after(page: Page, services: Services, inspection: Inspection) -> None:
    page.goto("/accounts")
    inspection.inspect(page, "accounts-empty")
    page.get_by_role("button", name="+ Add Account for Sandbox").click()
    page.get_by_role("button", name="Allow").click()
    expect(page).to_have_url(re.compile(r"/accounts$"))
    expect(page.get_by_text("✓ Connected")).to_be_visible()
    expect(page.get_by_text(re.compile("API calls left today"))).to_be_visible()
    inspection.inspect(page, "accounts")
    page.goto("/audit")
    expect(page.get_by_role("cell", name="connected", exact=True)).to_be_visible()
    inspection.inspect(page, "audit")
