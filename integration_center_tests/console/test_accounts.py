"""Accounts in the console: adding one by Salesforce's page, how it is, reconnecting, disconnecting, each refusal."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
import stamina

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.accounts.connecting import begin_web
from integration_center.console.account_checks import AccountChecks
from integration_center.console.refusals import explain
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth.token_errors import explain_refusal
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.salesforce_page import come_back, connect, decide, leave
from integration_center_tests.pipeline.center import Center
from salesforce_emulator.server import Emulator

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


@pytest.fixture
def forbidden(emulator: Emulator) -> Iterator[Callable[[str], None]]:
    """Takes a permission from the sandbox's user, for one test."""
    org, taken = emulator.sandbox.org, []

    def forbid(permission: str) -> None:
        org.set_permission(permission, False)
        taken.append(permission)

    yield forbid
    for permission in taken:
        org.set_permission(permission, True)


def actions(installation: Installation) -> list[tuple[str, str | None]]:
    """What the audit log says was done, the newest first."""
    return [(entry.action.value, entry.detail) for entry in installation.audit.list()]


@pytest.mark.usefixtures("nobody")
def test_an_account_is_added_by_salesforces_page(browser: Browser, installation: Installation) -> None:
    before = browser.open("/accounts")
    assert "+ Add Account for Sandbox" in before.text
    assert "+ Add Account for Production" in before.text

    after = connect(browser)

    assert after.path == "/accounts"
    account = installation.accounts.get(SANDBOX)
    assert account.flow == "web"
    for fact in (account.username, account.org_name, account.org_id, account.instance_url, account.connected_by):
        assert fact in after.text
    assert f"Sandbox is connected to {account.org_name}" in after.text
    assert "Reconnect Sandbox" in after.text
    entry = installation.audit.list()[0]
    assert (entry.action, entry.environment, entry.who) == (Action.CONNECTED, SANDBOX, account.connected_by)
    assert account.org_id in (entry.detail or "")


@pytest.mark.usefixtures("nobody")
def test_the_way_to_salesforce_carries_pkce_and_a_state(browser: Browser, emulator: Emulator) -> None:
    asked = httpx.URL(leave(browser))
    assert str(asked).startswith(f"{emulator.sandbox.url}/services/oauth2/authorize")
    assert asked.params["code_challenge_method"] == "S256"
    assert len(asked.params["state"]) >= 32
    assert asked.params["redirect_uri"] == "http://localhost:3001/oauth/callback"


def test_both_environments_are_side_by_side(browser: Browser, installation: Installation) -> None:
    connect(browser, "production")
    assert {account.environment for account in installation.accounts.list()} == {SANDBOX, PRODUCTION}


@pytest.mark.usefixtures("nobody")
def test_access_that_was_denied(browser: Browser, installation: Installation) -> None:
    seen = come_back(browser, decide(leave(browser), "deny"), status=409)
    assert "Access was not allowed" in seen.text
    assert "choose Allow" in seen.text
    assert "integration-center connect" not in seen.text
    assert installation.accounts.list() == ()
    assert actions(installation)[0] == ("connection refused", "Access was not allowed")
    again = browser.submit(seen, "/accounts/sandbox/connect")
    come_back(browser, decide(again.links["Continue to Salesforce"]))
    assert installation.accounts.get(SANDBOX)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("error", "headline"),
    [
        ("OAUTH_APP_BLOCKED", "The org blocks the app"),
        ("OAUTH_EC_APP_NOT_FOUND", "The app is not installed in this org"),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "The app is not installed in this org"),
        ("OAUTH_SOMETHING_NEW", "Salesforce refused access"),
    ],
)
def test_an_app_that_the_org_refuses(browser: Browser, installation: Installation, error: str, headline: str) -> None:
    state = httpx.URL(leave(browser)).params["state"]
    seen = come_back(browser, f"/oauth/callback?error={error}&error_description=by+admin&state={state}", status=409)
    assert headline in seen.text
    assert "Salesforce admin" in seen.text
    for wrong in ("again in a while", "token endpoint", "integration-center connect"):
        assert wrong not in seen.text
    assert installation.accounts.list() == ()


