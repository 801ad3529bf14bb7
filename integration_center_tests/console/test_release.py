"""Release, approve and reject in the console, and what waits there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.database.sync_records import SyncStatus
from integration_center.database.waiting import WaitingDay
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import LAST, PLAIN, Center, logins
from salesforce_emulator.refusals import RowError

SLUG = "logins_to_leads"


def test_a_run_that_has_not_begun_is_cancelled(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    instance = center_on_disk.instance
    run = dg.DagsterRun(SLUG, tags={INTEGRATION_TAG: SLUG}, status=dg.DagsterRunStatus.NOT_STARTED)
    instance.add_run(run)
    here = f"/integrations/{SLUG}/runs/{run.run_id}"
    seen = browser.open(here)
    assert "Starting …" in seen.text
    console.installation.audit.record(Action.RAN, who="ann", where="x", slug=SLUG, run_id=run.run_id)
    browser.submit(seen, f"{here}/cancel")
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.CANCELED
    cancelled, ran = console.installation.audit.list(slug=SLUG)
    assert (cancelled.action, cancelled.detail) == (Action.CANCELLED, f"run {run.run_id}")
    assert (ran.action, ran.who) == (Action.RAN, "ann")  # who started it is known still
    assert "It had ended already" in browser.submit(seen, f"{here}/cancel").text
    assert not any(f"{here}/cancel" in target for target in browser.open(here).targets)


def test_a_held_plan_is_released_with_a_reason(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate(limits={"max_changed": "0 %"})
    center_on_disk.drop(logins(PLAIN))
    held = center_on_disk.run()
    here = f"/integrations/{SLUG}/runs/{held.run_id}"
    seen = browser.open(here)
    assert "say in a sentence why" in browser.submit(seen, f"{here}/release", {"reason": " "}).text
    done = browser.submit(seen, f"{here}/release", {"reason": "announced"})
    assert "records were updated." in done.text
    assert "to release a held run" in done.text
    (entry, *_) = console.installation.audit.list(slug=SLUG)
    assert (entry.action, entry.detail) == (Action.RELEASED, f"plan of run {held.run_id}: announced")
    assert not any(f"{here}/release" in target for target in browser.open(here).targets)
    assert "was applied already" in browser.submit(seen, f"{here}/release", {"reason": "again"}).text


@pytest.mark.proof
def test_a_plan_is_approved_by_an_approver_and_rejected_for_good(
    center_on_disk: Center,
    console: Console,
    open_browser: Callable[..., Browser],
    dagster: OwnDagster,
) -> None:
    center_on_disk.integrate(approval="required")
    center_on_disk.drop(logins(PLAIN))
    waits = center_on_disk.run()
    here = f"/integrations/{SLUG}/runs/{waits.run_id}"
    acting = [User("bob", Role.APPROVER, signed_in=True)]
    browser = open_browser(build_app(replace(console, identify=lambda request: acting[0])))
    seen = browser.open(here)
    assert "The plan waits for approval. Nothing was sent to Salesforce." in seen.text
    acting[0] = User("ann", Role.OPERATOR, signed_in=True)
    assert f"{here}/release" not in browser.open(here).html
    browser.submit(seen, f"{here}/release", {"reason": "fine"}, status=403)
    acting[0] = User("bob", Role.APPROVER, signed_in=True)
    console.installation.audit.record(Action.CHANGED, who="bob", where="::1", slug=SLUG)
    assert "bob changed the integration last" in browser.submit(seen, f"{here}/reject", {"reason": "no"}).text
    console.installation.audit.record(Action.CHANGED, who="ann", where="::1", slug=SLUG)
    assert "The plan is rejected." in browser.submit(seen, f"{here}/reject", {"reason": "wrong month"}).text
    sync = console.installation.syncs.get(waits.run_id, SLUG)
    assert sync is not None
    assert (sync.status, sync.error) == (SyncStatus.FAILED, "rejected by bob: wrong month")
    assert center_on_disk.writes() == []


@pytest.mark.proof
def test_the_failed_records_of_a_run_are_tried_again(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate(limits={"max_failed": "100 %"})
    center_on_disk.drop(logins(PLAIN))
    faults = center_on_disk.emulator.sandbox.faults
    faults.fail_rows([center_on_disk.lead(PLAIN[0])["Id"]], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    failed = center_on_disk.run()
    here = f"/integrations/{SLUG}/runs/{failed.run_id}"
    center_on_disk.integrate(limits={"max_failed": "100 %"}, fields=[{"column": "Last Login", "field": LAST}])
    assert f"{here}/retry" not in browser.open(here).html, "it no longer writes the other fields"
    center_on_disk.integrate(limits={"max_failed": "100 %"})
    seen = browser.open(here)
    assert "Try the failed one again" in seen.text
    faults.clear()
    done = browser.submit(seen, f"{here}/retry", {})
    assert "tried 1 failed record again" in done.text
    assert "1 record was updated" in done.text
    assert "tried 1 failed record again" in browser.open("/log").text
    (entry, *_) = console.installation.audit.list(slug=SLUG)
    assert (entry.action, entry.detail) == (Action.RETRIED, f"1 failed record of run {failed.run_id}")
    assert f"{here}/retry" not in browser.open(here).html
    assert "has written since" in browser.submit(seen, f"{here}/retry", {}).text


def test_what_waits_for_its_report_is_in_grid_and_log(center: Center, console: Console, browser: Browser) -> None:
    center.integrate(report="TeachMe", arrive_by="12:00", timezone="Europe/Berlin")
    (center.home / "drops" / "teachme").mkdir(parents=True)
    now = datetime.now(UTC)
    lacks = "The report 'TeachMe' has no data yet."
    assert f"{lacks} WalkMe has delivered none of its days. Logins to Leads will begin to wait" in (
        browser.open("/").text
    )
    reason = f"no data for {YESTERDAY}. Drop the file as /srv/drops/teachme/day.csv"
    console.installation.waiting.note(WaitingDay(SLUG, YESTERDAY, now, now + timedelta(hours=1), reason, now))
    seen = browser.open("/")
    assert "every day at 08:00 Europe/Berlin" in seen.text
    said = f"waiting for its report since today {now:%H:%M} UTC"
    assert lacks not in seen.text, "it is said once"
    for page in ("/", f"/integrations/{SLUG}", "/log"):
        seen = browser.open(page)
        assert said in seen.text  # a page shows it in the viewer's zone
        assert f'<time datetime="{now:%Y-%m-%dT%H:%M}:00Z" title="{now:%Y-%m-%d %H:%M} UTC">' in seen.html
        assert f"no data for {YESTERDAY}. Drop the file as day.csv" in seen.text
    console.installation.waiting.note(WaitingDay(SLUG, YESTERDAY, now, now, reason, now - timedelta(hours=1)))
    assert "waiting for its report" not in browser.open("/").text
