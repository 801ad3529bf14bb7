"""What holds for every page: headers, the Host, tokens of changes, roles, error pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.pages import PAGES
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, read_page, view
from integration_center.console.shell.rendering import asset_url, leave_for, redirect, render
from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.console.shell.sessions import COOKIE
from integration_center.console.shell.users import User
from integration_center.errors import IntegrationCenterError, NotConnected, ServiceUnavailable
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser
from integration_center_tests.pipeline.center import Center

HOSTILE = "<script>alert('x')</script>\"onload='y'"


def show_hello(request: Request) -> Response:
    return render(request, "leave.html", {"url": "/", "name": request.query_params.get("name", "nobody")})


def say(request: Request) -> Response:
    return redirect(request, "/", f"{user_of(request).name} said {form_of(request).get('words', '')}")


def fail(request: Request) -> Response:
    raise RuntimeError(request.query_params["value"])


def fail_knowingly(request: Request) -> Response:
    kinds: dict[str, IntegrationCenterError] = {
        "busy": ServiceUnavailable("the org <b>does not answer</b>; try again in a while"),
        "none": NotConnected("no Sandbox account is connected"),
    }
    raise kinds[request.path_params["kind"]]


def leave(request: Request) -> Response:
    return leave_for(request, "https://login.example.com/?a=1&b=2", "Salesforce")


TRIAL = Page(
    nav=(Link("Trial", "/trial"),),
    routes=(
        view("/trial", show_hello),
        view("/trial/open", show_hello, role=None),
        view("/trial/bug{rest}", fail),
        view("/trial/fault/{kind}", fail_knowingly),
        change("/trial/say", say),
        change("/trial/leave", leave),
    ),
)


@pytest.fixture
def browser(console: Console, open_browser: Callable[..., Browser]) -> Browser:
    return open_browser(build(console))


def build(console: Console, **changes: Any) -> Starlette:
    """The console with the trial page, too."""
    return build_app(replace(console, **changes), pages=(*PAGES, TRIAL))


@pytest.fixture
def token(browser: Browser) -> str:
    return browser.token()


def test_every_answer_carries_the_security_headers(browser: Browser) -> None:
    for path in ("/", "/nowhere", "/trial/bug-", "/static/console.css", "/health"):
        headers = browser.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        kept = path.startswith("/static/")
        assert headers["cache-control"] == ("public, max-age=31536000, immutable" if kept else "no-store"), path


def test_pages_hold_no_inline_script_or_style(browser: Browser) -> None:
    for path in ("/", "/nowhere", "/trial"):
        html = browser.client.get(path).text
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", html), path
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html)), path


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "", "[bad", "localhost evil.example"),
        # None of these is a Host by RFC 9110, though URL parsers find `localhost` in all of them.
        *("a@localhost", "localhost:abc", "localhost:", "localhost:1:2", "localhost:123456", "localhost/x"),
        *("localhost?x", "localhost#x", "evil.example@localhost:3001", "[::1]x", "::1", "localhost\t", "localhost:１"),
    ],
)
def test_another_host_name_is_not_answered(browser: Browser, host: str) -> None:
    answer = browser.client.get("/", headers=[(b"host", host.encode())])
    assert answer.status_code == 421
    assert "Integrations" not in answer.text


def test_of_two_host_names_none_may_be_another(browser: Browser) -> None:
    """Which of the two is believed would be the choice of whatever reads the request next."""
    for hosts in ([b"localhost", b"evil.example"], [b"evil.example", b"localhost"]):
        assert browser.client.get("/", headers=[(b"host", host) for host in hosts]).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LocalHost:3001", "127.0.0.1:80", "[::1]", "[::1]:3001"])
def test_this_machine_is_answered_under_all_its_names(browser: Browser, host: str) -> None:
    assert browser.client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_what_another_site_embeds_or_fetches_is_not_answered(
    installation: Installation, browser: Browser, headers: dict[str, str]
) -> None:
    """Without sign-in no cookie protects: pictures elsewhere could spend an org's calls, or fill the audit log."""
    for path in ("/", "/accounts/sandbox/status?again=1", "/oauth/callback?state=x"):
        answer = browser.client.get(path, headers=headers)
        assert answer.status_code == 403
        assert "Integrations" not in answer.text
    assert [(entry.action, entry.times) for entry in installation.audit.list()] == [(Action.REFUSED, 3)]


