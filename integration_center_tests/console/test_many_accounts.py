"""More than two accounts in the console: added, connected, chosen in the wizard, promoted to, disconnected, removed."""

import pytest

from integration_center.access.audit import Action
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, OrgKind
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.salesforce_page import connect
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.further_org import EMEA, emea, emea_process
from salesforce_emulator.server import OrgHandle

__all__ = ["emea", "emea_process"]


def add(browser: Browser, name: str, kind: str = "production") -> str:
    """Fill in the form at the end of the page Accounts; what the page says then."""
    return browser.submit(browser.open("/accounts"), "/accounts/add", {"name": name, "kind": kind}).text


@pytest.mark.proof
def test_an_account_is_added_connected_used_and_removed(
    emea: OrgHandle, center: Center, browser: Browser, installation: Installation
) -> None:
    assert "Account emea-prod is added." in add(browser, "emea-prod")
    page = browser.open("/accounts").text
    assert "Connect emea-prod" in page
    assert "account: emea-prod" in page

    after = connect(browser, "emea-prod")
    account = installation.accounts.get(EMEA)
    assert account.org_id == emea.org.profile.org_id
    assert f"emea-prod is connected to {account.org_name}" in after.text
    assert emea.url in after.text
    browser.open("/accounts/emea-prod/status?again=1")

    center.drop(logins(PLAIN))
    user = WizardUser.begin(browser)
    user.press("next", {"environment": "emea-prod"})
    assert user.step == "report"
    user.press("environment")
    assert user.values["environment"] == ["emea-prod"]
    user.press("next")
    user.press("stay", {"report": "Logins", "object": "Lead"})
    user.press("next")
    assert "in emea-prod" in user.seen.text
    user.press("plan", {"name": "In EMEA"})
    user.send(user.seen.path, {"go": ["save"]})
    saved = (center.defs / "in_emea" / "defs.yaml").read_text(encoding="utf-8")
    assert "account: emea-prod" in saved
    assert "environment:" not in saved

    center.integrate()
    target = browser.open("/integrations/logins_to_leads/promote?to=emea-prod")
    assert "Logins to Leads to emea-prod" in target.text
    assert "What differs in emea-prod" in target.text
    assert "/integrations/logins_to_leads/promote?to=production" in target.targets
    copied = browser.open("/integrations/logins_to_leads/duplicate")
    assert "emea-prod: Acme (emea-prod)" in copied.text

    narrowed = browser.open("/?environment=emea-prod")
    assert "In EMEA" in narrowed.text
    assert "1 of 2 integrations" in narrowed.text
    assert "emea-prod" in browser.open("/log?environment=emea-prod").text
    assert "in emea-prod" in browser.open("/integrations/in_emea").text

    browser.submit(browser.open("/accounts/emea-prod/disconnect"), "/accounts/emea-prod/disconnect")
    assert installation.accounts.find(EMEA) is None
    assert installation.accounts.find(Environment.SANDBOX) is not None
    assert "/accounts/emea-prod/remove" not in browser.open("/accounts").html, "an integration uses it"
    (center.defs / "in_emea" / "defs.yaml").unlink()
    gone = browser.submit(browser.open("/accounts"), "/accounts/emea-prod/remove")
    assert "Account emea-prod is removed." in gone.text
    assert installation.accounts.names.find("emea-prod") is None
    noted = [entry.action for entry in installation.audit.list() if entry.environment is EMEA]
    wizard = [Action.CREATED, Action.PLANNED]
    assert noted == [Action.REMOVED_ACCOUNT, Action.DISCONNECTED, *wizard, Action.CONNECTED, Action.ADDED_ACCOUNT]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("EMEA Prod", "production", "lower-case letters, digits and single hyphens"),
        ("../etc", "production", "lower-case letters, digits and single hyphens"),
        ("", "production", "lower-case letters"),
        ("emea-prod", "", "Choose what the org is for."),
        ("emea-prod", "test", "Choose what the org is for."),
        ("sandbox", "production", "is of the kind sandbox and stays so"),
        ("apac", "production", "is of the kind sandbox and stays so"),
        ("apac", "sandbox", "There is an account apac already."),
    ],
)
def test_a_wrong_account_is_refused_and_says_why(
    browser: Browser, installation: Installation, name: str, kind: str, said: str
) -> None:
    installation.accounts.names.add(Environment("apac"), OrgKind.SANDBOX, added_by="ann")
    assert said in add(browser, name, kind)
    assert [*installation.accounts.names.list()] == ["sandbox", "production", "apac"]


def test_an_unknown_account_is_not_found(browser: Browser) -> None:
    seen = browser.open("/accounts/emea-prd/status", status=404)
    assert "There is no such account. There are sandbox, production." in seen.text
