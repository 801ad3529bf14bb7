"""How the wizard helps: a schedule by choice, better keys, samples of what would be written, and the report's file."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.console.shell.context import Console
from integration_center.console.wizard.alternatives import looks_like_ids
from integration_center.console.wizard.drafts import FieldRow
from integration_center.console.wizard.samples import find_samples
from integration_center.console.wizard.schedules import HOURS, ScheduleChoice, read_choice, write_schedule
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.sync.schema import SObjectField
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.proofs import examples

TITLE = [{"column": "First Login", "field": "Title"}]


@pytest.fixture
def drops(center: Center) -> Center:
    """A center with yesterday's Logins."""
    center.drop(logins(PLAIN))
    return center


CHOICES = st.one_of(
    st.builds(
        ScheduleChoice,
        kind=st.sampled_from(["daily", "weekdays"]),
        time=st.builds(lambda hour, minute: f"{hour:02d}:{minute:02d}", st.integers(0, 23), st.integers(0, 59)),
    ),
    st.builds(ScheduleChoice, kind=st.just("hours"), hours=st.sampled_from(HOURS)),
    st.just(ScheduleChoice("hourly")),
)


@examples(40)
@given(CHOICES)
def test_a_choice_is_read_back_from_the_schedule_it_makes(choice: ScheduleChoice) -> None:
    form = {
        "schedule": "0 8 * * *",
        "schedule-kind": choice.kind,
        "schedule-time": choice.time,
        "schedule-hours": str(choice.hours),
    }
    assert read_choice(write_schedule(form, "0 8 * * *")) == choice


def test_a_cron_expression_that_was_typed_counts() -> None:
    form = {"schedule": "0 8 1 * *", "schedule-kind": "daily", "schedule-time": "09:00"}
    assert write_schedule(form, "0 8 * * *") == "0 8 1 * *"
    assert read_choice("0 8 1 * *").kind == "cron"
    assert write_schedule({"schedule": "0 8 * * *"}, "x") == "0 8 * * *"


