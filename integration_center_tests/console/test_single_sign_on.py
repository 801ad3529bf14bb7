"""Sign-in by OpenID Connect and by a header that a proxy signs; the door in front of the Dagster UI."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from integration_center.access import signed_tokens
from integration_center.access.audit import Action
from integration_center.access.binding import check_bind_address
from integration_center.access.identities import Method
from integration_center.access.people import People
from integration_center.access.sessions import ConsoleSessions
from integration_center.access.users import Role
from integration_center.accounts.encryption import Cipher
from integration_center.console.pages.provider import BEGUN, LONGEST_ONWARD
from integration_center.console.shell.sessions import Session
from integration_center.console.shell.signing_in import METHOD
from integration_center.console.shell.users import SESSION_TOKEN
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.guarded import HOME
from integration_center_tests.console.identity_provider import CLIENT, IdentityProvider, new_key
from integration_center_tests.passwords import CHEAP, PASSWORD, accept_cheap_hashes


def go_to_provider(browser: Browser, onward: str = "/audit") -> str:
    """Begin a sign-in, and let the provider answer; the address to come back to."""
    asked = browser.client.get("/sign-in/provider", params={"next": onward})
    assert asked.status_code == 303
    answered = httpx.get(asked.headers["location"], follow_redirects=False)
    back: str = answered.headers["location"]
    assert back.startswith(f"{HOME}/sign-in/callback?")
    return back


def sign_in(browser: Browser, onward: str = "/audit") -> httpx.Response:
    return browser.client.get(go_to_provider(browser, onward))


def test_groups_give_the_role_and_the_page_asked_for_is_shown(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], installation: Installation
) -> None:
    browser = serve(**settings)()
    assert browser.client.get("/").headers["location"].startswith("/sign-in?next=")
    form = browser.open("/sign-in?next=/audit")
    assert form.links["Sign in with your company account"] == "/sign-in/provider?next=%2Faudit"
    assert "Password" not in form.text
    done = sign_in(browser)
    assert (done.status_code, done.headers["location"]) == (303, "/audit")
    assert "olga" in browser.open("/audit").text
    assert "Only an admin" in browser.open("/admin", status=403).text
    entry = installation.audit.list(actions=[Action.SIGNED_IN])[0]
    assert (entry.who, entry.where) == ("olga", "192.0.2.7")
    out = browser.client.post("/sign-out", data=browser.open("/").form("/sign-out").fields)
    assert "/logout?client_id=center&amp;post_logout_redirect_uri=https%3A%2F%2Fcenter.example%2Fsign-in" in out.text
    assert browser.client.get("/audit").status_code == 303


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "another"}, "another browser"),
        ({"nonce": None}, "another browser"),
        ({"aud": "somebody-else"}, "not valid here"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "another application"),
        ({"aud": [CLIENT, "other"]}, "another application"),
        ({"iss": "https://elsewhere.example"}, "not valid here"),
        ({"exp": int(time.time()) - 600}, "too old"),
        ({"exp": None}, "too old"),
        ({"iat": int(time.time()) + 86_400}, "not valid here"),
        ({"nbf": int(time.time()) + 86_400}, "not valid here"),
        ({"groups": ["visitors"]}, "in no group"),
        ({"groups": None}, "in no group"),
        ({"sub": ""}, "not valid here"),
    ],
)
def test_a_token_that_is_not_good_opens_nothing(
    serve: Callable[..., Callable[[], Browser]],
    settings: dict[str, Any],
    provider: IdentityProvider,
    installation: Installation,
    claims: dict[str, Any],
    said: str,
) -> None:
    browser = serve(**settings)()
    provider.claims = claims
    refused = sign_in(browser)
    assert (refused.status_code, said in Seen(refused).text) == (403, True), Seen(refused).text
    assert browser.client.get("/audit").status_code == 303
    assert installation.audit.list()[0].action is Action.SIGN_IN_REFUSED


def test_neither_unsigned_nor_foreign_signatures_count(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], provider: IdentityProvider
) -> None:
    browser = serve(**settings)()
    provider.unsigned = True
    assert "not signed with a public key" in Seen(sign_in(browser)).text
    provider.unsigned = False
    provider.published = [provider.key]
    provider.key, kept = new_key("one"), provider.key
    provider.published = [kept]
    assert "not signed by the expected issuer" in Seen(sign_in(browser)).text
    provider.key = kept
    assert sign_in(browser).headers["location"] == "/audit"


def test_a_changed_key_is_fetched_but_not_at_every_strangers_wish(
    serve: Callable[..., Callable[[], Browser]],
    settings: dict[str, Any],
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visit = serve(**settings)
    assert sign_in(visit()).status_code == 303
    provider.rotate()
    before = provider.key_requests
    assert sign_in(visit()).status_code == 403  # the keys were fetched a moment ago
    assert provider.key_requests == before
    monkeypatch.setattr(signed_tokens, "FETCHED_AGAIN", 0.0)
    assert sign_in(visit()).status_code == 303
    assert provider.key_requests == before + 1


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any]
) -> None:
    visit = serve(**settings)
    browser, other = visit(), visit()
    back = go_to_provider(browser)
    assert "not begun in this browser" in Seen(other.client.get(back)).text  # a sign-in foisted on it
    asked = parse_qs(urlsplit(back).query)
    wrong = browser.client.get("/sign-in/callback", params={"code": asked["code"], "state": "made-up"})
    assert wrong.status_code == 403
    assert browser.client.get(back).status_code == 403  # the state is used up by the wrong answer
    again = go_to_provider(browser)
    assert browser.client.get(again).status_code == 303
    assert browser.client.get(again).status_code == 403
    assert visit().client.get("/sign-in/callback?error=access_denied").status_code == 403


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_nobody_is_sent_elsewhere_after_signing_in(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], onward: str
) -> None:
    assert sign_in(serve(**settings)(), onward).headers["location"] == "/"


@pytest.mark.parametrize(("length", "kept"), [(100, True), (5_000, False)])
def test_a_page_with_a_long_address_is_not_kept_for_after_the_sign_in(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], length: int, kept: bool
) -> None:
    onward = f"/log?{'x' * length}"
    assert sign_in(serve(**settings)(), onward).headers["location"] == (onward if kept else "/")


def test_the_longest_page_to_go_on_to_fits_beside_all_messages() -> None:
    session = Session()
    session.set(SESSION_TOKEN, "t" * 43)
    session.set(METHOD, "provider")
    session.set(BEGUN, ["s" * 43, "n" * 43, "v" * 96, "p" * (LONGEST_ONWARD - 2)])
    session.flash("ä" * 5_000)
    session.flash("m" * 5_000)
    assert session.write(Cipher([Fernet.generate_key().decode()], "here"))


def test_a_browser_is_sent_on_to_the_address_of_the_console_once(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any]
) -> None:
    browser = serve(**settings)()
    browser.client.headers["x-forwarded-proto"] = "http"  # a proxy that hides its own https
    moved = browser.client.get("/sign-in/provider?next=/audit")
    assert moved.headers["location"].startswith(f"{HOME}/sign-in/provider?next=%2Faudit")
    again = browser.client.get(moved.headers["location"].removeprefix(HOME))
    assert "Ask the server admin" in again.text


def test_a_name_is_one_persons(
    serve: Callable[..., Callable[[], Browser]],
    settings: dict[str, Any],
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept_cheap_hashes(monkeypatch)
    visit = serve(**settings)
    assert sign_in(visit()).status_code == 303
    provider.claims = {"sub": "other", "preferred_username": "OLGA"}
    assert "omebody else is already known" in Seen(sign_in(visit())).text
    provider.claims = {"preferred_username": None, "email": "o@acme.example", "email_verified": False, "sub": "x y"}
    browser = visit()
    sign_in(browser)
    assert "person-" in browser.open("/sessions").text
    listed = serve(**settings, users=SecretStr(f"olga:viewer:{CHEAP.hash(PASSWORD)}"))
    provider.claims = {}
    assert "file of users" in Seen(sign_in(listed())).text


def test_a_user_who_was_taken_out_of_the_file_comes_in_by_single_sign_on_without_the_role_given_before(
    serve: Callable[..., Callable[[], Browser]],
    settings: dict[str, Any],
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept_cheap_hashes(monkeypatch)
    ungrouped = settings | {"group_roles": ""}
    before = serve(**ungrouped, users=SecretStr(f"olga:viewer:{CHEAP.hash(PASSWORD)}"))()
    form = before.open("/sign-in").form("/sign-in").fields
    assert before.client.post("/sign-in", data=form | {"name": "olga", "password": PASSWORD}).status_code == 303
    People(installation.engine).give_user_role("olga", Role.ADMIN)
    assert before.open("/admin")
    after = serve(**ungrouped)()
    assert sign_in(after, "/").headers["location"] == "/"
    assert after.open("/")
    assert after.client.get("/admin").status_code == 403
    assert [person.method for person in People(installation.engine).list()] == [Method.PROVIDER]


def test_without_group_roles_an_admin_gives_them(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_cheap_hashes(monkeypatch)
    users = SecretStr(f"root:admin:{CHEAP.hash(PASSWORD)} vera:viewer:{CHEAP.hash(PASSWORD)}")
    visit = serve(**(settings | {"group_roles": "", "users": users}))
    admin, olga, vera = visit(), visit(), visit()
    for browser, name in ((admin, "root"), (vera, "vera")):
        form = browser.open("/sign-in").form("/sign-in").fields
        browser.client.post("/sign-in", data=form | {"name": name, "password": PASSWORD})
    assert sign_in(olga).status_code == 303
    assert olga.open("/audit", status=403)
    people = admin.open("/admin/people")
    for browser, name in ((olga, "olga"), (vera, "vera")):
        (action,) = [
            form.action
            for form in people.reader.forms
            if form.action.endswith("/role")
            and form.action in people.html
            and f'role-{form.action.split("/")[3]}">Role of {name}' in people.html
        ]
        admin.client.post(action, data=people.form(action).fields | {"role": "operator"})
        assert browser.open("/audit")
        forget = action.replace("/role", "/forget")
        admin.client.post(forget, data=people.form(action).fields)
        assert browser.client.get("/audit").status_code == 303
    assert "root (you)" in people.text
    assert len([form for form in people.reader.forms if form.action.endswith("/role")]) == 2, "not of oneself"


def test_sessions_are_listed_and_ended(
    serve: Callable[..., Callable[[], Browser]],
    settings: dict[str, Any],
    provider: IdentityProvider,
    installation: Installation,
) -> None:
    visit = serve(**settings)
    here, there, boss = visit(), visit(), visit()
    there.client.headers["user-agent"] = "Other <b>"
    for browser in (here, there):
        sign_in(browser)
    provider.claims = {"sub": "boss", "preferred_username": "boss", "groups": ["it", "cs-ops"]}
    sign_in(boss)
    people = boss.open("/admin/people").text
    assert "admin, by their groups" in people
    assert "operator, by their groups" in people
    mine = here.open("/sessions")
    assert "Other <b>" in mine.text
    assert "boss" not in mine.text
    (action,) = [form.action for form in mine.reader.forms if form.action.startswith("/sessions/")]
    fields = mine.form(action).fields
    of_boss = next(
        form.action
        for form in boss.open("/sessions").reader.forms
        if form.action.startswith("/sessions/") and form.action != action
    )
    assert here.client.post(action, data=fields).status_code == 303
    assert there.client.get("/").status_code == 303
    boss_page = boss.open("/sessions")
    assert here.client.get("/").status_code == 200
    boss.client.post(of_boss, data=boss_page.form(of_boss).fields)
    assert here.client.get("/").status_code == 303
    provider.claims = {}
    sign_in(there)
    (of_boss,) = [each.id for each in ConsoleSessions(installation.engine).list() if each.user == "boss"]
    refused = there.client.post(f"/sessions/{of_boss}/end", data=there.open("/").form("/sign-out").fields)
    assert refused.status_code == 403
    assert boss.client.get("/").status_code == 200


def test_the_door_of_the_dagster_ui(
    serve: Callable[..., Callable[[], Browser]], settings: dict[str, Any], provider: IdentityProvider
) -> None:
    browser = serve(**settings)()
    assert browser.client.get("/auth/check").status_code == 401
    assert browser.client.get("/auth/check?redirect=1").headers["location"] == f"{HOME}/sign-in"
    sign_in(browser)
    let_in = browser.client.get("/auth/check")
    assert (let_in.status_code, let_in.headers["x-auth-user"], let_in.headers["x-auth-role"]) == (
        204,
        "olga",
        "operator",
    )
    assert browser.client.get("/auth/check?role=admin").status_code == 403
    assert browser.client.get("/auth/check?role=nonsense").status_code == 204


def test_a_console_with_single_sign_on_may_listen_beyond_this_machine(
    installation: Installation, settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="without sign-in"):
        check_bind_address("0.0.0.0", installation.settings)
    check_bind_address("0.0.0.0", installation.settings.model_copy(update=settings))
