"""The buttons that write and that no other browser test presses: by mouse, pressed twice, and in a second tab."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pydantic import SecretStr

from integration_center.console.shell.context import Console
from integration_center.console.shell.users import build_identify
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.browser.choosing import choose
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.services import RUN_MS, Services
from integration_center_tests.browser.test_example import fresh
from integration_center_tests.browser.test_front_page import RUNS, run_aside, serving
from integration_center_tests.browser.test_runs import await_dagster
from integration_center_tests.browser.test_typing import center, go_to_mapping
from integration_center_tests.console.conftest import installation, read_history_of
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.passwords import CHEAP, PASSWORD, accept_cheap_hashes
from integration_center_tests.pipeline.center import PLAIN, Center, email
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home
from salesforce_emulator.org.custom_fields import add_custom_field

__all__ = ["center", "center_on_disk", "connect", "fresh", "home", "installation"]


SLUG = "logins_to_leads"
NEW = "WalkMe_User_ID__c"
MOST_SECONDS = 120
"""From a missing field to the first sync."""
Open = Callable[[Installation], BrowserContext]


@pytest.fixture
def dagster(center: Center, monkeypatch: pytest.MonkeyPatch) -> OwnDagster:
    """A Dagster in this process."""
    dagster = OwnDagster("http://127.0.0.1:9", center=center)
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: RUNS)
    monkeypatch.setattr(Console, "find_dagster", lambda self: dagster)
    read_history_of(center, monkeypatch)
    return dagster


@pytest.fixture
def open_context(browser_process: Browser) -> Iterator[Open]:
    """Opens a browser with cookies of its own on a console of an installation."""
    with ExitStack() as stack:
        urls: dict[int, str] = {}

        def open_context(installation: Installation) -> BrowserContext:
            if id(installation) not in urls:
                console = Console(installation, build_identify(installation))
                urls[id(installation)] = stack.enter_context(serving(console))
            url = urls[id(installation)]
            context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
            stack.callback(context.close)
            return context

        yield open_context


@pytest.mark.proof
def test_switches_accounts_reports_and_the_kill_switch(
    center: Center, dagster: OwnDagster, installation: Installation, open_context: Open
) -> None:
    center.integrate()
    center.integrate("second", name="Second", object="Contact")
    page = open_context(installation).new_page()
    page.goto(f"/integrations/{SLUG}")
    page.get_by_role("button", name="Pause").dblclick()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.goto("/")
    several = page.get_by_role("group", name="The chosen integrations")
    for button, on in (("Disable", False), ("Enable", True)):
        for box in page.get_by_role("checkbox", name=re.compile("Choose")).all():
            box.check()
        several.get_by_role("button", name=button).click()
        expect(page.get_by_text(f"are {'on' if on else 'off'} the schedule.")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="every day at 08:00")).to_have_count(2 if on else 0)
        assert [file.spec.enabled for file in Console(installation).defs.list() if file.spec] == [on, on]

    page.goto("/accounts")
    page.get_by_label("Name", exact=True).fill("emea-prod")
    page.get_by_label("Real records: a production org").check()
    page.get_by_role("button", name="Add the account").dblclick()
    added = page.get_by_role("region", name="emea-prod")
    added.get_by_role("button", name="Remove").click()
    expect(added).to_have_count(0)

    page.goto("/reports/logins")
    page.get_by_label("Name", exact=True).fill("Logins of everybody")
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1, name="Logins of everybody")).to_be_visible()
    assert "name: Logins of everybody" in (center.home / "drops" / "logins" / "report.yaml").read_text()

    page.goto("/admin/stop")
    page.get_by_label("Why").fill("a rehearsal")
    began = time.monotonic()
    page.get_by_role("button", name="Stop everything").dblclick()
    expect(page.get_by_text("a rehearsal").first).to_be_visible()
    assert time.monotonic() - began < 5
    assert not installation.accounts.list()
    page.goto("/")
    page.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("The stop is lifted.")).to_be_visible()
    expect(page.get_by_text("Everything is stopped.")).to_have_count(0)
    assert installation.stops.find() is None


@pytest.mark.proof
def test_from_a_missing_field_to_the_first_sync_within_the_wizard(
    center: Center, dagster: OwnDagster, installation: Installation, open_context: Open
) -> None:
    page = open_context(installation).new_page()
    page.goto("/integrations/new")
    page.get_by_role("button", name="Continue").click()
    go_to_mapping(page)
    page.get_by_role("button", name="+ Add column").click()
    page.locator("#column-3").select_option("User ID")
    expect(page.locator(f"#field-3-chosen option[value={NEW}]")).to_be_attached()
    choose(page.locator("#field-3"), NEW)
    began = time.monotonic()
    page.get_by_role("button", name="Create it in Sandbox").dblclick()
    expect(page.get_by_text(f"Created on Lead: User ID {NEW}.")).to_be_visible()
    page.get_by_role("button", name="Save and run now").dblclick()
    expect(page.get_by_text(f"Completed: {len(PLAIN)} records were updated.")).to_be_visible()
    assert time.monotonic() - began < MOST_SECONDS
    assert center.lead(PLAIN[0])[NEW] == email(PLAIN[0])
    assert len(dagster.launched) == 1


@pytest.mark.proof
def test_two_people_see_both_versions_and_choose(
    center: Center, dagster: OwnDagster, installation: Installation, open_context: Open
) -> None:
    center.integrate()

    def edit(name: str) -> Page:
        page = open_context(installation).new_page()
        page.goto(f"/integrations/{SLUG}/edit")
        page.get_by_label("Name", exact=True).fill(name)
        return page

    for first, second, button, said in (
        ("By Ann", "By Bob", "Use mine", "By Bob is saved."),
        ("By Cem", "By Dee", "Keep theirs", "The other version is kept"),
    ):
        theirs, mine = edit(first), edit(second)
        theirs.get_by_role("button", name="Save", exact=True).click()
        expect(theirs.get_by_text(f"{first} is saved.")).to_be_visible()
        mine.get_by_role("button", name="Save", exact=True).click()
        row = mine.get_by_role("row").filter(has_text=first)
        expect(row).to_contain_text(second)
        mine.get_by_role("button", name=button).dblclick()
        expect(mine.get_by_text(said)).to_be_visible()
        kept = second if button == "Use mine" else first
        assert f"name: {kept}" in (center.defs / SLUG / "defs.yaml").read_text()


@pytest.mark.proof
def test_a_plan_is_rejected_and_an_integration_taken_to_production(
    center: Center,
    dagster: OwnDagster,
    installation: Installation,
    open_context: Open,
    connect: Callable[[Environment], None],
) -> None:
    center.integrate(approval="required")
    run_aside(center)
    run = installation.syncs.history(SLUG, limit=1)[0].run_id
    context = open_context(installation)
    page, other = context.new_page(), context.new_page()
    for each in (page, other):
        each.goto(f"/integrations/{SLUG}/runs/{run}")
        each.get_by_label("Why it may be sent, or why not").fill("wrong month")
    page.get_by_role("button", name="Reject").dblclick()
    expect(page.get_by_text("rejected by").first).to_contain_text("wrong month")
    other.get_by_role("button", name="Reject").click()
    expect(other.get_by_text("rejected by").first).to_be_visible()
    assert center.writes() == []

    center.integrate()
    connect(Environment.PRODUCTION)
    page.goto(f"/integrations/{SLUG}/promote")
    page.get_by_role("button", name="Make the plan in Production").dblclick()
    expect(page.get_by_text(f"{len(PLAIN)} records would be updated")).to_be_visible()
    page.get_by_role("button", name="I have seen the plan: switch it on in Production").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Logins to Leads")
    assert center.writes(Environment.PRODUCTION) == []
    assert (center.defs / f"{SLUG}_production" / "defs.yaml").exists()


@pytest.mark.proof
def test_a_picklist_is_created_in_production_by_one_of_two_presses(
    center: Center,
    dagster: OwnDagster,
    installation: Installation,
    open_context: Open,
    connect: Callable[[Environment], None],
) -> None:
    connect(Environment.PRODUCTION)
    sandbox, production = (org.org for org in (center.emulator.sandbox, center.emulator.production))
    values = [{"fullName": each, "default": False, "label": each} for each in ("Gold", "Silver")]
    add_custom_field(
        sandbox,
        "Lead.Tier__c",
        {"label": "Tier", "type": "Picklist", "valueSet": {"valueSetDefinition": {"sorted": False, "value": values}}},
    )
    sandbox.schema.show("Lead", "Tier__c")
    center.integrate(fields=[{"column": "User ID", "field": "Tier__c"}])
    page = open_context(installation).new_page()
    page.goto(f"/integrations/{SLUG}/promote")
    expect(page.get_by_text("type: Picklist, values: Gold; Silver")).to_be_visible()
    page.get_by_role("button", name="Create it in Production").dblclick()
    expect(page.get_by_text("Nothing that this integration uses.")).to_be_visible()
    expect(page.get_by_role("button", name="Make the plan in Production")).to_be_visible()
    lead = production.schema.find_any("Lead")
    assert lead is not None
    assert [each.value for each in lead.by_name["tier__c"].values] == ["Gold", "Silver"]
    assert center.writes(Environment.PRODUCTION) == []


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_a_run_under_way_is_cancelled(page: Page, fresh: Services) -> None:
    fresh.integrate("to_cancel", name="To cancel")
    await_dagster(fresh)
    page.goto("/accounts")
    page.get_by_role("button", name="+ Add Account for Sandbox").click()
    page.get_by_role("button", name="Allow").click()
    held = fresh.emulator.sandbox.faults.hold("*/composite", times=None)
    page.goto("/integrations/to_cancel")
    page.get_by_role("button", name="Run Now").click()
    assert held.reached.wait(RUN_MS / 1_000)
    expect(page.get_by_role("listitem").filter(has_text="Getting the report")).to_contain_text("9 rows read")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/cancel")):
        page.get_by_role("button", name="Cancel").dblclick()
    held.release()
    expect(page.get_by_text("cancelled in the console by").first).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    page.goto("/audit")
    expect(page.get_by_role("cell", name="cancelled", exact=True).first).to_be_visible()


@pytest.mark.proof
def test_roles_are_given_and_sessions_ended(
    center: Center, installation: Installation, open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_cheap_hashes(monkeypatch)
    users = f"ann:admin:{CHEAP.hash(PASSWORD)}\nvera:viewer:{CHEAP.hash(PASSWORD)}"
    settings = installation.settings.model_copy(update={"users": SecretStr(users)})
    guarded = Installation(settings, installation.engine)

    def sign_in(name: str) -> Page:
        page = open_context(guarded).new_page()
        page.goto("/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1, name="Integrations")).to_be_visible()
        return page

    vera, ann = sign_in("vera"), sign_in("ann")
    ann.goto("/admin/people")
    ann.get_by_label("Role of vera").select_option("operator")
    ann.get_by_role("button", name="Give vera this role").dblclick()
    expect(ann.get_by_text("vera is Operator from the next page on.")).to_be_visible()
    vera.reload()
    expect(vera.get_by_role("link", name="+ New Integration").first).to_be_visible()
    ann.get_by_role("button", name="Sign out and reset the role vera").click()
    expect(ann.get_by_text("vera is signed out, and the role given here is taken back.")).to_be_visible()
    vera.reload()
    expect(vera.get_by_role("heading", name="Sign in")).to_be_visible()
    again = sign_in("vera")
    ann.goto("/sessions")
    ann.get_by_role("button", name=re.compile("End the session of vera")).dblclick()
    expect(ann.get_by_role("button", name=re.compile("End the session of vera"))).to_have_count(0)
    again.reload()
    expect(again.get_by_role("heading", name="Sign in")).to_be_visible()
