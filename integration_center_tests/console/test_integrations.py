"""The front page, and what its menus do to an integration's file."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.console.browser import Browser
from integration_center_tests.pipeline.center import PLAIN, Center, logins

HOSTILE = "<img src=x onerror=alert(1)>'\"&"
NOON = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)


def log(
    installation: Installation,
    run_id: str,
    slug: str = "logins_to_leads",
    *,
    status: SyncStatus = SyncStatus.COMPLETED,
    error: str | None = None,
    **rows: int,
) -> None:
    """Put a run into the log."""
    installation.syncs.open(
        run_id,
        slug,
        name="Logins to Leads",
        environment=Environment.SANDBOX,
        report="Logins Review",
        object="Lead",
        partition_start=date(2026, 11, 24),
        partition_end=date(2026, 11, 24),
        triggered_by="schedule",
    )
    if status is not SyncStatus.RUNNING:
        installation.syncs.close(run_id, slug, status=status, counts={"rows": rows, "lines": rows}, error=error)


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Dagster that runs, and how often it was asked to read the integrations again."""
    reloaded: list[str] = []
    monkeypatch.setattr(Console, "find_dagster", lambda self: Webserver("http://127.0.0.1:9"))
    monkeypatch.setattr(Webserver, "reload", lambda self: reloaded.append(self.url))
    return reloaded


def test_the_grid_shows_each_integration_with_its_last_run(
    center: Center, console: Console, open_browser: Callable[..., Browser]
) -> None:
    center.integrate()
    log(console.installation, "one", updated=8, unmatched=3, failed=1)
    seen = open_browser(build_app(replace(console, now=lambda: NOON))).open("/")
    for said in ("Logins to Leads", "Logins Review", "Lead", "Sandbox", "every day at 08:00", "tomorrow 08:00"):
        assert said in seen.text
    assert "Completed" in seen.text
    assert "8 updated · 3 not found in Salesforce · 1 refused" in seen.text
    pictures = [said["aria-label"] for tag, said in seen.tags if tag == "svg"]
    assert pictures == [
        "Last run: 0 failed. Rows updated 8, rows failed 1. Newest run: 8 updated, 1 failed.",
    ]


def test_own_schedules_and_disabled_ones_say_so(
    center: Center, console: Console, open_browser: Callable[..., Browser]
) -> None:
    center.integrate("weekly", name="Weekly", schedule="30 6 * * 1")
    center.integrate("off", name="Switched off", enabled=False)
    seen = open_browser(build_app(replace(console, now=lambda: NOON))).open("/")
    assert "Mon 06:30 Mondays at 06:30" in seen.text
    assert "Switched off Off" in seen.text
    assert "tomorrow" not in seen.text


def test_a_broken_integration_shows_its_error_beside_the_sound_ones(center: Center, browser: Browser) -> None:
    center.integrate()
    center.write("mangled", "type: integration_center.Integration\nattributes: [unclosed")
    center.integrate("second", name="Writes the same field")
    seen = browser.open("/")
    assert "mangled · Its file cannot be read" in seen.text
    assert "a bracket is not closed" in seen.text
    assert "Lead.WalkMe_Logins_Last_30_Days__c are already written by Logins to Leads" in seen.text
    actions = {form.action for form in [*seen.reader.forms, *seen.reader.buttons]}
    assert "/integrations/logins_to_leads/run" in actions
    assert "/integrations/mangled/run" not in actions
    assert "/integrations/mangled/delete" in seen.targets


def test_a_folder_whose_name_is_no_text_does_not_stop_the_page(center: Center, browser: Browser) -> None:
    center.integrate()
    center.write(os.fsdecode(b"Z\xfcrich"), "x")
    seen = browser.open("/")
    assert "broken_z_rich · Its file cannot be read" in seen.text
    assert "Z\\udcfcrich" in seen.text
    assert "/integrations/logins_to_leads/run" in {form.action for form in [*seen.reader.forms, *seen.reader.buttons]}


def test_a_file_that_cannot_be_read_keeps_the_name_of_its_last_run(
    center: Center, installation: Installation, browser: Browser
) -> None:
    center.write("logins_to_leads", "type: integration_center.Integration\nattributes: [unclosed")
    log(installation, "r")
    assert "Actions Logins to Leads Logins Review → Lead · Sandbox Broken" in browser.open("/").text


