"""Each form of the console, whatever page has it: a session that ended, another site, and the same form sent twice."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from integration_center.access.users import Role
from integration_center.console.pages import PAGES
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.page import UNDONE
from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.console.shell.users import User
from integration_center.console.wizard.drafts import Draft, DraftStore
from integration_center.database.engine import reading
from integration_center.database.tables import audit, metadata
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser
from integration_center_tests.pipeline.center import Center

SLUG = "logins_to_leads"
FROM = "/integrations/logins_to_leads?tab=runs"
"""The page that the form was on."""
CHANGES = sorted(
    route.path for page in PAGES for route in page.routes if "POST" in (route.methods or ()) if route.path != "/sign-in"
)
NAMES = {"slug": SLUG, "environment": "sandbox", "run_id": "r", "person": "p", "name": "n", "session": "s"}
OTHER_SITES = [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]


@pytest.fixture
def draft(installation: Installation) -> str:
    """A draft of the user who is signed in."""
    return DraftStore(installation.engine).create("ann", Draft(report="Logins", object="Lead"))


def see_all(center: Center, installation: Installation) -> Mapping[str, object]:
    """Everything that a change could write, besides the audit log: which notes what was refused."""
    with reading(installation.engine) as connection:
        rows = {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata.sorted_tables
            if table is not audit
        }
    files = {
        str(path): path.read_bytes()
        for path in [*center.defs.rglob("*"), *center.home.glob("*.yaml")]
        if path.is_file()
    }
    return {**rows, **files, "calls": len(center.emulator.sandbox.calls.find())}


def test_there_are_forms_to_look_at() -> None:
    assert len(CHANGES) > 35


@pytest.mark.sampled
@pytest.mark.parametrize("kept", [True, False], ids=["ended", "forgotten"])
def test_after_the_session_ended_nothing_is_written_and_the_sign_in_leads_back(
    center: Center, console: Console, draft: str, open_browser: Callable[..., Browser], kept: bool
) -> None:
    center.integrate()
    people: list[User | None] = [User("ann", Role.ADMIN, signed_in=True)]
    app = build_app(replace(console, identify=lambda request: people[0]))
    browser = open_browser(app)
    token = browser.token()
    before = see_all(center, console.installation)
    people[0] = None
    if not kept:  # the browser has no cookie any more either, so the token of the page is not known
        browser.client.cookies.clear()
    headers = {"referer": f"http://localhost:3001{FROM}", "origin": "http://localhost:3001"}
    for path in CHANGES:
        if path == "/sign-out":
            continue
        there = path.format(**NAMES, draft=draft)
        answer = browser.client.post(there, data={TOKEN_FIELD: token}, headers=headers, follow_redirects=False)
        assert answer.status_code == 303, path
        to = urlsplit(answer.headers["location"])
        assert (to.path, parse_qs(to.query)) == ("/sign-in", {"next": [FROM]}), path
        assert UNDONE in browser.open("/sign-in").text, path
    assert see_all(center, console.installation) == before


@pytest.mark.sampled
@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_no_form_of_another_site_is_taken(
    center: Center, console: Console, draft: str, open_browser: Callable[..., Browser], headers: Mapping[str, str]
) -> None:
    center.integrate()
    browser = open_browser(build_app(replace(console, identify=lambda request: User("ann", Role.ADMIN, True))))
    token = browser.token()
    before = see_all(center, console.installation)
    for path in CHANGES:
        sent = browser.client.post(path.format(**NAMES, draft=draft), data={TOKEN_FIELD: token}, headers=headers)
        assert sent.status_code == 403, path
    assert see_all(center, console.installation) == before


@pytest.mark.parametrize("referer", ["", "https://evil.example/a", "http://[", "http://localhost:3001"])
def test_a_page_elsewhere_is_none_to_come_back_to(
    console: Console, open_browser: Callable[..., Browser], referer: str
) -> None:
    browser = open_browser(build_app(replace(console, identify=lambda request: None)))
    fields = {TOKEN_FIELD: browser.client.get("/token").text}
    sent = browser.client.post("/admin/stop", data=fields, headers={"referer": referer}, follow_redirects=False)
    assert sent.headers["location"] == "/sign-in?next=%2F"


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("path", "values"),
    [
        (f"/integrations/{SLUG}/disable", {}),
        (f"/integrations/{SLUG}/delete", {}),
        ("/accounts/sandbox/disconnect", {}),
        ("/wizard/{draft}/discard", {}),
        ("/alerts", {"name": "ops", "type": "webhook", "url": "https://hooks.example/x", "secret": "sixteen letters!"}),
        ("/admin/stop", {"reason": "a rehearsal", "sure": "on"}),
        ("/integrations", {"slug": SLUG, "go": "disable"}),
    ],
)
def test_what_is_sent_twice_is_done_once(
    center: Center,
    console: Console,
    draft: str,
    open_browser: Callable[..., Browser],
    path: str,
    values: Mapping[str, str],
) -> None:
    center.integrate()
    browser = open_browser(build_app(replace(console, identify=lambda request: User("ann", Role.ADMIN, True))))
    fields = {TOKEN_FIELD: browser.token(), **values}
    here = path.format(draft=draft)
    before = see_all(center, console.installation)
    browser.post(here, fields)
    after = see_all(center, console.installation)
    assert after != before, "the first one does something"
    again = browser.client.post(here, data=fields)
    assert again.status_code < 500, again.text
    later = see_all(center, console.installation)
    assert {**later, "calls": 0} == {**after, "calls": 0}
