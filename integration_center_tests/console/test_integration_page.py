"""The page of an integration, several integrations at once, the undo of a run, and the search in a ledger."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.accounts.encryption import Cipher
from integration_center.console.ledger_query import read_record_id
from integration_center.console.searches import LONGEST_TOKEN, Searches
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.moments import say_moment
from integration_center.console.shell.users import User
from integration_center.console.shell.values import split_change
from integration_center.database.sync_records import SyncStatus
from integration_center.integration.schedule_words import say_schedule
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.test_integrations import HOSTILE, log
from integration_center_tests.console.test_log import store_ledger
from integration_center_tests.pipeline.center import COUNT, FIRST, PLAIN, Center, logins
from integration_center_tests.proofs import examples

HERE = "/integrations/logins_to_leads"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_viewer_reads_what_an_integration_does(
    center: Center, console: Console, open_browser: Callable[..., Browser]
) -> None:
    center.integrate(schedule="30 7 * * 1-5", limits={"max_changed": 20})
    log(console.installation, "one", updated=8, unmatched=2, failed=1)
    console.installation.audit.record(
        Action.CHANGED, who="ann", where="x", slug="logins_to_leads", detail="added Score"
    )
    viewer = open_browser(build_app(replace(console, identify=lambda request: User("vera", Role.VIEWER))))
    seen = viewer.open(HERE)
    assert (
        "Monday to Friday at 07:30 UTC, Logins Review updates 3 fields of Lead in Sandbox where User ID is the Email."
        in seen.text
    )
    assert f"WalkMe First Login {FIRST}" in seen.text
    assert "more than 20 % of the records would change" in seen.text
    assert "ann Changed: added Score" in seen.text
    assert "type: integration_center.Integration" in seen.text
    bars = [said["aria-label"] or "" for tag, said in seen.tags if tag == "a" and "aria-label" in said]
    assert any("8 updated · 2 not found in Salesforce · 1 refused · 82 % match" in text for text in bars)
    assert seen.reader.forms == []


def test_a_broken_integration_has_a_page_that_says_why(center: Center, browser: Browser) -> None:
    center.write("mangled", f"attributes: [{HOSTILE}")
    seen = browser.open("/integrations/mangled")
    assert "Its file cannot be read: line 1" in seen.text
    assert "<img src=x" not in seen.html
    assert "/integrations/mangled/edit" not in seen.targets


def test_pausing_stays_on_the_page(center: Center, browser: Browser) -> None:
    center.integrate()
    seen = browser.submit(browser.open(HERE), f"{HERE}/disable")
    assert seen.path == HERE
    assert "off: it runs only when somebody starts it" in seen.text
    elsewhere = browser.post(f"{HERE}/enable", {"csrf_token": browser.token(), "back": "//evil.example"})
    assert elsewhere.path == "/"


@pytest.mark.proof
def test_several_are_switched_and_run_at_once(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.integrate(
        "second", name="Second", object="Contact", fields=[{"column": "First Login", "field": FIRST}]
    )
    center_on_disk.write("mangled", "attributes: [")
    center_on_disk.drop(logins(PLAIN))
    token = browser.token()

    def press(go: str, *slugs: str) -> Seen:
        answer = browser.client.post("/integrations", data={"csrf_token": token, "slug": list(slugs), "go": go})
        return Seen(answer)

    assert "Logins to Leads, Second are off the schedule." in press("disable", "logins_to_leads", "second").text
    assert [file.spec.enabled for file in console.defs.list() if file.spec] == [False, False]
    seen = press("run", "logins_to_leads", "mangled")
    assert "Logins to Leads is started." in seen.text
    assert "mangled: the integration cannot run:" in seen.text
    assert len(dagster.launched) == 1
    assert "Choose at least one integration first." in press("enable").text


@pytest.mark.proof
def test_the_undo_shows_its_plan_first(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    before = center_on_disk.leads()
    done = browser.submit(browser.open("/"), f"{HERE}/run")
    written = len(center_on_disk.writes())
    plan = browser.open(done.links["Undo …"])
    while f"{len(PLAIN)} records would get the values from before the run back." not in plan.text:
        plan = browser.open(done.links["Undo …"])
    assert len(center_on_disk.writes()) == written
    undone = browser.submit(plan, done.links["Undo …"])
    assert "Undo of Logins to Leads" in undone.text
    assert f"Completed: {len(PLAIN)} records were updated." in undone.text
    assert {key: lead[FIRST] for key, lead in center_on_disk.leads().items()} == {
        key: lead[FIRST] for key, lead in before.items()
    }
    assert console.installation.audit.list(slug="logins_to_leads")[0].action is Action.UNDID


def test_a_ledger_is_searched_without_the_key_in_the_address(console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=4, failed=4, unmatched=4)
    store_ledger(console, "one", 12, key="Ada@x.example ")
    page = f"{HERE}/runs/one/ledger"
    found = browser.post(page, {"csrf_token": browser.token(), "text": "ada@X.example 7"})
    assert "1 record. Rows are numbered" in found.text
    assert "ada" not in found.path.casefold()
    assert "9 Ada@x.example 7" in found.text  # row 7 from 0, below the header
    rows = list(csv.DictReader(io.StringIO(browser.client.get(found.links["Download CSV"]).text)))
    assert [row["key"] for row in rows] == ["Ada@x.example 7"]
    link = "https://acme.lightning.force.com/lightning/r/Lead/00Q000000000003AAA/view"
    assert "1 record. Rows" in browser.post(page, {"csrf_token": browser.token(), "text": link}).text
    assert "is not kept any more" in browser.open(f"{page}?find=unknown").text


@pytest.mark.proof
def test_a_row_without_a_record_names_the_key_field_that_it_was_looked_up_by(
    center_on_disk: Center, console: Console, browser: Browser
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop([*logins(PLAIN), ("nobody@nowhere.example", None, None, 1)])
    run = center_on_disk.run().run_id
    reason = "1 not found in Salesforce : no Lead has this Email"
    assert reason in browser.open(f"{HERE}/runs/{run}").text
    link = browser.open(f"{HERE}/runs/{run}").links["1 not found in Salesforce"]
    assert "no Lead has this Email" in browser.open(link).text
    center_on_disk.integrate(keys=[{"column": "User ID", "field": "LastName"}])  # the run knew nothing of it
    assert "no Lead has this key" in browser.open(f"{HERE}/runs/{run}").text
    assert "1 record. Rows are numbered" in browser.open(link).text


def test_a_ledger_is_narrowed_to_a_reason_and_sorted(console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=4, failed=4, unmatched=4)
    store_ledger(console, "one", 12)
    seen = browser.open(f"{HERE}/runs/one/ledger?outcome=unmatched")
    assert "4 no Lead has this key" in browser.open(f"{HERE}/runs/one/ledger").text
    assert "no Lead has this key" in seen.text  # there is no file, so the field of the key is not known
    by_key = browser.open(f"{HERE}/runs/one/ledger?sort=key&down=1")
    assert by_key.text.index("A09") < by_key.text.index("A00")
    assert ("th", "descending") in [(tag, said.get("aria-sort")) for tag, said in by_key.tags]


@pytest.mark.parametrize(
    ("given", "record"),
    [
        ("00Q000000000003AAA", "00Q000000000003"),
        ("00Q000000000003", "00Q000000000003"),
        ("https://x.my.salesforce.com/00Q000000000003", "00Q000000000003"),
        ("ada@x.example", None),
        ("internationally", None),
    ],
)
def test_what_names_a_record(given: str, record: str | None) -> None:
    assert read_record_id(given) == record


def test_a_search_is_read_by_every_console_for_a_while_and_by_nobody_else() -> None:
    key, other = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    clock = [0.0]
    here, there = (Searches(Cipher([key], "a test"), lambda: clock[0]) for _ in range(2))
    token = here.keep("ada@x.example")
    assert "ada" not in token
    assert there.find(token) == "ada@x.example"
    assert Searches(Cipher([other], "a test")).find(token) is None
    assert there.find("unknown") is there.find("") is None
    assert there.find(Cipher([key], "a test").encrypt('{"purpose": "console session"}')) is None
    clock[0] += 12 * 3600 + 1
    assert there.find(token) is None
    assert here.keep("") == ""
    longest = here.keep("\U0001f600" * 300)
    assert len(longest) <= LONGEST_TOKEN
    assert there.find(longest) == "\U0001f600" * 255


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=-12), "12 minutes ago"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(hours=-3), "3 hours ago"),
        (timedelta(hours=-14), "yesterday 22:00"),
        (timedelta(days=-9), "Mon 16 Nov 2026, 12:00"),
        (timedelta(seconds=9), "in less than a minute"),
        (timedelta(minutes=30), "in 30 minutes"),
        (timedelta(hours=20), "tomorrow 08:00"),
        (timedelta(days=3), "Sat 12:00"),
    ],
)
def test_times_near_now_are_words(apart: timedelta, said: str) -> None:
    assert say_moment(NOW + apart, NOW) == said


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 8 * * *", "every day at 08:00"),
        ("30 7 * * 1-5", "Monday to Friday at 07:30"),
        ("0 */4 * * *", "every 4 hours"),
        ("0 * * * *", "every hour"),
        ("15 * * * *", "every hour at 15 minutes past"),
        ("0 10 * * 1", "Mondays at 10:00"),
        ("0 8 1 * *", "by the cron expression 0 8 1 * *"),
        ("*/5 * * * *", "by the cron expression */5 * * * *"),
    ],
)
def test_schedules_in_words(schedule: str, said: str) -> None:
    assert say_schedule(schedule) == said


@examples(40)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_marked_change_is_the_whole_of_both_values(before: str, after: str) -> None:
    head, old, new, tail = split_change(before, after)
    assert (head + old + tail, head + new + tail) == (before, after)


def test_what_needs_attention_comes_first_with_one_button(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    log(console.installation, "one", status=SyncStatus.FAILED, error="the org does not answer")
    seen = browser.open("/")
    assert seen.text.index("Needs attention") < seen.text.index("1 integration.")
    assert "Logins to Leads · Failed: the org does not answer." in seen.text
    assert seen.links["See why Logins to Leads"] == f"{HERE}/runs/one"
    assert "1 of 1" not in browser.open("/?state=failed").text
    assert "No integration fits" in browser.open("/?state=held").text


def test_values_windows_and_people_who_drop_out_are_said(center: Center, browser: Browser) -> None:
    center.integrate(
        rows="all",
        window=30,
        filter="\"User ID\" <> ''",
        when_absent={"after": 5, "then": "clear"},
        fields=[{"value": 'SUM("# Logins Last 30 Days")', "field": COUNT, "absent": 0}],
    )
    text = browser.open("/integrations/logins_to_leads").text
    for said in (
        "Report column or value",
        'SUM("# Logins Last 30 Days")',
        "Calculated; Of people who drop out: 0",
        "the 30 days that end with the run's",
        "After 5 days their fields are emptied, but for those with a value of their own",
        "more than 10 % of the people drop out of the report at once",
    ):
        assert said in text, said
