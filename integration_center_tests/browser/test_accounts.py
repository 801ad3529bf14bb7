"""Accounts in a real browser."""

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import Services


@pytest.mark.proof
def test_an_account_from_adding_to_disconnecting(page: Page, services: Services, inspection: Inspection) -> None:
    page.goto("/accounts")
    inspection.inspect(page, "accounts-empty")

    page.get_by_role("button", name="+ Add Account for Sandbox").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", name="Access was not allowed")).to_be_visible()
    inspection.inspect(page, "accounts-denied")

    services.integrate("logins_to_leads", fields=[{"column": "Last Login", "field": "WalkMe_Not_Visible__c"}])
    services.emulator.sandbox.org.set_permission("PermissionsModifyAllData", False)
    page.get_by_role("button", name="Connect Sandbox again").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Modify All Data is missing")).to_be_visible()
    inspection.inspect(page, "accounts-permission-missing")
    services.emulator.sandbox.org.set_permission("PermissionsModifyAllData", True)
    shutil.rmtree(services.home / "defs" / "logins_to_leads")

    page.get_by_role("button", name="Connect Sandbox again").click()
    page.get_by_role("button", name="Allow").click()
    expect(page).to_have_url(re.compile(r"/accounts$"))
    expect(page.get_by_text("✓ Connected")).to_be_visible()
    expect(page.get_by_text("API calls left today")).to_be_visible()
    inspection.inspect(page, "accounts")

    services.integrate("logins_to_leads")
    page.get_by_role("link", name="Held, missing and surplus in Sandbox").click()
    expect(page.get_by_text("No needed right is missing.")).to_be_visible()
    inspection.inspect(page, "rights")
    page.get_by_role("button", name="Create or update it in Sandbox").click()
    expect(page.get_by_text("The permission set Integration_Center_Sandbox was created")).to_be_visible()
    services.emulator.sandbox.org.become_administrator()
    shutil.rmtree(services.home / "defs" / "logins_to_leads")
    page.goto("/accounts")

    services.emulator.sandbox.org.sessions.revoke_all()
    page.get_by_role("link", name="Check again Sandbox").click()
    expect(page.get_by_text("✕ The connection has ended")).to_be_visible()
    inspection.inspect(page, "account-ended")

    page.goto("/accounts")
    page.get_by_role("link", name="Disconnect Sandbox").click()
    expect(page.get_by_role("heading", name="Disconnect Sandbox?")).to_be_visible()
    inspection.inspect(page, "disconnect")
    page.get_by_role("button", name="Disconnect Sandbox").click()
    expect(page.get_by_role("button", name="+ Add Account for Sandbox")).to_be_visible()

    page.goto("/audit")
    expect(page.get_by_role("cell", name="disconnected", exact=True)).to_be_visible()
    inspection.inspect(page, "audit")
    page.goto("/nowhere")
    inspection.inspect(page, "not-found")