def test_a_newcomer_never_breaks_one_that_runs(center: Center, browser: Browser, reloads: list[str]) -> None:
    """Its slug sorts before the other's; its file is newer."""
    center.integrate()
    file = center.defs / "logins_to_leads" / "defs.yaml"
    os.utime(file, (time.time() - 3_600,) * 2)
    center.integrate("a_newcomer", name="Newcomer")
    loaded = load_integrations(center.defs)
    assert loaded.specs.keys() == {"logins_to_leads"}
    assert loaded.broken.keys() == {"a_newcomer"}
    seen = browser.open("/?state=broken")
    assert "1 of 2 integrations" in seen.text
    assert "Newcomer · Cannot run: Lead.WalkMe_First_Login__c, Lead.WalkMe_Last_Login__c, Lead." in seen.text
    assert "/integrations/a_newcomer/edit" in seen.targets
    seen = browser.submit(seen, "/integrations/a_newcomer/disable")
    assert "Broken" not in seen.text.partition("2 integrations")[2]


def test_names_from_files_are_text_and_never_markup(center: Center, browser: Browser) -> None:
    center.integrate(name=HOSTILE, report=HOSTILE)
    center.write("<b>bold<", "attributes: {")
    seen = browser.open("/")
    assert HOSTILE in seen.text
    assert "<img src=x" not in seen.html
    assert "<b>" not in seen.html
    confirm = browser.open("/integrations/logins_to_leads/delete")
    assert f"Delete {HOSTILE}?" in confirm.text
    assert "<img src=x" not in confirm.html


def test_without_an_account_the_page_leads_to_accounts(installation: Installation, browser: Browser) -> None:
    assert "+ New Integration" in browser.open("/").links
    installation.accounts.delete(Environment.SANDBOX)
    seen = browser.open("/")
    assert "Connect an account first" in seen.text
    assert seen.links["Go to Accounts"] == "/accounts"
    assert "Connect a Salesforce account Have a report: see what WalkMe delivers Make an integration" in seen.text


