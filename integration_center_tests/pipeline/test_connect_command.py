"""`connect` and `disconnect`, as somebody at a terminal uses them."""

import json
import sys
from collections.abc import Iterator

import httpx
import pytest
import stamina

from integration_center.access.audit import Action
from integration_center.cli.demo import approve
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json

HEADLESS = ("--flow", "client-credentials")


@pytest.fixture
def opened(center: Center, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The pages that the command opened; each is approved at once, as the user would."""
    app, pages = center.emulator.sandbox.org.app, list[str]()
    before = [*app.redirect_uris]

    def open_it(url: str) -> None:
        pages.append(url)
        app.redirect_uris.append(httpx.URL(url).params["redirect_uri"])
        approve(url)

    monkeypatch.setattr("webbrowser.open", open_it)
    monkeypatch.setenv("INTEGRATION_CENTER_CALLBACK_URL", "http://localhost:0/oauth/callback")
    yield pages
    app.redirect_uris[:] = before


def test_at_a_terminal_the_page_of_the_org_opens(
    center: Center, command: Command, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, error = command("connect", "sandbox")
    assert code == 0, out + error
    assert "Sign in to Salesforce and allow access on this page:" in out
    assert [page in out.replace("\n", "") for page in opened] == [True]
    assert opened[0].startswith(center.emulator.sandbox.url)
    assert "Sandbox is connected to " in " ".join(out.split())
    with open_installation() as installation:
        assert installation.accounts.get(Environment.SANDBOX).flow == "web"
        assert Action.CONNECTED in {each.action for each in installation.audit.list()}


def test_jwt_needs_a_user_and_a_key(center: Center, command: Command) -> None:
    code, _, error = command("connect", "sandbox", "--flow", "jwt", "--username", "ann@acme.example")
    assert code == 1
    assert "the jwt flow needs --username and --key-file" in error
    with open_installation() as installation:
        (refused,) = [each for each in installation.audit.list() if each.action is Action.CONNECTION_REFUSED]
    assert "ann@acme.example" not in (refused.detail or "")


def test_the_kind_of_an_account_stays(center: Center, command: Command) -> None:
    assert command("connect", "sandbox", "--kind", "sandbox", *HEADLESS)[0] == 0
    code, _, error = command("connect", "sandbox", "--kind", "production", *HEADLESS)
    assert code == 1
    assert "sandbox" in error
    with open_installation() as installation:
        assert Action.ADDED_ACCOUNT not in {each.action for each in installation.audit.list()}
        assert installation.accounts.get(Environment.SANDBOX)


def test_a_name_goes_with_its_connection_unless_it_is_used(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = center.emulator.production
    for name, value in (("LOGIN_URL", org.url), ("CLIENT_ID", org.client_id), ("CLIENT_SECRET", org.client_secret)):
        monkeypatch.setenv(f"SALESFORCE_EMEA_PROD_{name}", value)
    code, out, error = command("connect", "emea-prod", "--kind", "production", *HEADLESS)
    assert code == 0, out + error
    center.integrate(environment=None, account="emea-prod")
    center.drop(logins(PLAIN))
    code, _, error = command("disconnect", "emea-prod", "--remove")
    assert code == 1
    assert "logins_to_leads" in error
    (center.defs / "logins_to_leads" / "defs.yaml").unlink()
    code, out, error = command("disconnect", "emea-prod", "--remove")
    assert code == 0, out + error
    assert "Account emea-prod is removed." in out
    with open_installation() as installation:
        assert installation.accounts.names.find("emea-prod") is None


@pytest.mark.usefixtures("opened")
def test_an_account_whose_tokens_are_refused_is_not_listed_as_connected(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert command("connect", "sandbox")[0] == 0
    (listed,) = as_json(command("accounts", "--json"))
    assert (listed["state"], listed["problem"]) == ("connected", None)
    center.emulator.sandbox.org.sessions.revoke_all()
    code, out, errors = command("accounts", "--json")
    (listed,) = json.loads(out)
    assert (code, listed["state"]) == (0, "refused")
    assert listed["problem"] == errors.removeprefix("Sandbox: ")
    assert "no longer accepts the Sandbox account's tokens" in errors
    assert "run: integration-center connect sandbox" in errors


def test_an_org_that_does_not_answer_is_not_called_refused(center: Center, command: Command) -> None:
    center.emulator.sandbox.faults.respond(503, "*/limits*", times=None)
    with stamina.set_testing(True, attempts=1):
        (listed,) = as_json(command("accounts", "--json"))
    assert listed["state"] == "no answer"


def test_a_token_that_is_not_confirmed_as_revoked_fails_the_command(center: Center, command: Command) -> None:
    center.emulator.sandbox.faults.respond(503, "*/services/oauth2/revoke", times=None)
    with stamina.set_testing(True, attempts=1):
        code, out, _ = command("disconnect", "sandbox")
    assert code == 1
    assert "revoke" in out
    with open_installation() as installation:
        assert installation.accounts.find(Environment.SANDBOX) is None
