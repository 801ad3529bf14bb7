"""What the wizard says when something is not as it was: what is wrong, what to do, and never a stack trace."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from integration_center.access.users import Role
from integration_center.console.shell import context
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.integration.spec import Environment
from integration_center.remote import RetryPolicy
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.large_org import enlarge_org
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import LAST, PLAIN, Center, logins

TOKENS = "/services/oauth2/token"

MOST_SECONDS = 0.1 if sys.gettrace() else 0.05
"""Of processor time for a page. A run that measures coverage takes about half as much again."""


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An org that is not there is not waited for."""
    policy = RetryPolicy(attempts=2, wait_initial=0.0, wait_jitter=0.0, retry_after_max=0.0)
    monkeypatch.setattr(context, "SHORT", policy)


@pytest.fixture
def drops(center: Center) -> Center:
    """The report of yesterday, and an integration of it."""
    center.drop(logins(PLAIN))
    center.integrate()
    return center


def tells(seen: Seen, *texts: str) -> None:
    """The page says these texts, and nothing of our code."""
    for text in texts:
        assert text in seen.text, seen.text
    assert "Traceback" not in seen.html
    assert ".py" not in seen.text


def test_an_org_that_cannot_be_reached(drops: Center, browser: Browser) -> None:
    drops.emulator.sandbox.faults.drop("/services/data/*", times=None)
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    tells(user.seen, "That did not work just now", "Nothing you entered is lost.", "Try again")
    assert "Choose another account" in user.seen.links
    drops.emulator.sandbox.faults.clear()
    user.seen = browser.open(user.seen.links["Try again"])
    user.wait()
    assert user.values["field-1"] == [LAST]


def test_a_connection_that_was_revoked_meanwhile(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    drops.emulator.sandbox.org.sessions.revoke_all()
    refusal = '{"error":"invalid_grant","error_description":"expired access/refresh token"}'
    drops.emulator.sandbox.faults.respond(400, TOKENS, times=None, body=refusal, content_type="application/json")
    user.press("next")
    tells(user.seen, "Salesforce refused access")
    assert user.seen.form("/accounts/sandbox/connect").method == "post"


def test_an_account_that_was_disconnected_meanwhile(drops: Center, browser: Browser, console: Console) -> None:
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    console.installation.accounts.delete(Environment.SANDBOX)
    user.open("mapping")
    assert user.step == "environment"
    tells(user.seen, "Choose a connected account.")


def test_a_report_that_is_gone(drops: Center, browser: Browser) -> None:
    drops.integrate("gone", report="Churn", fields=[{"column": "Score", "field": "Rating"}])
    user = WizardUser.begin(browser, "/integrations/gone/edit")
    tells(user.seen, "The report cannot be used", "'Churn' is not visible")
    user.open("report")
    tells(user.seen, "Churn – not there any more", "a custom report needs the tag")


def test_a_report_without_data_yet(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_report(report="NPS")
    tells(user.seen, "there is none at all")


def test_an_object_that_was_renamed(drops: Center, browser: Browser) -> None:
    drops.integrate("renamed", object="Prospect__c")
    user = WizardUser.begin(browser, "/integrations/renamed/edit")
    tells(user.seen, "The object or a field does not fit", "no object Prospect__c")
    user.open("report")
    tells(user.seen, "It may have been renamed or deleted")


def test_columns_and_fields_that_are_gone(drops: Center, browser: Browser) -> None:
    drops.integrate(
        "changed",
        keys=[{"column": "Old ID", "field": "Old_Key__c"}],
        fields=[{"column": "Old Column", "field": "Description"}],
    )
    user = WizardUser.begin(browser, "/integrations/changed/edit")
    tells(user.seen, "The report has no column 'Old ID' any more;", "The report has no column 'Old Column' any more;")
    seen = user.press("save")
    tells(seen, "has no columns 'Old ID' and 'Old Column'; there are 'User ID'", "Old_Key__c")
    user.open("report")
    tells(user.seen, "The report has no column 'Old ID' any more;")


def test_a_file_that_was_broken_by_hand(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    drops.write("logins_to_leads", "type: [")
    seen = user.press("save", {"schedule": "0 10 * * *"})
    assert seen.status == 409
    tells(seen, "it is broken now", "edited by hand")
    assert (drops.defs / "logins_to_leads" / "defs.yaml").read_text() == "type: ["
    tells(
        browser.open("/integrations/logins_to_leads/edit", status=409), "it can only be corrected by hand", "defs.yaml"
    )
    browser.open("/integrations/nowhere/edit", status=404)


def test_a_file_that_was_deleted_meanwhile(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    (drops.defs / "logins_to_leads" / "defs.yaml").unlink()
    tells(user.press("save", {"schedule": "0 10 * * *"}), "was deleted while you edited it")


def test_a_plan_that_fails_says_why_and_can_be_made_again(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    drops.emulator.sandbox.faults.drop("/services/data/*/composite", times=None)
    user.press("plan")
    tells(user.seen, "That did not work just now")
    drops.emulator.sandbox.faults.clear()
    user.seen = browser.open(f"{user.root}/mapping")
    user.wait()
    user.press("plan")
    tells(user.seen, "A run would update 8 records.")


def test_pages_without_calls_to_the_org_are_quick(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    user.open("report")
    user.open("mapping")
    drops.emulator.sandbox.calls.clear()
    for step in ("environment", "report", "mapping"):
        spent = []
        for _ in range(6):
            before = time.process_time()
            browser.client.get(f"{user.root}/{step}")  # without the parser of these tests, which takes as long
            spent.append(time.process_time() - before)
        assert min(spent) < MOST_SECONDS, step
    assert not drops.emulator.sandbox.calls.find(path="/services/data/*")


def test_viewers_change_nothing(console: Console, drops: Center, open_browser: Callable[..., Browser]) -> None:
    viewer = open_browser(build_app(replace(console, identify=lambda request: User("carl", Role.VIEWER))))
    for path in ("/integrations/logins_to_leads/duplicate", "/wizard/x/mapping", "/wizard/x/plan", "/wizard/x/discard"):
        viewer.post(path, {"csrf_token": viewer.token()}, status=403)


@pytest.mark.proof
def test_a_large_org_stays_quick(drops: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = drops.emulator.sandbox
    enlarge_org(monkeypatch, objects=1_300, fields=740)
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    user.open("report")
    user.open("mapping")
    lead.calls.clear()
    for step in ("report", "mapping"):
        spent = []
        for _ in range(6):
            before = time.process_time()
            browser.client.get(f"{user.root}/{step}")
            spent.append(time.process_time() - before)
        assert min(spent) < MOST_SECONDS, step
