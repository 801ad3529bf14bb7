"""Signing in and out, the limit on guesses, roles, proxies, and where the console may listen."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from integration_center.access.attempts import FROM_ADDRESS_AS_USER
from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY, RefusedAttempts
from integration_center.console.pages.sign_in import TOO_MANY, WRONG
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.console.shell.server import serve
from integration_center.console.shell.sessions import SECURE_COOKIE
from integration_center.console.shell.users import build_identify
from integration_center.errors import ConfigurationError, TransientError
from integration_center.installation import Installation
from integration_center.settings import read_settings
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.passwords import CHEAP, PASSWORD, accept_cheap_hashes

HASH = CHEAP.hash(PASSWORD)
PROXY = "127.0.0.1"


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of users: an operator and a viewer."""
    accept_cheap_hashes(monkeypatch)
    path = tmp_path / "users"
    path.write_text(f"ann:operator:{HASH}\nvera:viewer:{HASH}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def guarded(installation: Installation, users: Path) -> Installation:
    """The installation with sign-in set up, behind a proxy on this machine."""
    settings = installation.settings.model_copy(
        update={"users": SecretStr(str(users)), "trusted_proxies": PROXY, "callback_url": "https://center.example/x"}
    )
    return Installation(settings, installation.engine)


@pytest.fixture
def visit(guarded: Installation, open_browser: Callable[..., Browser]) -> Callable[..., Browser]:
    """Opens browsers on it, each from an address of its own."""
    app = build_app(Console(guarded, build_identify(guarded)))

    def visit(address: str = "192.0.2.7", scheme: str = "https") -> Browser:
        browser = open_browser(app, "http://center.example")
        browser.client.headers.update({"x-forwarded-for": address, "x-forwarded-proto": scheme})
        # As a browser would behind the proxy, which is what speaks TLS: the cookies are Secure.
        browser.client.base_url = httpx.URL("https://center.example")
        return browser

    return visit


def sign_in(browser: Browser, name: str = "ann", password: str = PASSWORD, to: str = "/", status: int = 200) -> Seen:
    """Open a page, be sent to the sign-in, and fill it in."""
    form = browser.open(to)
    assert form.path.startswith("/sign-in")
    return browser.submit(form, "/sign-in", {"name": name, "password": password}, status=status)


def test_without_a_session_only_the_sign_in_is_shown(visit: Callable[..., Browser]) -> None:
    browser = visit()
    for path in ("/", "/accounts", "/audit", "/accounts/sandbox/status"):
        seen = browser.open(path)
        assert seen.path.startswith("/sign-in?next=")
        assert "Accounts" not in seen.text
    token = seen.form("/sign-in").fields[TOKEN_FIELD]
    assert browser.post("/accounts/sandbox/disconnect", {TOKEN_FIELD: token}).path.startswith("/sign-in")


def test_signing_in_leads_to_the_page_asked_for(visit: Callable[..., Browser], guarded: Installation) -> None:
    browser = visit()
    seen = sign_in(browser, to="/audit?page=1")
    assert seen.path == "/audit?page=1"
    assert "ann" in seen.text
    assert browser.open("/sign-in").path == "/"
    entry = guarded.audit.list()[0]
    assert (entry.action, entry.who, entry.where) == (Action.SIGNED_IN, "ann", "192.0.2.7")


def test_the_session_and_its_token_are_new_after_signing_in(visit: Callable[..., Browser]) -> None:
    browser = visit()
    form = browser.open("/accounts")
    before = browser.client.cookies[SECURE_COOKIE], form.form("/sign-in").fields[TOKEN_FIELD]
    browser.submit(form, "/sign-in", {"name": "ann", "password": PASSWORD})
    after = browser.client.cookies[SECURE_COOKIE], browser.open("/accounts").form("/sign-out").fields[TOKEN_FIELD]
    assert before[0] != after[0]
    assert before[1] != after[1]
    browser.client.cookies.clear()
    browser.client.cookies.set(SECURE_COOKIE, before[0], domain="center.example")
    assert browser.open("/accounts").path.startswith("/sign-in")


def test_signing_out_ends_the_session_also_for_a_kept_cookie(
    visit: Callable[..., Browser], guarded: Installation
) -> None:
    browser = visit()
    sign_in(browser)
    kept = browser.client.cookies[SECURE_COOKIE]
    seen = browser.submit(browser.open("/accounts"), "/sign-out")
    assert "You are signed out" in seen.text
    browser.client.cookies.clear()
    browser.client.cookies.set(SECURE_COOKIE, kept, domain="center.example")
    assert browser.open("/accounts").path.startswith("/sign-in")
    assert guarded.audit.list()[0].action is Action.SIGNED_OUT


@pytest.mark.parametrize(("name", "who"), [("ann", "ann"), ("my password by mistake", NOBODY)])
def test_a_wrong_name_or_password_gets_the_same_answer(
    visit: Callable[..., Browser], guarded: Installation, name: str, who: str
) -> None:
    seen = sign_in(visit(), name, "wrong wrong wrong", status=403)
    assert "The name or the password is wrong." in seen.text
    assert "wrong wrong wrong" not in seen.html
    entry = guarded.audit.list()[0]
    assert (entry.action, entry.who) == (Action.SIGN_IN_REFUSED, who)


def test_guessing_is_stopped_and_says_when_to_come_back(visit: Callable[..., Browser]) -> None:
    guesser = visit("198.51.100.9")
    for _ in range(FROM_ADDRESS_AS_USER):
        sign_in(guesser, password="guess", status=403)
    seen = sign_in(guesser, status=429)
    assert "Too many sign-ins failed" in seen.text
    assert 0 < int(seen.response.headers["retry-after"]) <= 900
    assert sign_in(visit("192.0.2.7")).path == "/"


def test_a_refused_attempt_beyond_the_limit_is_noted_and_counted(
    visit: Callable[..., Browser], guarded: Installation
) -> None:
    guesser = visit("198.51.100.9")
    for _ in range(FROM_ADDRESS_AS_USER):
        sign_in(guesser, password="guess", status=403)
    for _ in range(3):
        sign_in(guesser, status=429)
    newest, *others = guarded.audit.list()
    assert (newest.action, newest.who, newest.where) == (Action.SIGN_IN_REFUSED, "ann", "198.51.100.9")
    assert (newest.detail, newest.times) == (TOO_MANY, 3)
    assert [entry.detail for entry in others] == [WRONG] * FROM_ADDRESS_AS_USER


def test_guesses_from_everywhere_do_not_lock_out_who_signed_in_lately(
    visit: Callable[..., Browser], guarded: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.access.attempts.AS_USER", 6)
    ann = visit("192.0.2.7")
    sign_in(ann)
    ann.submit(ann.open("/accounts"), "/sign-out")
    for number in range(6):
        sign_in(visit(f"2001:db8:{number:x}::1"), password="guess", status=403)
    sign_in(visit("203.0.113.5"), status=429)
    assert guarded.audit.list()[0].where == "203.0.113.5"
    assert sign_in(ann).path == "/"


def test_a_common_password_that_is_right_is_refused_with_the_reason(
    visit: Callable[..., Browser], guarded: Installation, users: Path
) -> None:
    users.write_text(f"ann:operator:{CHEAP.hash('Password1234')}\n")
    seen = sign_in(visit(), password="Password1234", status=403)
    assert "This password is a common one" in seen.text
    assert "ask an admin for another" in seen.text
    assert guarded.audit.list()[0].action is Action.SIGN_IN_REFUSED
    assert "The name or the password is wrong." in sign_in(visit(), password="password1234", status=403).text


PICTURE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}


@pytest.mark.parametrize(
    ("headers", "token", "who", "said"),
    [
        ({}, "right", "vera", "vera may look but not change"),
        ({}, "wrong", "vera", "This page had been open for too long"),
        ({"origin": "https://evil.example"}, "right", "vera", "The form did not come from this console"),
        ({"sec-fetch-site": "cross-site"}, "right", "vera", "The form did not come from this console"),
        ({"cookie": ""}, "right", NOBODY, "This page had been open for too long"),
        (PICTURE, "right", NOBODY, "Another site may link to this console, but not embed"),
    ],
    ids=["role", "no token", "other origin", "other site", "no session", "picture"],
)
def test_a_refused_change_is_noted(
    visit: Callable[..., Browser],
    guarded: Installation,
    headers: dict[str, str],
    token: str,
    who: str,
    said: str,
) -> None:
    browser = visit()
    seen = sign_in(browser, "vera", to="/accounts")
    data = {TOKEN_FIELD: seen.form("/sign-out").fields[TOKEN_FIELD] if token == "right" else token}
    for _ in range(2):
        answer = browser.client.post("/integrations/secret_slug/run", data=data, headers=headers)
        assert answer.status_code == 403
    entry = guarded.audit.list()[0]
    assert (entry.action, entry.who, entry.where, entry.times) == (Action.REFUSED, who, "192.0.2.7", 2)
    assert said in (entry.detail or "")
    assert "secret_slug" not in (entry.detail or "")


def test_a_stranger_and_another_host_are_noted(visit: Callable[..., Browser], guarded: Installation) -> None:
    stranger = visit("198.51.100.9")
    stranger.client.post("/accounts/sandbox/disconnect", data={TOKEN_FIELD: "guess"})
    stranger.client.get("/", headers={"host": "evil.example"})
    host, form = guarded.audit.list()
    assert (host.who, host.where, host.action) == (NOBODY, "198.51.100.9", Action.REFUSED)
    assert "This console answers only under these names" in (host.detail or "")
    assert (form.who, form.action) == (NOBODY, Action.REFUSED)
    assert (form.detail or "").startswith("POST /accounts/{environment}/disconnect: ")


def test_pages_that_are_not_there_are_not_noted(visit: Callable[..., Browser], guarded: Installation) -> None:
    browser = visit()
    browser.client.get("/no-such-page")
    browser.client.get("/accounts")
    assert guarded.audit.list() == ()


def test_a_refusal_holds_when_it_cannot_be_noted(
    visit: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: RefusedAttempts, refusal: object, address: str) -> None:
        raise TransientError("the database is locked")

    monkeypatch.setattr(RefusedAttempts, "record", fail)
    assert visit().client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert "missing in the audit log: the database is locked" in caplog.text


def test_a_forwarded_address_is_believed_from_the_trusted_proxy_only(
    guarded: Installation, open_browser: Callable[..., Browser]
) -> None:
    settings = guarded.settings.model_copy(update={"trusted_proxies": "203.0.113.1/32"})
    direct = Installation(settings, guarded.engine)
    browser = open_browser(build_app(Console(direct, build_identify(direct))), "http://center.example")
    browser.client.headers.update({"x-forwarded-for": "192.0.2.99", "x-forwarded-proto": "https"})
    sign_in(browser)
    assert guarded.audit.list()[0].where == PROXY
    assert "Secure" not in browser.open("/sign-in").response.headers.get("set-cookie", "")
    cookie = browser.client.get("/audit", headers={"cookie": ""}, follow_redirects=False)
    assert "; Secure" not in cookie.headers.get("set-cookie", "")


def test_a_forwarded_address_that_is_none_is_noted_as_unknown(
    guarded: Installation, visit: Callable[..., Browser]
) -> None:
    for address in ("<b>x</b>", "not an address", "203.0.113.9:x"):
        sign_in(visit(address))
        assert guarded.audit.list()[0].where == "unknown"


def test_behind_a_proxy_with_tls_the_cookie_is_secure_and_browsers_stay_with_https(
    visit: Callable[..., Browser],
) -> None:
    answer = visit().client.get("/sign-in")
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert "strict-transport-security" not in visit(scheme="http").client.get("/sign-in").headers
    assert "; Secure" not in visit(scheme="http").client.get("/sign-in").headers["set-cookie"]


def test_who_is_taken_out_is_out_at_once(visit: Callable[..., Browser], users: Path) -> None:
    ann, vera = visit(), visit()
    sign_in(ann)
    sign_in(vera, "vera")
    users.write_text(f"vera:viewer:{HASH}\n")
    assert ann.open("/accounts").path.startswith("/sign-in")
    assert vera.open("/accounts").path == "/accounts"
    users.write_text(f"vera:operator:{HASH}\n")
    assert vera.open("/accounts").path.startswith("/sign-in")


def test_a_list_of_users_that_is_gone_opens_nothing(
    visit: Callable[..., Browser], users: Path, caplog: pytest.LogCaptureFixture
) -> None:
    browser = visit()
    sign_in(browser)
    users.unlink()
    seen = browser.open("/accounts", status=409)
    assert "the console's own log says why" in seen.text
    assert str(users) not in seen.text
    assert str(users) in caplog.text


def test_a_viewer_does_not_change(visit: Callable[..., Browser]) -> None:
    browser = visit()
    seen = sign_in(browser, "vera", to="/accounts")
    assert "vera (viewer)" in seen.text
    token = seen.form("/sign-out").fields[TOKEN_FIELD]
    refused = browser.post("/accounts/sandbox/disconnect", {TOKEN_FIELD: token}, status=403)
    assert "may look but not change" in refused.text


@pytest.mark.parametrize(
    "onward",
    ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "javascript:alert(1)", "/\n/evil", "//["],
)
def test_signing_in_leads_nowhere_else(visit: Callable[..., Browser], onward: str) -> None:
    browser = visit()
    form = browser.open("/sign-in")
    token = form.form("/sign-in").fields[TOKEN_FIELD]
    answer = browser.client.post(
        "/sign-in",
        data={TOKEN_FIELD: token, "name": "ann", "password": PASSWORD, "next": onward},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/"


def test_without_sign_in_a_proxy_opens_nothing(
    installation: Installation, open_browser: Callable[..., Browser]
) -> None:
    settings = installation.settings.model_copy(update={"callback_url": "https://center.example/oauth/callback"})
    bare = Installation(settings, installation.engine)
    browser = open_browser(build_app(Console(bare, build_identify(bare))), "http://center.example")
    assert "answers only under these names" in browser.open("/", status=421).text


def test_another_address_needs_sign_in(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="without sign-in"):
        serve(installation.settings, "0.0.0.0", 0)


@pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0"])
def test_only_addresses_and_networks_are_trusted(monkeypatch: pytest.MonkeyPatch, proxies: str) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_TRUSTED_PROXIES", proxies)
    with pytest.raises(ConfigurationError, match="INTEGRATION_CENTER_TRUSTED_PROXIES"):
        read_settings()
