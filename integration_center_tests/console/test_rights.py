"""The rights page: what is held, missing and surplus, the package, and the permission set on consent."""

import io
import zipfile

from integration_center.access.audit import Action
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.salesforce_page import connect
from integration_center_tests.pipeline.center import COUNT, Center


def test_the_rights_of_an_account_and_its_permission_set(
    browser: Browser, center: Center, installation: Installation
) -> None:
    center.integrate()
    accounts = browser.open("/accounts")
    before = browser.open(accounts.links["Held, missing and surplus in Sandbox"])
    assert "No needed right is missing." in before.text
    assert "Modify All Data" in before.text
    assert f"Lead.{COUNT}" in before.text

    package = browser.client.get(before.links["Download the package"])
    with zipfile.ZipFile(io.BytesIO(package.content)) as files:
        xml = files.read("permissionsets/Integration_Center_Sandbox.permissionset").decode()
    assert f"<field>Lead.{COUNT}</field>" in xml
    assert "<modifyAllRecords>true" not in xml

    after = browser.submit(before, "/accounts/sandbox/rights")
    assert "The permission set Integration_Center_Sandbox was created" in after.text
    assert "is assigned to the connected user" in after.text
    assert installation.audit.list()[0].action is Action.GRANTED
    again = browser.submit(after, "/accounts/sandbox/rights")
    assert "was updated (0 rights added, 0 taken away, 0 refused)" in again.text

    org = center.emulator.sandbox.org
    org.rights.sharing = "ReadWrite"
    org.become_integration_user()
    assert "There are no surplus rights." in browser.open("/accounts/sandbox/rights").text
    refused = browser.submit(browser.open("/accounts/sandbox/rights"), "/accounts/sandbox/rights")
    assert "may not change permission sets" in refused.text
    installation.accounts.delete(Environment.SANDBOX)
    connect(browser)
    assert installation.accounts.get(Environment.SANDBOX)


def test_an_environment_that_is_not_connected_or_not_used(browser: Browser, center: Center) -> None:
    center.integrate(environment="production")
    page = browser.open("/accounts/production/rights")
    assert "Production is not connected" in page.text
    assert f"Read and Edit on Lead.{COUNT}" in page.text
    assert "/accounts/production/rights" not in {form.action for form in page.reader.forms}
    assert browser.client.get(page.links["Download the package"]).status_code == 200
    assert "no right is needed" in browser.open("/accounts/sandbox/rights").text
