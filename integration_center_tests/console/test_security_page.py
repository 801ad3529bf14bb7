"""What the console shows and hands out for a security review."""

from collections.abc import Callable
from dataclasses import replace

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser


def test_accounts_shows_scopes_age_and_addresses(browser: Browser, connect: Callable[[Environment], None]) -> None:
    connect(Environment.SANDBOX)
    seen = browser.open("/accounts")
    assert "Issued less than a minute ago, renewed by the app's secret" in seen.text
    assert "Scopes" in seen.text
    assert "Salesforce Sandbox: reading and writing records" in seen.text
    assert "/admin/security-overview" in seen.targets


def test_an_admin_downloads_the_overview(
    console: Console, browser: Browser, open_browser: Callable[..., Browser]
) -> None:
    response = browser.client.get("/admin/security-overview")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    assert "# Security overview" in response.text
    assert console.installation.audit.list(limit=1)[0].action is Action.DOWNLOADED
    other = open_browser(build_app(replace(console, identify=lambda request: User("vera", Role.OPERATOR))))
    other.open("/admin/security-overview", status=403)
    assert "/admin/security-overview" not in other.open("/accounts").targets