@pytest.mark.parametrize(
    "header",
    [
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"),
        *("Via", "True-Client-IP", "x-client-ip"),
    ],
)
def test_without_users_nothing_that_came_through_a_proxy_is_answered(
    installation: Installation, browser: Browser, token: str, header: str
) -> None:
    """nginx sets Host itself when nobody tells it otherwise, so everybody would look like this machine."""
    answer = browser.client.get("/log", headers={header: "203.0.113.9"})
    assert answer.status_code == 403
    assert "Ask the server admin to set up users." in answer.text
    sent = browser.client.post("/trial/say", data={TOKEN_FIELD: token}, headers={header: "203.0.113.9"})
    assert sent.status_code == 403
    assert {entry.action for entry in installation.audit.list()} == {Action.REFUSED}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none"])
def test_a_link_elsewhere_leads_here(browser: Browser, site: str) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser.client.get("/accounts", headers=headers).status_code == 200


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(open_browser: Callable[..., Browser]) -> None:
    cookie = open_browser().open("/").response.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    over_tls = open_browser(base_url="https://localhost:3001").open("/").response.headers["set-cookie"]
    assert over_tls.startswith(f"__Host-{COOKIE}=")
    assert "; Secure" in over_tls
    assert "; Path=/;" in over_tls
    assert "Domain" not in over_tls


def test_a_forged_cookie_is_no_session(browser: Browser) -> None:
    browser.open("/")
    browser.client.cookies.clear()
    browser.client.cookies.set(COOKIE, "gAAAAABforged")
    assert browser.open("/").response.headers["set-cookie"].startswith(f"{COOKIE}=gAAAA")


def test_a_change_with_the_token_is_done_and_said_once(browser: Browser, token: str) -> None:
    seen = browser.post("/trial/say", {TOKEN_FIELD: token, "words": HOSTILE})
    assert seen.path == "/"
    assert f"said {HOSTILE}" in seen.text
    assert "<script>alert" not in seen.html
    assert "said" not in browser.open("/").text


@pytest.mark.sampled
@pytest.mark.parametrize("letter", ["x", "ロ", "\N{CHART WITH UPWARDS TREND}", '"', "\x07"], ids=ascii)
def test_messages_that_nobody_has_read_yet_never_outgrow_the_cookie(browser: Browser, token: str, letter: str) -> None:
    for number in range(4):
        answer = browser.client.post(
            "/trial/say", data={TOKEN_FIELD: token, "words": f"{number} {letter * 700}"}, follow_redirects=False
        )
        assert answer.status_code == 303
        assert len(answer.headers["set-cookie"]) <= 4096
    assert f"said 3 {letter * 100}" in browser.open("/").text


@pytest.mark.parametrize("given", [None, "", "guess", "ä"])
def test_a_change_without_the_token_is_refused(browser: Browser, token: str, given: str | None) -> None:
    fields = {"words": "hello"} | ({} if given is None else {TOKEN_FIELD: given})
    assert "reload" in browser.post("/trial/say", fields, status=403).text
    assert "hello" not in browser.open("/").text


def test_a_token_of_another_session_is_refused(console: Console, open_browser: Callable[..., Browser]) -> None:
    mine, theirs = open_browser(), open_browser(build(console))
    mine.open("/")
    theirs.post("/trial/say", {TOKEN_FIELD: mine.token()}, status=403)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_change_sent_by_another_site_is_refused(browser: Browser, token: str, headers: dict[str, str]) -> None:
    answer = browser.client.post("/trial/say", data={TOKEN_FIELD: token}, headers=headers)
    assert answer.status_code == 403


def test_our_own_pages_origin_is_accepted(browser: Browser, token: str) -> None:
    headers = {"origin": "http://localhost:3001", "sec-fetch-site": "same-origin"}
    answer = browser.client.post("/trial/say", data={TOKEN_FIELD: token}, headers=headers)
    assert answer.status_code == 200


def test_what_is_no_small_form_is_refused(browser: Browser, token: str) -> None:
    assert browser.client.post("/trial/say", json={TOKEN_FIELD: token}).status_code == 415
    large = {TOKEN_FIELD: token, "words": "x" * 1_100_000}
    assert browser.client.post("/trial/say", data=large).status_code == 413
    assert browser.client.get("/trial/say").status_code == 405


def test_a_viewer_looks_but_does_not_change(console: Console, open_browser: Callable[..., Browser]) -> None:
    app = build(console, identify=lambda request: User("vera", Role.VIEWER, signed_in=True))
    viewer = open_browser(app)
    assert "vera (viewer)" in viewer.open("/trial").text
    seen = viewer.post("/trial/say", {TOKEN_FIELD: viewer.token()}, status=403)
    assert "vera may look but not change" in seen.text


