"""The front page says at once what is wrong, and what to press: six states, each in a real browser.

`make pictures` keeps what it saw for the documentation. The sentence under each picture is the tested one.
"""

import base64
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, ViewportSize, expect

from integration_center.console.engine import Engine
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncStatus
from integration_center.database.waiting import WaitingDay
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.browser.inspection import COLOURS, find_violations
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home
from salesforce_emulator.refusals import RowError

__all__ = ["center_on_disk", "connect", "home"]


PICTURES = os.environ.get("INTEGRATION_CENTER_PICTURES")
"""The folder that keeps the pictures; none are kept without it."""
ROOT = Path(__file__).parents[2]
SIZES = (ViewportSize(width=1440, height=640), ViewportSize(width=360, height=740))
QUALITY = 55
RUNS, STOPPED = Engine(webserver=True, daemon=True), Engine(webserver=False, daemon=False)
SOUND = (
    ("onboarding_to_contacts", "Onboarding to Contacts", "Onboarding Completion Rate", "Contact"),
    ("nps_to_accounts", "NPS to Accounts", "NPS", "Account"),
)
"""Integrations that work, which surround the one that does not: slug, name, report, object."""
SLUG = "logins_to_leads"


def lose_account(center: Center, installation: Installation) -> Engine:
    refusal = '{"error": "invalid_grant", "error_description": "expired access/refresh token"}'
    faults = center.emulator.sandbox.faults
    faults.expire("/services/data/*", times=None)
    faults.respond(400, "*/oauth2/token", times=None, body=refusal, content_type="application/json")
    return RUNS


def delay_report(center: Center, installation: Installation) -> Engine:
    now = datetime.now(UTC)
    center.integrate(arrive_by="23:59")
    reason = f"the newest day of Logins is {YESTERDAY - timedelta(days=1)}"
    due = now + timedelta(hours=1)
    installation.waiting.note(WaitingDay(SLUG, YESTERDAY, now - timedelta(hours=2), due, reason, now))
    return RUNS


def hold_push(center: Center, installation: Installation) -> Engine:
    center.integrate(limits={"max_changed": "20 %"})
    center.drop(logins(PLAIN))
    run_aside(center)
    return RUNS


def refuse_three(center: Center, installation: Installation) -> Engine:
    center.integrate(limits={"max_failed": "100 %"})
    center.drop(logins(PLAIN))
    ids = [center.lead(person)["Id"] for person in PLAIN[:3]]
    rule = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Score needs a manager's approval")
    center.emulator.sandbox.faults.fail_rows(ids, rule)
    run_aside(center)
    return RUNS


def stop_scheduler(center: Center, installation: Installation) -> Engine:
    return STOPPED


def break_file(center: Center, installation: Installation) -> Engine:
    path = center.defs / SLUG / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("column: User ID", "colunm: User ID"), encoding="utf-8")
    return RUNS


def run_aside(center: Center) -> None:
    """Run the integration in a thread: Playwright's loop is in this one, and a run has its own."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(center.run).result()


STATES: dict[str, tuple[Callable[[Center, Installation], Engine], str, str]] = {
    "account-lost": (
        lose_account,
        "The connection to Sandbox does not work: the connection has ended.",
        "Connect Sandbox again",
    ),
    "scheduler-dead": (
        stop_scheduler,
        "Dagster is not running, so nothing starts, neither by schedule nor by Run Now."
        " Ask the server admin to start it.",
        "See what is down",
    ),
    "integration-broken": (
        break_file,
        "Logins to Leads · Its file cannot be read: line 11, colunm of key pair 1: there is no such name;"
        " the nearest is 'column'.",
        "See the file",
    ),
    "report-late": (delay_report, "Logins to Leads · Waiting for its report since", "See the report"),
    "push-held": (
        hold_push,
        "Logins to Leads · Held: 8 of 8 matched records would change (100.0 %); at most 20 % may.",
        "Review and release",
    ),
    "records-refused": (
        refuse_three,
        "Logins to Leads · 3 records were refused: Score needs a manager's approval.",
        "See the 3 records",
    ),
}
"""What makes each state, the sentence that says what is wrong, and the button."""


@pytest.fixture
def center(center_on_disk: Center) -> Center:
    """The installation, with its history in files: runs go on beside the browser, in a thread."""
    return center_on_disk


@pytest.fixture
def installation(center: Center) -> Iterator[Installation]:
    center.integrate(SLUG)
    center.drop(logins(PLAIN))
    for slug, name, report, target in SOUND:
        center.integrate(slug, name=name, report=report, object=target)
        center.drop(logins(PLAIN), report=report.lower().replace(" ", "-"))
    with open_installation() as installation:
        for slug, name, report, target in (*SOUND, (SLUG, "Logins to Leads", "Logins Review", "Lead")):
            note_history(installation, slug, name, report, target)
        yield installation


def note_history(installation: Installation, slug: str, name: str, report: str, target: str) -> None:
    """Note runs of the last two weeks that went well."""
    account = installation.accounts.get(Environment.SANDBOX)
    for ago in range(14, 1, -1):
        day, run_id = YESTERDAY - timedelta(days=ago), f"{slug}-{ago}"
        installation.syncs.open(
            run_id, slug, name=name, environment=Environment.SANDBOX, report=report, object=target,
            partition_start=day, partition_end=day, triggered_by="schedule", org_id=account.org_id,
        )  # fmt: skip
        counts = {"updated": 300 + 37 * (ago % 5), "unchanged": 4_000, "unmatched": 80 + ago}
        installation.syncs.close(run_id, slug, status=SyncStatus.COMPLETED, counts={"lines": counts, "rows": counts})


@contextmanager
def serving(console: Console) -> Iterator[str]:
    """Serve the console of this process; its address."""
    server = uvicorn.Server(uvicorn.Config(build_app(console), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def photograph(page: Page, name: str) -> None:
    if PICTURES:
        asked = {"format": "webp", "quality": QUALITY}
        taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)["data"]
        (ROOT / PICTURES / f"{name}.webp").write_bytes(base64.b64decode(taken))


@pytest.mark.proof
def test_the_front_page_says_what_is_wrong_and_what_to_press(
    center: Center, installation: Installation, browser_process: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for state, (prepare, said, button) in STATES.items():
        engine = prepare(center, installation)
        monkeypatch.setattr(Console, "look_at_dagster", lambda self, engine=engine: engine)
        with serving(Console(installation)) as url:
            context = browser_process.new_context(base_url=url, reduced_motion="reduce", locale="en-GB")
            page = context.new_page()
            for size in SIZES:
                page.set_viewport_size(size)
                page.goto("/")
                attention = page.get_by_role("region", name="Needs attention")
                expect(attention).to_contain_text(said)
                expect(attention.get_by_role("listitem")).to_have_count(1)
                press = attention.get_by_role("link", name=button)
                expect(press).to_be_in_viewport(ratio=1)
                photograph(page, f"{state}-{size['width']}")
            assert find_violations(page, COLOURS) == [], state
            press.focus()
            page.keyboard.press("Enter")
            expect(page).not_to_have_url(f"{url}/")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            context.close()
        center.integrate(SLUG)
        installation.waiting.end(SLUG)
        center.emulator.sandbox.faults.clear()


def test_the_documentation_shows_each_state_with_its_sentence() -> None:
    text = " ".join((ROOT / "docs/explanation/front-page.md").read_text(encoding="utf-8").split())
    for state, (_, said, button) in STATES.items():
        about = text.partition(f"pictures/{state}-1440.webp")[2].partition("pictures/")[0]
        assert said.removeprefix("Logins to Leads · ") in about
        assert f"**{button}**" in about