@pytest.mark.usefixtures("nobody")
def test_an_answer_for_another_browser_is_not_taken(
    browser: Browser, open_browser: Callable[..., Browser], installation: Installation
) -> None:
    callback = decide(leave(browser))
    seen = come_back(open_browser(), callback, status=409)
    assert "not started in this browser" in seen.text
    assert installation.accounts.list() == ()
    # A person who was sent the link has not spoilt it for the one who began.
    assert come_back(browser, callback).path == "/accounts"


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    "callback", ["/oauth/callback", "/oauth/callback?state=guess&code=aPrx", "/oauth/callback?error=x"]
)
def test_an_answer_that_nobody_asked_for(browser: Browser, installation: Installation, callback: str) -> None:
    leave(browser)
    assert "not started in this browser" in come_back(browser, callback, status=409).text
    assert installation.accounts.list() == ()


def test_a_sign_in_of_the_command_line_is_not_the_browsers(browser: Browser, installation: Installation) -> None:
    request = begin_web(SANDBOX, installation.settings, installation.accounts)
    assert "not started in this browser" in come_back(browser, decide(request.url), status=409).text


@pytest.mark.usefixtures("nobody")
def test_an_answer_that_is_repeated(browser: Browser, installation: Installation) -> None:
    callback = decide(leave(browser))
    come_back(browser, callback)
    first = installation.accounts.get(SANDBOX)
    assert "not started in this browser" in come_back(browser, callback, status=409).text
    assert installation.accounts.get(SANDBOX) == first


@pytest.mark.usefixtures("nobody")
def test_a_code_that_is_too_old(browser: Browser, installation: Installation, emulator: Emulator) -> None:
    callback = decide(leave(browser))
    emulator.sandbox.clock.advance(1_000)
    seen = come_back(browser, callback, status=409)
    assert "This sign-in is over" in seen.text
    assert "connect again" in seen.text
    assert installation.accounts.list() == ()


@pytest.mark.usefixtures("nobody")
def test_a_user_who_may_not_do_enough(
    browser: Browser, installation: Installation, forbidden: Callable[[str], None], center: Center, emulator: Emulator
) -> None:
    center.integrate(fields=[{"column": "Last Login", "field": "WalkMe_Not_Visible__c"}])
    forbidden("PermissionsModifyAllData")
    seen = come_back(browser, decide(leave(browser)), status=409)
    assert "Modify All Data is missing" in seen.text
    assert f"Please give the user {emulator.sandbox.org.profile.username} a permission set" in seen.text
    assert installation.accounts.list() == ()


def test_only_a_setting_of_this_installation_asks_for_a_restart() -> None:
    of_the_app = explain(explain_refusal("invalid_scope", "no", SANDBOX), SANDBOX)
    assert of_the_app.advice == "Change what it says, then connect again."
    of_ours = explain(explain_refusal("invalid_client_id", "", SANDBOX), SANDBOX)
    assert "restarted" in of_ours.advice


@pytest.mark.usefixtures("nobody")
def test_an_org_of_the_wrong_kind(
    browser: Browser, console: Console, open_browser: Callable[..., Browser], emulator: Emulator
) -> None:
    settings = console.installation.settings
    wrong = settings.model_copy(
        update={
            "sandbox_login_url": emulator.production.url,
            "sandbox_client_id": settings.production_client_id,
            "sandbox_client_secret": settings.production_client_secret,
        }
    )
    mixed_up = open_browser(build_app(Console(Installation(wrong, console.installation.engine))))
    seen = come_back(mixed_up, decide(leave(mixed_up)), status=409)
    assert "This org does not belong in Sandbox" in seen.text
    assert "is a production org" in seen.text
    assert "in Production instead" in seen.text