CHANGES = [
    route.path
    for page in PAGES
    for route in page.routes
    if "POST" in (route.methods or ()) and not route.path.endswith(("/ledger", "/search"))  # which change nothing
    if route.path != "/sessions/{session}/end"  # of which everybody may end their own
]


def test_a_viewer_gets_nowhere_by_any_form(
    center: Center, console: Console, open_browser: Callable[..., Browser]
) -> None:
    center.integrate()
    app = build(console, identify=lambda request: User("vera", Role.VIEWER, signed_in=True))
    for path in CHANGES:
        viewer = open_browser(app)
        filled = path.format(slug="logins_to_leads", environment="sandbox", draft="x", run_id="r", person="p", name="n")
        status = 200 if path in {"/sign-in", "/sign-out"} else 403
        viewer.post(filled, {TOKEN_FIELD: viewer.token(), "day": "", "environment": "sandbox"}, status=status)


def test_who_is_not_signed_in_is_sent_to_sign_in(console: Console, open_browser: Callable[..., Browser]) -> None:
    stranger = open_browser(build(console, identify=lambda request: None))
    answer = stranger.client.get("/trial?name=a%26b", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Ftrial%3Fname%3Da%2526b"
    stranger.open("/trial/open")


def test_an_unexpected_error_shows_a_number_and_logs_no_value(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    seen = browser.open("/trial/bug%0AERROR?value=secret-value", status=500)
    number = re.search(r"number ([0-9a-f]{8})", seen.text)
    assert number
    assert number[1] in caplog.text
    assert "RuntimeError at /trial/bug%0AERROR" in caplog.text
    assert "in fail" in caplog.text
    assert "secret-value" not in caplog.text + seen.html
    assert "Traceback" not in seen.html


def test_our_own_errors_say_what_to_do(browser: Browser) -> None:
    busy = browser.open("/trial/fault/busy", status=503)
    assert "The org <b>does not answer</b>; try again in a while" in busy.text
    assert "<b>" not in busy.html
    assert busy.links["Try again"] == "/trial/fault/busy"
    none = browser.open("/trial/fault/none", status=409)
    assert none.links["Go to Accounts"] == "/accounts"


def test_a_missing_page_leads_on(browser: Browser) -> None:
    seen = browser.open("/nowhere", status=404)
    assert seen.links["Go to Integrations"] == "/"
    browser.open("/static/nothing.css", status=404)


def test_leaving_for_another_site_needs_no_redirect_of_a_form(browser: Browser, token: str) -> None:
    seen = browser.post("/trial/leave", {TOKEN_FIELD: token})
    refresh = [said["content"] for tag, said in seen.tags if tag == "meta" and said.get("http-equiv") == "refresh"]
    assert refresh == ["0; url=https://login.example.com/?a=1&b=2"]
    assert seen.links["Continue to Salesforce"] == "https://login.example.com/?a=1&b=2"


def test_the_navigation_says_where_one_is(browser: Browser) -> None:
    seen = browser.open("/trial")
    current = [said.get("href") for tag, said in seen.tags if tag == "a" and said.get("aria-current") == "page"]
    assert current == ["/trial"]


@pytest.mark.parametrize("slug", ["%00", "a%00b", "x" * 300, "%2e%2e"])
def test_a_slug_that_names_no_folder_is_a_page_that_is_not_there(
    open_browser: Callable[..., Browser], slug: str
) -> None:
    client = open_browser().client
    for page in ("edit", "duplicate", "log", "delete"):
        assert client.get(f"/integrations/{slug}/{page}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "number"), [("", 1), ("7", 7), ("0", 1), ("-1", 1), ("²", 1), ("many", 1), ("9" * 10, 1)]
)
def test_a_page_that_cannot_be_is_the_first(asked: str, number: int) -> None:
    assert read_page(Request({"type": "http", "query_string": f"page={quote(asked)}".encode()})) == number


def test_a_static_file_is_not_kept_under_the_address_of_another_content(browser: Browser) -> None:
    address = asset_url("console.css")
    assert "immutable" in browser.open(address).response.headers["cache-control"]
    assert browser.open(f"{address[:-3]}abc").response.headers["cache-control"] == "no-store"


def test_a_link_to_a_file_says_that_the_page_stays() -> None:
    """Without `download`, a browser says to the page that it is left, and the page stops bringing itself up to date."""
    templates = files("integration_center.console").joinpath("templates")
    links = [
        link
        for template in templates.iterdir()
        if template.is_file()
        for link in re.findall(r"<a\b[^>]*>Download", template.read_text(encoding="utf-8"))
    ]
    assert len(links) >= 5
    assert [link for link in links if " download" not in link] == []
