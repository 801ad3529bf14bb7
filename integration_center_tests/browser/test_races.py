"""What a page does by itself, and what somebody does at the same moment: nothing is lost or pressed by mistake."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from integration_center.installation import Installation
from integration_center.integration.environment import Environment
from integration_center_tests.browser.choosing import await_answer
from integration_center_tests.browser.test_buttons import Open, dagster, open_context
from integration_center_tests.browser.test_front_page import run_aside
from integration_center_tests.browser.test_leaving import GONE, Refreshes, discard
from integration_center_tests.browser.test_leaving import page as mapping
from integration_center_tests.browser.test_live import GRID, ask_now, fail_with, grid
from integration_center_tests.browser.test_typing import center
from integration_center_tests.console.conftest import installation
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "dagster", "grid", "home", "installation", "mapping", "open_context"]

SLUG = "logins_to_leads"
SEARCH = re.compile(r"/\?.*\bq=")
CHANGES = "**/mapping"
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
COPIED = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"


@pytest.fixture
def page(dagster: OwnDagster, installation: Installation, open_context: Open) -> Page:
    return open_context(installation).new_page()


@pytest.fixture
def other(grid: Page, center: Center) -> Locator:
    """The row of a second integration in the grid."""
    center.integrate("other", name="Other", object="Contact")
    ask_now(grid)
    row = grid.locator("#row-other")
    expect(row).to_be_visible()
    return row


def await_held(page: Page, held: list[Route]) -> Route:
    """Wait for the request that a route holds."""
    while not held:
        page.evaluate(FRAMES)
    return held[0]


def fail_first(page: Page, status: int | None) -> None:
    """Let the next change of the wizard not reach the console."""
    page.route(CHANGES, fail_with(status), times=1)


def test_a_button_that_has_the_focus_becomes_no_other_one(grid: Page, center: Center) -> None:
    grid.get_by_label("Actions for Watched").click()
    grid.get_by_role("button", name="Disable").focus()
    center.integrate("watched", name="Watched", enabled=False)
    ask_now(grid)
    expect(grid.get_by_role("button", name="Enable")).to_be_visible()
    assert grid.evaluate("() => document.activeElement.textContent.trim()") != "Enable"


@pytest.mark.proof
def test_a_search_without_a_connection_keeps_the_page_and_follows_later(grid: Page, other: Locator) -> None:
    grid.context.set_offline(True)
    grid.get_by_label("Search").fill("watch")
    expect(grid.locator("#connection")).to_contain_text("What is shown does not follow your choice yet.")
    expect(grid.get_by_label("Search")).to_have_value("watch")
    grid.context.set_offline(False)
    expect(other).to_have_count(0)
    expect(grid.locator("#row-watched")).to_be_visible()


@pytest.mark.proof
def test_what_is_searched_for_counts_though_its_answer_is_late(grid: Page, other: Locator) -> None:
    grid.route(SEARCH, lambda route: None, times=1)
    with grid.expect_request(SEARCH):
        grid.get_by_label("Search").fill("watch")
    grid.get_by_label("Account").select_option("sandbox")
    expect(other).to_have_count(0)
    expect(grid).to_have_url(re.compile(r"environment=sandbox"))
    expect(grid).to_have_url(SEARCH)


@pytest.mark.proof
def test_an_answer_that_is_older_than_the_last_choice_is_passed_over(mapping: Page) -> None:
    refreshes = Refreshes(mapping)
    older = refreshes.held[0].fetch()
    sample = mapping.locator("#sample-0")
    expect(sample).to_contain_text("date and time")
    mapping.locator("#column-0").select_option("# Logins Last 30 Days")
    await_answer(mapping)
    newer = sample.inner_text()
    with mapping.expect_request(refreshes.kind):
        refreshes.held.pop(0).fulfill(response=older)
    assert sample.inner_text() == newer


@pytest.mark.proof
@pytest.mark.parametrize("status", [502, 500, 429])
def test_a_console_that_fails_once_costs_nothing_that_was_typed(mapping: Page, status: int) -> None:
    fail_first(mapping, status)
    name = mapping.get_by_label("Name", exact=True)
    name.fill("Logins of today")
    name.blur()
    expect(mapping.locator("#connection")).to_contain_text(f"The console answered with status {status}.")
    expect(name).to_have_value("Logins of today")
    mapping.locator("#when_null-0").select_option("keep")
    await_answer(mapping)
    mapping.reload()
    expect(name).to_have_value("Logins of today")


@pytest.mark.proof
def test_what_is_typed_into_a_draft_that_is_gone_can_be_copied(mapping: Page, installation: Installation) -> None:
    discard(installation)
    rows = mapping.locator("#filter")
    rows.fill("1 = 1")
    rows.blur()
    expect(mapping.locator("#connection")).to_contain_text(GONE)
    expect(rows).to_have_value("1 = 1")


@pytest.mark.proof
def test_a_change_that_waits_for_its_turn_is_kept_by_somebody_who_goes(mapping: Page) -> None:
    address = mapping.url
    mapping.route(CHANGES, lambda route: None, times=1)
    with mapping.expect_request(CHANGES):
        mapping.locator("#when_null-0").select_option("keep")
    mapping.get_by_label("Name", exact=True).fill("Logins of today")
    mapping.get_by_role("link", name="Integrations", exact=True).click()
    expect(mapping.get_by_role("link", name="Logins of today")).to_be_visible()
    mapping.goto(address)
    expect(mapping.get_by_label("Name", exact=True)).to_have_value("Logins of today")


@pytest.mark.proof
def test_an_account_that_goes_away_while_it_is_checked_leaves_its_page_in_place(
    grid: Page, center: Center, installation: Installation, connect: Callable[[Environment], None]
) -> None:
    connect(Environment.SANDBOX)
    checks: list[Route] = []
    grid.route("**/accounts/sandbox/status", lambda route: checks.append(route), times=1)
    with grid.expect_request("**/accounts/sandbox/status"):
        grid.goto("/accounts")
    installation.accounts.delete(Environment.SANDBOX)
    await_held(grid, checks).continue_()
    expect(grid.get_by_text("Not connected.").first).to_be_visible()
    expect(grid).to_have_url("/accounts")


@pytest.mark.proof
def test_a_copy_button_pressed_twice_says_again_what_it_does(grid: Page) -> None:
    grid.clock.install()
    grid.goto("/")
    grid.evaluate(COPIED)
    grid.evaluate("""() => document.getElementById("main").insertAdjacentHTML("beforeend",
      '<pre id="said">text</pre><button type="button" data-copy="said">Copy the message</button>')""")
    for _ in range(2):
        grid.locator("button[data-copy]").click()
        expect(grid.locator("button[data-copy]")).to_have_text("Copied")
    grid.clock.fast_forward(5_000)
    expect(grid.locator("button[data-copy]")).to_have_text("Copy the message")


@pytest.mark.proof
def test_a_press_hits_what_it_began_on_though_an_answer_comes_meanwhile(mapping: Page) -> None:
    late: list[Route] = []
    mapping.route(CHANGES, lambda route: late.append(route), times=1)
    mapping.locator("#filter").fill("1 = 1")
    mapping.evaluate(
        "() => document.querySelectorAll('details').forEach(each => { each.open = Boolean(each.closest('#shape')); })"
    )
    save = mapping.get_by_role("button", name="Save", exact=True)
    save.scroll_into_view_if_needed()
    place = save.bounding_box()
    assert place is not None
    mapping.mouse.move(place["x"] + 10, place["y"] + 10)
    mapping.mouse.down()  # the field is left, so its change is sent, unless the pause after typing was long enough
    await_held(mapping, late)
    with mapping.expect_event("requestfinished", lambda each: each.method == "GET" and each.url.endswith("/mapping")):
        await_held(mapping, late).continue_()
    mapping.evaluate(FRAMES)
    mapping.mouse.up()
    expect(mapping.get_by_text("Logins to Lead is saved.")).to_be_visible()


@pytest.mark.proof
def test_escape_leaves_no_page_where_somebody_typed(page: Page, center: Center) -> None:
    center.integrate(approval="required")
    run_aside(center)
    page.goto(f"/integrations/{SLUG}")
    page.get_by_role("link", name="Waiting for approval").or_(page.locator("#state a")).first.click()
    why = page.get_by_label("Why it may be sent, or why not")
    why.fill("the numbers are right")
    address = page.url
    for press in (why.press, page.locator("#main").press):
        press("Escape")
        expect(why).to_have_value("the numbers are right")
    assert page.url == address
    why.fill("")
    page.locator("#main").press("Escape")
    expect(page).to_have_url(f"/integrations/{SLUG}")


@pytest.mark.proof
def test_the_page_of_an_integration_lists_a_run_as_soon_as_it_says_so(page: Page, center: Center) -> None:
    center.integrate()
    run_aside(center)
    page.goto(f"/integrations/{SLUG}")
    rows = page.locator("#runs tbody tr")
    expect(rows).to_have_count(1)
    page.locator(".chart a").first.hover()
    said = page.locator(".chart .said")
    expect(said).not_to_be_empty()
    run_aside(center)
    ask_now(page)
    expect(rows).to_have_count(2)
    expect(said).not_to_be_empty()


@pytest.mark.proof
def test_nothing_moves_while_somebody_aims_at_a_button(grid: Page, center: Center) -> None:
    grid.clock.install()
    grid.goto("/")
    row = grid.locator("#row-watched")
    expect(row).to_contain_text("Sandbox is not connected")
    grid.clock.pause_at(datetime.now(UTC) + timedelta(seconds=1))
    row.get_by_role("link", name="Watched", exact=True).hover()
    center.integrate("watched", name="Watched", enabled=False)
    with grid.expect_event("requestfinished", lambda each: bool(GRID.search(each.url))):
        ask_now(grid)
    assert "Sandbox is not connected" in row.inner_text()
    grid.clock.fast_forward(6_000)
    expect(row).to_contain_text("Off")