@pytest.mark.parametrize("there", [False, True])
def test_an_empty_installation_says_which_steps_are_done(
    center: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr("integration_center.console.pages.integrations.STEPS_SECONDS", 60.0)
    if there:
        center.drop(logins(PLAIN))
    seen = browser.open("/")
    report = f"✓ Done: The report Logins is there, newest day {YESTERDAY}"
    expected = report if there else "Have a report: see what WalkMe delivers"
    assert f"✓ Done: Sandbox is connected {expected} Make an integration" in seen.text
    assert seen.links["+ New Integration"] == "/integrations/new"


def test_many_integrations_are_paged_searched_and_narrowed(center: Center, console: Console, browser: Browser) -> None:
    for number in range(53):
        center.integrate(f"n_{number:02d}", name=f"Number {number:02d}", object=f"Thing_{number}__c")
    log(console.installation, "a", "n_07", status=SyncStatus.FAILED, error="the org does not answer")
    log(console.installation, "b", "n_08", status=SyncStatus.FAILED)
    log(console.installation, "c", "n_08", updated=1)
    first = browser.open("/")
    assert "53 integrations" in first.text
    assert "Number 39" in first.text
    assert "Number 40" not in first.text
    second = browser.open(first.links["Next page"])
    assert "Number 52" in second.text
    assert "Number 01" not in second.text
    assert "1 of 53" in browser.open("/?q=THING_31").text
    assert "Logins Review → Thing 31 Thing_31__c · Sandbox" in browser.open("/?q=thing%2031").text
    failed = browser.open("/?state=failed")
    assert "1 of 53" in failed.text
    assert "the org does not answer" in failed.text
    assert "No integration fits" in browser.open("/?q=nothing%20like%20it&environment=production").text
    assert "53 integrations" in browser.open("/?page=x&state=y&environment=z").text


def test_the_picture_has_the_last_30_runs(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    for number in range(33):
        log(console.installation, f"r{number}", updated=100)
    log(console.installation, "bad", status=SyncStatus.FAILED)
    log(console.installation, "now", status=SyncStatus.RUNNING)
    seen = browser.open("/")
    (picture,) = [said["aria-label"] for tag, said in seen.tags if tag == "svg"]
    assert picture == ("Last 29 runs: 1 failed. Rows updated 2,800, rows failed 0. Newest run: 0 updated, 0 failed.")


def test_disable_and_enable_write_the_file_and_reload_dagster(
    center: Center, console: Console, browser: Browser, reloads: list[str]
) -> None:
    center.integrate()
    seen = browser.submit(browser.open("/"), "/integrations/logins_to_leads/disable")
    assert "Logins to Leads is off the schedule" in seen.text
    assert console.defs.read("logins_to_leads").spec.enabled is False  # type: ignore[union-attr]
    seen = browser.submit(seen, "/integrations/logins_to_leads/enable")
    assert "Logins to Leads is on the schedule" in seen.text
    assert console.defs.read("logins_to_leads").spec.enabled is True  # type: ignore[union-attr]
    assert len(reloads) == 2
    actions = [entry.action for entry in console.installation.audit.list(slug="logins_to_leads")]
    assert actions == [Action.ENABLED, Action.DISABLED]


def test_a_change_while_dagster_is_down_is_made_and_says_so(center: Center, browser: Browser) -> None:
    center.integrate()
    seen = browser.submit(browser.open("/"), "/integrations/logins_to_leads/disable")
    assert "Logins to Leads is off the schedule" in seen.text
    assert "Dagster does not run just now" in seen.text


def test_two_that_write_one_field_cannot_both_be_enabled(center: Center, browser: Browser, reloads: list[str]) -> None:
    center.integrate()
    center.integrate("second", name="Second", enabled=False)
    seen = browser.submit(browser.open("/"), "/integrations/second/enable", status=409)
    assert "are already written by Logins to Leads" in seen.text
    assert reloads == []


def test_delete_asks_first_and_keeps_the_log(
    center: Center, console: Console, browser: Browser, reloads: list[str]
) -> None:
    center.integrate()
    log(console.installation, "one", updated=8)
    confirm = browser.open(browser.open("/").links["Delete"])
    assert center.defs.joinpath("logins_to_leads").exists()
    seen = browser.submit(confirm, "/integrations/logins_to_leads/delete")
    assert seen.path == "/"
    assert "Logins to Leads is deleted" in seen.text
    assert not center.defs.joinpath("logins_to_leads").exists()
    assert console.installation.syncs.get("one", "logins_to_leads") is not None
    assert reloads
    browser.open("/integrations/logins_to_leads/delete", status=404)


def test_delete_of_a_file_that_changed_meanwhile_is_refused(center: Center, browser: Browser) -> None:
    center.integrate()
    confirm = browser.open("/integrations/logins_to_leads/delete")
    center.integrate(name="Another name")
    seen = browser.submit(confirm, "/integrations/logins_to_leads/delete", status=409)
    assert "was changed" in seen.text
    assert center.defs.joinpath("logins_to_leads").exists()


def test_a_viewer_is_offered_no_change(center: Center, console: Console, open_browser: Callable[..., Browser]) -> None:
    center.integrate()
    viewer = open_browser(build_app(replace(console, identify=lambda request: User("vera", Role.VIEWER))))
    seen = viewer.open("/")
    assert {form.method for form in seen.reader.forms} == {"get"}
    assert "Delete" not in seen.links
    assert seen.links["Log"] == "/integrations/logins_to_leads/log"


@pytest.mark.parametrize("slug", ["nothing", "..", "%2e%2e%2fetc"])
def test_what_is_not_there_is_a_page_that_says_so(browser: Browser, slug: str) -> None:
    token = browser.token()
    assert browser.client.get(f"/integrations/{slug}/delete").status_code == 404
    answer = browser.client.post(f"/integrations/{slug}/enable", data={"csrf_token": token})
    assert answer.status_code == 404


def test_the_newest_lines_of_many_come_together(installation: Installation) -> None:
    for number in range(4):
        log(installation, f"a{number}", "a", updated=number, rejected=1, unknown=2)
    log(installation, "b0", "b", status=SyncStatus.FAILED)
    syncs = installation.syncs
    recent = syncs.recent(["a", "b", "c"], each=3)
    assert {slug: found.last.run_id for slug, found in recent.items()} == {"a": "a3", "b": "b0"}
    assert recent["a"].pictures == [(SyncStatus.COMPLETED, number, 3) for number in (3, 2, 1)]
    assert recent["b"].pictures == [(SyncStatus.FAILED, 0, 0)]
    assert {slug: sync.run_id for slug, sync in syncs.last(["a", "b", "c"]).items()} == {"a": "a3", "b": "b0"}
    assert syncs.recent([], each=3) == {}


def test_the_clock_of_the_console_is_utc(console: Console) -> None:
    assert abs(console.now() - datetime.now(UTC)) < timedelta(minutes=1)
