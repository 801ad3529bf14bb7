"""Somebody without a report of WalkMe tries the product with made-up logins of the sandbox's own Leads."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.installation import Installation
from integration_center.integration.environment import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import Center

OFFER = "Try with sample data"


@pytest.mark.proof
@pytest.mark.parametrize("path", ["/", "/reports"])
def test_from_nothing_to_a_run_with_sample_data(
    path: str, center: Center, browser: Browser, installation: Installation
) -> None:
    page = browser.open(path)
    assert OFFER in page.text
    answer = browser.post("/sample", {"csrf_token": browser.token()})
    assert "Sample logins is there: made-up logins of 50 Leads of Sandbox." in answer.text
    user = WizardUser(browser, answer)
    user.wait()
    assert user.step == "report"
    assert user.values["key-column"] == ["User ID"]
    assert "98 % of all 51 keys match a record" in user.seen.text
    assert "visitor@nowhere.example" in user.seen.text
    user.press("next")
    user.press("save")
    assert "Sample logins to Lead is saved." in user.seen.text
    result = center.run("sample_logins_to_lead")
    assert result.success
    assert OFFER not in browser.open("/").text
    assert (Action.CREATED, "the report Sample logins, with made-up logins of 50 Leads") in [
        (entry.action, entry.detail) for entry in installation.audit.list()
    ]


def test_it_is_offered_where_it_can_be_used(
    center: Center, console: Console, browser: Browser, open_browser: Callable[..., Browser], installation: Installation
) -> None:
    viewer = open_browser(build_app(replace(console, identify=lambda request: User("carl", Role.VIEWER))))
    assert OFFER not in viewer.open("/").text
    browser.open("/")
    installation.accounts.delete(Environment.SANDBOX)
    assert OFFER not in browser.open("/").text
    refused = browser.post("/sample", {"csrf_token": browser.token()}, status=409)
    assert "A sample report needs a connected Sandbox" in refused.text
    assert not (center.home / "drops" / "sample_logins").exists()


def test_a_report_that_has_data_needs_no_sample(center: Center, browser: Browser) -> None:
    center.drop([("ann@x.example", None, None, 1)])
    assert OFFER not in browser.open("/reports").text


def test_an_org_without_addresses_says_so(center: Center, browser: Browser) -> None:
    browser.open("/")
    with center.emulator.sandbox.store.writing() as connection:
        connection.execute('UPDATE "Lead" SET "Email" = NULL')
    answer = browser.post("/sample", {"csrf_token": browser.token()})
    assert "Sandbox has no Lead with an e-mail address" in answer.text
