"""Pages in failing states: what is wrong, and a button; no terminal command, path, exception or text of a library."""

import re
import shutil
from collections.abc import Callable, Mapping

import pytest

from integration_center.console.shell.context import Console
from integration_center.errors import IntegrationCenterError
from integration_center.installation import Installation
from integration_center.integration.environment import Environment
from integration_center.pipeline.administration.stop_all import stop_all
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import PLAIN, Center, logins

SLUG = "logins_to_leads"
WRONG = re.compile(
    r"integration-center [a-z]|\b(INTEGRATION_CENTER|WALKME|SALESFORCE|OIDC|AWS|SSL|DAGSTER)_[A-Z]|(?<!\w)\.env\b"
    r"|[Ww]hoever"
    r"|\[Errno|ssh-keyscan|\bchmod\b|\bmake up\b|\bdagster (dev|api)|\bsf project"
    r"|/(?:tmp|home|root)/|site-packages|\.py\b"
    r"|\b(?:alerts|report|defs)\.yaml\b(?!:)|daily_sync"
    r"|Traceback|\b[A-Z]\w+(Error|Exception)\b|pydantic|sqlalchemy|\bhttpx\b|errors\.pydantic"
)
PAGES = (
    "/",
    f"/integrations/{SLUG}",
    f"/integrations/{SLUG}/log",
    f"/integrations/{SLUG}/edit",
    f"/integrations/{SLUG}/duplicate",
    "/log",
    "/reports",
    "/reports/logins",
    "/search",
    "/accounts",
    "/accounts/sandbox/status",
    "/accounts/sandbox/rights",
    "/alerts",
    "/doctor",
    "/audit",
    "/admin",
    "/admin/stop",
)


def end_connection(center: Center) -> None:
    """Salesforce no longer accepts the tokens."""
    faults = center.emulator.sandbox.faults
    refusal = '{"error": "invalid_grant", "error_description": "expired access/refresh token"}'
    faults.expire("/services/data/*", times=None)
    faults.respond(400, "*/oauth2/token", times=None, body=refusal, content_type="application/json")


def forget_account(center: Center, installation: Installation) -> None:
    installation.accounts.delete(Environment.SANDBOX)


def lose_org(center: Center, installation: Installation) -> None:
    end_connection(center)
    center.run()


def break_report(center: Center, installation: Installation) -> None:
    next((center.home / "drops" / "logins").glob("*.csv")).write_bytes(b"\xff\xfe\x00broken")


def break_file(center: Center, installation: Installation) -> None:
    path = center.defs / SLUG / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("object: Lead", "object: [Lead"), encoding="utf-8")


def hold(center: Center, installation: Installation) -> None:
    center.integrate(approval="required")
    center.run()


def stop(center: Center, installation: Installation) -> None:
    stop_all(installation, who="ann", where="here", reason="a rehearsal")


def lose_storage(center: Center, installation: Installation) -> None:
    center.run()
    shutil.rmtree(center.home / "storage")
    (center.home / "storage").write_text("not a folder", encoding="utf-8")


def damage_database(center: Center, installation: Installation) -> None:
    center.run()
    if not (path := center.home / "integration_center.db").exists():
        pytest.skip("a server's database is no file that could be damaged")
    path.write_bytes(b"no database" * 1_000)


STATES = (forget_account, lose_org, break_report, break_file, hold, stop, lose_storage, damage_database)
SETTINGS = (
    {"WALKME_FILES_ROOT": ""},
    {"WALKME_FILES_ROOT": "sftp://nobody@127.0.0.1:1/drops", "WALKME_SFTP_KEY_FILE": "/etc/center/key"},
    {"WALKME_SOURCE": "api", "WALKME_CLIENT_ID": ""},
    {"SALESFORCE_SANDBOX_CLIENT_ID": "", "SALESFORCE_SANDBOX_CLIENT_SECRET": ""},
    {"INTEGRATION_CENTER_CALLBACK_URL": "https://center.example/elsewhere"},
)


def assert_plain(seen: Seen) -> None:
    found = WRONG.search(seen.text)
    assert not found, f"{seen.path}: {seen.text[max(0, found.start() - 200) : found.end() + 200]}"


@pytest.mark.proof
@pytest.mark.parametrize("break_it", STATES, ids=lambda each: each.__name__)
def test_a_failing_page_names_no_command_path_or_exception(
    center: Center,
    console: Console,
    installation: Installation,
    browser: Browser,
    break_it: Callable[[Center, Installation], None],
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    break_it(center, installation)
    runs = [] if break_it is damage_database else [sync.run_id for sync in installation.syncs.history(SLUG, limit=5)]
    for path in (
        *PAGES,
        *(f"/integrations/{SLUG}/runs/{run}{more}" for run in runs for more in ("", "/log", "/ledger")),
    ):
        assert_plain(Seen(browser.client.get(path)))


@pytest.mark.proof
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: next(iter(each)))
def test_a_wrong_setting_is_not_named_on_a_page(
    settings: Mapping[str, str], center: Center, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    browser: Browser = request.getfixturevalue("browser")
    seen = [Seen(browser.client.get(path)) for path in PAGES]
    user = WizardUser.begin(browser)
    user.press("next", {"environment": "sandbox"})
    connect = browser.open("/accounts").form("/accounts/sandbox/connect")
    for each in (*seen, user.seen, Seen(browser.client.post(connect.action, data=connect.fields))):
        assert_plain(each)


def test_a_lost_connection_has_a_button_to_connect_in_the_wizard(center: Center, browser: Browser) -> None:
    center.drop(logins(PLAIN))
    end_connection(center)
    user = WizardUser.begin(browser)
    user.press("next", {"environment": "sandbox"})
    assert_plain(user.seen)
    assert "no longer accepts the Sandbox account's tokens" in user.seen.text
    assert user.seen.form("/accounts/sandbox/connect").method == "post"
    assert "Connect Sandbox" in user.seen.text


def test_an_error_that_names_a_command_is_said_without_it(
    console: Console, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> object:
        raise IntegrationCenterError("this cannot be", command="run: integration-center doctor")

    monkeypatch.setattr("integration_center.console.pages.admin.confirm_stop", fail)
    monkeypatch.setattr("integration_center.database.stops.Stops.find", fail)
    seen = Seen(browser.client.get("/admin"))
    assert "This cannot be" in seen.text
    assert_plain(seen)
