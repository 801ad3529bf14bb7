"""The audit page: its filters, its CSV file, and its links."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from integration_center.access.audit import Action
from integration_center.console.shell.context import Console
from integration_center.pipeline.jobs.release import name_plan
from integration_center.pipeline.jobs.retry import describe_retry
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.test_integrations import log
from integration_center_tests.pipeline.center import Center


def read_rows(browser: Browser, path: str) -> list[dict[str, str]]:
    """The entries of a CSV file."""
    return list(csv.DictReader(io.StringIO(browser.open(path).html)))


def test_the_audit_log_is_narrowed_and_what_is_shown_is_downloaded(console: Console, browser: Browser) -> None:
    audit = console.installation.audit
    audit.record(Action.CHANGED, who="ann", where="192.0.2.7", slug="logins", detail="=1+1")
    audit.record(Action.RAN, who="ann", where="192.0.2.7", slug="logins", run_id="one")
    audit.record(Action.CHANGED, who="bob", where="192.0.2.8", slug="surveys", detail="of 50% more")
    today = datetime.now(UTC).date()

    for query, found in (
        ("who=AN", {"=1+1", "one"}),
        ("who=%25", set()),
        ("action=changed", {"=1+1", "of 50% more"}),
        ("integration=surveys", {"of 50% more"}),
        (f"from={today}&until={today}", {"=1+1", "one", "of 50% more"}),
        (f"from={today + timedelta(days=2)}", set()),
        (f"until={today - timedelta(days=2)}", set()),
        ("who=ann&action=ran", {"one"}),
        ("action=x&from=soon&until=9999-12-31", {"=1+1", "one", "of 50% more"}),
    ):
        seen = browser.open(f"/audit?{query}")
        assert {each for each in ("=1+1", "of 50% more") if each in seen.text} == found - {"one"}, query
        assert ("/integrations/logins/runs/one" in seen.targets) is ("one" in found), query
        rows = read_rows(browser, seen.links["Download CSV"])
        assert {row["detail"].removeprefix("'") or row["run_id"] for row in rows} == found, query

    assert "No entry fits what is chosen." in browser.open("/audit?who=nobody").text
    assert [row["detail"] for row in read_rows(browser, "/audit.csv?who=ann&action=changed")] == ["'=1+1"]


def test_an_entry_leads_to_the_integration_while_it_is_there(
    center: Center, console: Console, browser: Browser
) -> None:
    center.integrate()
    audit = console.installation.audit
    audit.record(Action.RAN, who="ann", where="x", slug="logins_to_leads", run_id="one")
    audit.record(Action.DELETED, who="ann", where="x", slug="gone")
    seen = browser.open("/audit")
    assert seen.links["Logins to Leads"] == "/integrations/logins_to_leads"
    assert seen.links["Run"] == "/integrations/logins_to_leads/runs/one"
    assert "/integrations/gone" not in seen.targets
    assert "gone (deleted)" in seen.text


def test_an_entry_names_a_run_by_its_time_and_leads_to_it(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    audit, run_id = console.installation.audit, "8f8fcc82-0000-4000-8000-000000000001"
    log(console.installation, run_id, updated=3)
    sync = console.installation.syncs.get(run_id, "logins_to_leads")
    assert sync
    gone = run_id.replace("8f8f", "0000")
    for action, detail in (
        (Action.UNDID, f"run {run_id}"),
        (Action.RETRIED, describe_retry(replace(sync, counts={"lines": {"failed": 2}, "rows": {"failed": 2}}))),
        (Action.RELEASED, f"{name_plan(sync)}: it is right"),
        (Action.REJECTED, f"plan of run {gone}"),
        (Action.REFUSED, f"Run {run_id} of 'logins_to_leads' was cut off"),
    ):
        audit.record(action, who="ann", where="x", slug="logins_to_leads", detail=detail)
    seen = browser.open("/audit")
    name = f"run of {sync.started_at:%Y-%m-%d %H:%M:%S} UTC"
    for said in (
        f"undid Logins to Leads the {name}",
        f"2 failed records of the {name}",
        f"plan of the {name}",
        f"The {name} of Logins to Leads was cut off",
    ):
        assert said in seen.text
    assert run_id not in seen.text
    assert f"/integrations/logins_to_leads/runs/{run_id}" in seen.targets
    assert f"plan of run {gone}" in seen.text
    assert any(row["detail"] == f"run {run_id}" for row in read_rows(browser, "/audit.csv"))


def test_the_pages_of_a_narrowed_log_stay_narrowed(console: Console, browser: Browser) -> None:
    for number in range(102):
        console.installation.audit.record(Action.CHANGED, who="ann", where="x", slug=f"slug_{number}")
        console.installation.audit.record(Action.RAN, who="bob", where="x", slug="other", run_id=f"{number}")
    older = browser.open(browser.open("/audit?who=ann").links["Older"])
    assert "/audit?who=ann&page=1" in older.targets
    assert "Page 2" in older.text
    assert "bob" not in older.text


def test_the_audit_log_is_shown_in_pages(console: Console, browser: Browser) -> None:
    for number in range(101):
        console.installation.audit.record(Action.CHANGED, who="<b>ann</b>", where="x", detail=f"entry {number}.")
    seen = browser.open("/audit")
    assert "entry 100." in seen.text
    assert "entry 0." not in seen.text
    assert "<b>ann" not in seen.html
    assert "entry 0." in browser.open(seen.links["Older"]).text
    assert "no older entries" in browser.open("/audit?page=9").text
    browser.open("/audit?page=-1%00")
