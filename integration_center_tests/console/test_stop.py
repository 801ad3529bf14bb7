"""The button that stops everything: for admins, with one more question, and a banner on every page."""

from collections.abc import Callable
from dataclasses import replace

import dagster as dg
import pytest

from integration_center.access.users import Role
from integration_center.console.engine import UnfinishedRun
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import PLAIN, Center, logins

BANNER = "Everything is stopped."


def test_an_admin_stops_everything_and_resumes(browser: Browser, dagster: OwnDagster) -> None:
    dagster.center.integrate()
    dagster.center.drop(logins(PLAIN))
    asked = browser.open("/admin/stop")
    assert "Salesforce revokes the access of" in asked.text
    assert BANNER not in browser.open("/").text
    done = browser.submit(asked, "/admin/stop", {"reason": "a wrong <report>"})
    assert "Salesforce has revoked the tokens" in done.text
    for path in ("/", "/accounts", "/log", "/audit", "/admin", "/integrations/logins_to_leads", "/integrations/new"):
        seen = browser.open(path)
        assert BANNER in seen.text, path
        assert "a wrong <report>" in seen.text
    front = browser.open("/").text
    assert "Will not start: Everything is stopped" in front
    assert "will fail" not in front.casefold(), "nothing starts, so nothing fails"
    refused = browser.submit(
        browser.open("/integrations/logins_to_leads"), "/integrations/logins_to_leads/run", status=409
    )
    assert "Everything was stopped by" in refused.text
    assert dagster.launched == []
    resumed = browser.submit(browser.open("/admin/stop"), "/admin/resume")
    assert resumed.path == "/accounts"
    assert BANNER not in resumed.text
    assert "Not connected" in resumed.text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_nobody_else_may_stop_or_resume(console: Console, open_browser: Callable[..., Browser], role: Role) -> None:
    other = open_browser(build_app(replace(console, identify=lambda request: User("vera", role, signed_in=True))))
    assert "/admin" not in other.open("/").targets
    assert "Only an admin may do this" in other.open("/admin/stop", status=403).text
    other.post("/admin/stop", {"csrf_token": other.token()}, status=403)
    other.post("/admin/resume", {"csrf_token": other.token()}, status=403)
    assert console.installation.stops.find() is None


def test_a_run_that_starts_is_named_before_a_stop_and_a_disconnect(
    center: Center, console: Console, browser: Browser
) -> None:
    center.integrate()
    assert "No integration is running now." in browser.open("/admin/stop").text
    console.starts.note(UnfinishedRun("r", "logins_to_leads", dg.DagsterRunStatus.STARTING))
    assert "1 integration is running now and will end: Logins to Leads." in browser.open("/admin/stop").text
    asked = browser.open("/accounts/sandbox/disconnect").text
    assert "Logins to Leads has a run that is starting, and will fail." in asked