def test_one_org_in_both_environments(
    console: Console, open_browser: Callable[..., Browser], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = console.installation.settings
    both = settings.model_copy(
        update={
            "production_login_url": emulator.sandbox.url,
            "production_client_id": settings.sandbox_client_id,
            "production_client_secret": settings.sandbox_client_secret,
        }
    )
    with emulator.sandbox.store.writing() as connection:
        connection.execute("UPDATE \"Organization\" SET IsSandbox = 0, OrganizationType = 'Developer Edition'")
    try:
        mixed_up = open_browser(build_app(Console(Installation(both, console.installation.engine))))
        seen = come_back(mixed_up, decide(leave(mixed_up, "production")), status=409)
    finally:
        with emulator.sandbox.store.writing() as connection:
            connection.execute("UPDATE \"Organization\" SET IsSandbox = 1, OrganizationType = 'Enterprise Edition'")
    assert "This org does not belong in Production" in seen.text
    assert "already connected as Sandbox" in seen.text


@pytest.mark.usefixtures("nobody")
def test_an_app_that_is_not_installed(browser: Browser, installation: Installation) -> None:
    asked = httpx.URL(leave(browser))
    query = "error=invalid_client&error_description=app+must+be+installed+into+org"
    seen = come_back(browser, f"/oauth/callback?{query}&state={asked.params['state']}", status=409)
    assert "The app is not installed in this org" in seen.text
    assert "Please install the External Client App" in seen.text


@pytest.mark.usefixtures("nobody")
def test_a_salesforce_that_is_down(browser: Browser, emulator: Emulator) -> None:
    callback = decide(leave(browser))
    emulator.sandbox.faults.respond(503, "*/oauth2/token", times=9)
    seen = come_back(browser, callback, status=409)
    assert "Salesforce does not answer" in seen.text
    assert "Try again in a while" in seen.text


def test_of_missing_settings_the_page_says_whom_to_ask(console: Console, open_browser: Callable[..., Browser]) -> None:
    settings = console.installation.settings.model_copy(update={"production_client_id": ""})
    browser = open_browser(build_app(Console(Installation(settings, console.installation.engine))))
    seen = browser.open("/accounts")
    assert "External Client App for Production is not set up here. Ask the server admin" in seen.text
    assert "+ Add Account for Production" not in seen.text


def test_the_page_does_not_wait_for_the_org_and_then_shows_its_calls(
    browser: Browser, emulator: Emulator, installation: Installation
) -> None:
    page = browser.open("/accounts")
    assert "Checking …" in page.text
    assert emulator.sandbox.calls.find(path="*") == []
    state = browser.open("/accounts/sandbox/status")
    assert "✓ Connected" in state.text
    assert re.search(r"API calls left today: [\d,]+ of 100,000", state.text)
    ids = {said.get("id"): said for _, said in state.tags}
    assert "data-refresh" not in ids["state-sandbox"]
    asked = len(emulator.sandbox.calls.find(path="*"))
    assert "✓ Connected" in browser.open("/accounts").text
    browser.open("/accounts/sandbox/status")
    assert len(emulator.sandbox.calls.find(path="*")) == asked
    browser.open("/accounts/sandbox/status?again=1")
    assert len(emulator.sandbox.calls.find(path="*")) == asked + 1


@pytest.mark.usefixtures("nobody")
def test_another_connection_is_looked_at_again(browser: Browser, emulator: Emulator) -> None:
    connect(browser)
    browser.open("/accounts/sandbox/status")
    connect(browser)
    assert "Checking …" in browser.open("/accounts").text


@pytest.mark.usefixtures("nobody")
def test_a_token_that_was_revoked_meanwhile(browser: Browser, emulator: Emulator, installation: Installation) -> None:
    connect(browser)
    emulator.sandbox.org.sessions.revoke_all()
    seen = browser.open("/accounts/sandbox/status")
    assert "The connection has ended" in seen.text
    assert "Reconnect" in seen.text
    assert "✕ The connection has ended" in browser.open("/accounts").text
    connect(browser)
    assert "✓ Connected" in browser.open("/accounts/sandbox/status").text


def test_an_org_out_of_reach(browser: Browser, emulator: Emulator) -> None:
    emulator.sandbox.faults.respond(503, "*/limits*", times=9)
    seen = browser.open("/accounts/sandbox/status")
    assert "Salesforce does not answer" in seen.text
    assert "Try again in a while" in seen.text


def test_an_account_without_a_browser_is_reconnected_at_once(
    browser: Browser, installation: Installation, emulator: Emulator
) -> None:
    before = installation.accounts.get(SANDBOX)
    assert before.flow == "client-credentials"
    seen = browser.submit(browser.open("/accounts"), "/accounts/sandbox/connect")
    assert "Sandbox is connected" in seen.text
    assert installation.accounts.get(SANDBOX).connected_at > before.connected_at
    emulator.sandbox.org.app.run_as = False
    try:
        refused = browser.submit(browser.open("/accounts"), "/accounts/sandbox/connect", status=409)
    finally:
        emulator.sandbox.org.app.run_as = True
    assert "Client Credentials Flow" in refused.text


@pytest.mark.usefixtures("nobody")
def test_disconnecting_says_what_depends_on_it_and_revokes(
    center: Center, browser: Browser, installation: Installation, emulator: Emulator
) -> None:
    connect(browser)
    center.integrate()
    center.integrate("other", name="Other <b>", environment="production")
    token = installation.accounts.tokens(SANDBOX).refresh_token
    assert token is not None
    asked = browser.open("/accounts/sandbox/disconnect")
    assert "1 integration writes to it" in asked.text
    assert "Logins to Leads" in asked.text
    assert "Other" not in asked.text
    assert installation.accounts.list() != ()

    seen = browser.submit(asked, "/accounts/sandbox/disconnect")

    assert "Sandbox is disconnected" in seen.text
    assert "Salesforce has revoked the tokens" in seen.text
    assert installation.accounts.list() == ()
    assert emulator.sandbox.org.sessions.find_refresh(token.get_secret_value()) is None
    assert actions(installation)[0][0] == "disconnected"
    browser.open("/accounts/sandbox/disconnect", status=409)


@pytest.mark.usefixtures("nobody")
def test_disconnecting_says_when_salesforce_did_not_confirm(
    browser: Browser, installation: Installation, emulator: Emulator
) -> None:
    connect(browser)
    emulator.sandbox.faults.respond(503, "*/oauth2/revoke", times=9)
    with stamina.set_testing(True, attempts=2):
        seen = browser.submit(browser.open("/accounts/sandbox/disconnect"), "/accounts/sandbox/disconnect")
    assert "did NOT confirm" in seen.text
    assert installation.accounts.list() == ()


def test_a_viewer_sees_accounts_and_changes_none(
    console: Console, open_browser: Callable[..., Browser], installation: Installation
) -> None:
    viewer = open_browser(build_app(Console(installation, lambda request: User("vera", Role.VIEWER))))
    seen = viewer.open("/accounts")
    assert installation.accounts.get(SANDBOX).username in seen.text
    assert "Disconnect" not in seen.text
    assert "Reconnect" not in seen.text
    assert "Audit" not in seen.links
    for path in ("/audit", "/accounts/sandbox/disconnect", "/accounts/connect"):
        viewer.open(path, status=403)
    assert "not signed in" in viewer.open("/oauth/callback?code=x&state=y", status=403).text


def test_an_environment_that_does_not_exist(browser: Browser) -> None:
    browser.open("/accounts/staging/status", status=404)


def test_many_that_look_at_once_ask_once(installation: Installation, emulator: Emulator) -> None:
    clock = iter(range(100))
    checks = AccountChecks(kept=3, clock=lambda: next(clock))
    account = installation.accounts.get(SANDBOX)
    for _ in range(3):
        checks.look(installation, account)
    assert 1 <= len(emulator.sandbox.calls.find(path="*/limits*")) < 3