def test_the_schedule_is_chosen_in_the_wizard(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("stay", {"schedule-kind": "weekdays", "schedule-time": "07:30"})
    assert user.values["schedule"] == ["30 7 * * 1-5"]
    assert "After saving, the next run is" in user.seen.text


@pytest.mark.proof
@pytest.mark.sampled
@pytest.mark.parametrize(
    ("first", "second", "schedule"),
    [
        ({"schedule-kind": "weekdays"}, {"schedule-time": "07:30"}, "30 7 * * 1-5"),
        ({"schedule-kind": "weekdays", "schedule-time": "07:30"}, {"name": "Other"}, "30 7 * * 1-5"),
        ({"schedule-kind": "cron", "schedule": "0 9 1 * *"}, {"name": "Other"}, "0 9 1 * *"),
    ],
)
def test_a_schedule_stays_through_the_next_change_of_the_same_page(
    drops: Center, browser: Browser, first: dict[str, str], second: dict[str, str], schedule: str
) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    path, shown = user.seen.path, {name: list(values) for name, values in user.values.items()}
    for changed in (first, second):  # a page of the script is not loaded again between two changes
        shown |= {name: [value] for name, value in changed.items()}
        user.send(path, {**shown, "go": ["stay"]})
    assert user.values["schedule"] == [schedule]


@pytest.mark.proof
def test_a_choice_after_an_expression_that_was_typed_counts(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("stay", {"schedule-kind": "cron", "schedule": "0 9 1 * *"})
    parts = browser.client.get(user.seen.path, headers={"x-parts": "schedule-choice"}).text
    assert 'name="schedule-was" value="0 9 1 * *"' in parts
    assert "zones" not in parts
    user.press("stay", {"schedule-kind": "daily", "schedule-time": "09:30"})
    assert user.values["schedule"] == ["30 9 * * *"]


@pytest.mark.proof
def test_times_pauses_and_an_earlier_integration_are_chosen_in_the_wizard(drops: Center, browser: Browser) -> None:
    drops.integrate("first_one", name="The first one", object="Contact", fields=TITLE, enabled=False)
    user = WizardUser.begin(browser)
    user.to_mapping()
    assert user.inputs.offers["schedule-kind"]["hourly"] == ("Every hour", False)
    user.press("stay", {"schedule-kind": "after"})
    assert user.values["after"] == ["first_one"]
    assert "After saving, it runs when first_one has completed." in user.seen.text
    user.press("stay", {"schedule-kind": "daily", "schedule-time": "09:00", "paused_until": "2999-01-01"})
    assert "Friday, 2999-01-04" not in user.seen.text
    assert "2999-01-01 09:00 UTC" in user.seen.text
    user.press("stay", {"timezone": "Mars/Base", "not_between": "noon", "arrive_by": "11:00"})
    seen = user.press("save", {})
    assert "'Mars/Base' is no time zone" in seen.text
    assert "'noon' is no quiet time" in seen.text
    user.press("save", {"timezone": "Europe/Berlin", "not_between": "22:00-06:00, 12:00-13:00"})
    text = (drops.defs / "logins_to_lead" / "defs.yaml").read_text()
    for line in ("timezone: Europe/Berlin", 'paused_until: "2999-01-01"', 'arrive_by: "11:00"', "22:00-06:00"):
        assert line in text
    page = browser.open("/integrations/logins_to_lead")
    assert "Every day at 09:00 Europe/Berlin, paused until 2999-01-01" in page.text
    assert "paused until 2999-01-01" in browser.open("/").text


def test_each_row_shows_what_it_would_write(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.open("mapping")
    assert "e.g. 8 , 10 , 11" in user.seen.text
    assert "→ whole number · now holds" in user.seen.text
    user.press("stay", {"field-0": "Email"})
    assert "Email is a key field, and a key field is never written." in user.seen.text


@pytest.mark.parametrize(
    ("values", "field", "written", "unfit"),
    [
        (["15", "26", None], SObjectField("S__c", "S", "double", precision=18), ["15", "26"], 0),
        (["15", "many"], SObjectField("S__c", "S", "double", precision=18), ["15", None], 1),
        (["toolong", "ok"], SObjectField("T__c", "T", "string", length=3), [None, "ok"], 1),
        (["x"], None, ["x"], 0),
    ],
)
def test_samples_are_what_a_run_would_write(
    values: list[str | None], field: SObjectField | None, written: list[str | None], unfit: int
) -> None:
    samples = find_samples(pl.DataFrame({"a": values}), FieldRow(column="a", field="S__c"), field)
    assert [sample.written for sample in samples.values] == written
    assert samples.unfit == unfit
    assert bool(samples.reason) is bool(unfit)
    assert find_samples(pl.DataFrame(), FieldRow(column="gone"), field).values == ()


@pytest.mark.parametrize(
    ("values", "are"),
    [
        (["00QKc0000000002MAA", "00QKc0000000004MAA"], True),
        (["00QKc0000000002", None], True),
        (["ada@x.example"], False),
        ([None], False),
        (["00QKc0000000002MAA", "001Kc0000000004MAA"], False),
    ],
)
def test_what_looks_like_the_ids_of_one_object(values: list[str | None], are: bool) -> None:
    assert looks_like_ids(pl.Series(values, dtype=pl.String)) is are


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["Ids", "addresses"])
def test_a_key_is_proposed_where_the_report_names_none(center: Center, browser: Browser, kind: str) -> None:
    keys = list(center.leads())[:8] if kind == "Ids" else [row[0] for row in logins(PLAIN)]
    rows = [("x", 1, key) for key in keys]
    center.drop(rows, report="champions", header=("Note", "Score", "Who"), about={"tags": ["integrations_salesforce"]})
    user = WizardUser.begin(browser)
    user.to_report("champions")
    assert (user.values["key-column"], user.values["key-field"]) == (["Who"], ["Id" if kind == "Ids" else "Email"])
    assert "100 % of all 8 keys match a record" in user.seen.text


def test_the_rows_are_read_once_for_all_screens(
    drops: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def read_and_note(*given: Any) -> NewestReport:
        read.append(given)
        return read_newest(*given)

    monkeypatch.setattr("integration_center.console.wizard.calls.read_newest", read_and_note)
    user = WizardUser.begin(browser)
    user.to_mapping()
    assert "e.g." in user.seen.text
    assert len(read) == 1


def test_ids_propose_id_and_a_wrong_key_stops(center: Center, browser: Browser) -> None:
    ids = list(center.leads())[:8]
    rows = [(record, *logins([number])[0][1:]) for number, record in enumerate(ids, start=1)]
    center.drop(rows)
    user = WizardUser.begin(browser)
    user.to_report()
    assert user.values["key-field"] == ["Id"]
    assert "100 % of all 8 keys match a record" in user.seen.text
    user.press("next", {"key-field": "Company"})
    assert user.step == "report"
    assert "Next to nothing matches." in user.seen.text
    (better,) = [value for value in user.inputs.buttons if value.startswith("pair-")]
    user.press(better)
    assert user.values["key-field"] == ["Id"]
    user.press("pair-[1")
    assert user.values["key-field"] == ["Id"]


def test_the_file_of_a_report_is_looked_at_and_its_report_yaml_saved(center: Center, browser: Browser) -> None:
    folder = center.home / "drops" / "logins"
    center.drop(logins(PLAIN))
    (file,) = folder.iterdir()
    file.write_text(file.read_text() + "8 rows\nConfidential\n")
    user = WizardUser.begin(browser)
    user.to_report()
    assert "The file of this report" in user.seen.text
    assert "Lines to skip at the end 2" in user.seen.text
    assert "report.yaml" not in user.seen.text
    user.press("save-report-yaml")
    assert "The options are saved, and the report is read again." in user.seen.text
    assert "footer" in (folder / "report.yaml").read_text()
    user.press("stay")
    assert "First rows" in user.seen.text


@pytest.mark.proof
def test_a_field_that_another_integration_writes_says_so_at_its_row(
    drops: Center, browser: Browser, console: Console
) -> None:
    drops.integrate()
    user = WizardUser.begin(browser)
    user.to_mapping()
    assert "WalkMe First Login is already written by Logins to Leads" in user.seen.text
    assert "/integrations/logins_to_leads" in user.seen.targets
    user.press("save-off")
    file = console.defs.read("logins_to_lead")
    assert file.spec is not None
    assert not file.spec.enabled


@pytest.mark.proof
def test_saving_can_start_the_first_run(center_on_disk: Center, browser: Browser, dagster: OwnDagster) -> None:
    center_on_disk.drop(logins(PLAIN))
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("save-run")
    assert "Logins to Lead is saved." in user.seen.text
    assert f"Completed: {len(PLAIN)} records were updated." in user.seen.text
    assert len(dagster.launched) == 1


def test_a_draft_without_a_name_is_listed_by_what_is_chosen(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.press("report")
    user.press("stay", {"report": "Logins", "object": "ead"})
    assert browser.open("/").links["Logins"] == f"{user.root}/report"


def test_a_draft_is_listed_and_asks_before_it_is_thrown_away(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    seen = browser.open("/")
    assert seen.links["Logins to Lead"] == f"{user.root}/mapping"
    asked = browser.open(f"{user.root}/discard")
    assert "Discard this draft?" in asked.text
    assert "Logins to Lead" in browser.open("/").links
    browser.submit(asked, f"{user.root}/discard")
    assert "Logins to Lead" not in browser.open("/").links
