"""Values in the wizard: presets that write SQL, proposals, the preview, and which rows make a record."""

import re
from getpass import getuser
from pathlib import Path

import pytest
import yaml

from integration_center.console.shell.context import Console
from integration_center.console.wizard.drafts import Draft, DraftStore, KeyRow
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import COUNT, LAST, Center, email

HEADER = ("User ID", "Score", "Submitted At")
ROWS = [
    (email(1), 10, "2026-10-01 10:00:00"),
    (email(1), 9, "2026-10-02 10:00:00"),
    (email(1), 2, "2026-10-03 10:00:00"),
    (email(3), 8, "2026-10-04 10:00:00"),
]
ABOUT = {"name": "Answers", "kind": "events", "tags": ["integrations_salesforce"], "key_column": "User ID"}
NPS = (
    '100.0 * (SUM(CASE WHEN "Score" >= 9 THEN 1 ELSE 0 END) - SUM(CASE WHEN "Score" <= 6 THEN 1 ELSE 0 END))'
    ' / COUNT("Score")'
)


@pytest.fixture
def user(center: Center, console: Console, browser: Browser) -> WizardUser:
    """Somebody on the mapping screen, with three answers of one person and one of another."""
    center.drop(ROWS, report="answers", header=HEADER, about=ABOUT)
    draft = Draft(
        environment="sandbox",
        report="Answers",
        object="Lead",
        keys=(KeyRow(column="User ID", field="Email"),),
        options={"name": "Answers to Lead"},
        suggested=True,
    )
    draft_id = DraftStore(console.installation.engine).create(getuser(), draft)
    user = WizardUser(browser, Seen(browser.client.get(f"/wizard/{draft_id}/mapping")))
    user.wait()
    return user


def make(user: WizardUser, preset: str, column: str = "Score", field: str = COUNT, **more: str) -> None:
    """Add a value as somebody without a script does: choose how, choose of what, update."""
    user.press("add-value")
    row = len(user.values["row"]) - 1
    user.press("stay", {f"make-{row}": preset})
    given = {f"column-{row}": column, f"field-{row}": field, **{f"{name}-{row}": value for name, value in more.items()}}
    user.press("stay", given)


def written(center: Center, slug: str = "answers_to_lead") -> dict[str, object]:
    return dict(yaml.safe_load((center.defs / slug / "defs.yaml").read_text())["attributes"])


@pytest.mark.proof
def test_nps_is_made_previewed_saved_and_run(center: Center, user: WizardUser) -> None:
    user.press("stay", {"rows": "all", "window": "30"})
    make(user, "nps")
    assert user.values["value-0"] == [NPS]
    assert f"{email(1)} 3 rows" in user.seen.text
    assert "33.3333333333333 → 33" in user.seen.text
    assert "2026-10-02 10:00:00" in user.seen.text, "the rows behind the value"
    user.press("save")
    assert "is saved" in user.seen.text, user.seen.text
    attributes = written(center)
    assert (attributes["rows"], attributes["window"]) == ("all", 30)
    assert attributes["fields"] == [{"value": NPS, "field": COUNT}]
    ran = center.run("answers_to_lead")
    assert ran.success, ran.error
    assert center.lead(1)[COUNT] == 33
    again = WizardUser.begin(user.browser, "/integrations/answers_to_lead/edit")
    assert (again.values["make-0"], again.values["column-0"]) == (["nps"], ["Score"])
    assert again.values["window"] == ["30"]


RESULTS = {
    ("sum", ""): "21",
    ("mean", ""): "7",
    ("count", ""): "3",
    ("distinct", ""): "3",
    ("newest", ""): "2",
    ("oldest", ""): "10",
    ("share", ">= 9"): "66.6666666666667 → 67",
}


@pytest.mark.proof
def test_each_preset_of_all_rows(user: WizardUser) -> None:
    user.press("stay", {"rows": "all", "latest_by": "Submitted At"})
    user.press("add-value")
    for (preset, argument), result in RESULTS.items():
        user.press("stay", {"make-0": preset, "column-0": "Score", "field-0": COUNT})
        if argument:
            user.press("stay", {"argument-0": argument})
        found = re.search(
            rf"{re.escape(email(1))} 3 rows WalkMe Logins Last 30 Days ([\d.,]+(?: → [\d.,]+)?)", user.seen.text
        )
        assert found, user.seen.text
        assert found[1] == result, preset


@pytest.mark.proof
def test_days_and_bands_of_single_rows(user: WizardUser) -> None:
    make(user, "days", "Submitted At")
    assert user.values["value-0"] == ['RUN_DATE - CAST("Submitted At" AS DATE)']
    make(user, "bands", "Score", "Title", argument="Low 0, High")
    assert "Say each band's name and where it begins" in user.seen.text
    assert f"{email(3)} 1 row WalkMe Logins Last 30 Days" in user.seen.text, "what is sound is shown all the same"
    user.press("stay", {"argument-1": "Low 0, High 7"})
    assert "WalkMe Logins Last 30 Days" in user.seen.text
    assert "Title High" in user.seen.text
    assert "Title Low" in user.seen.text
    assert email(3) in user.seen.text


def test_a_roll_up_needs_all_rows_and_one_click_does_it(user: WizardUser) -> None:
    user.press("add")
    user.press("stay", {"column-0": "Submitted At", "field-0": LAST})
    make(user, "mean")
    assert "It makes one value of many rows, but each row makes a record by itself." in user.seen.text
    user.press("rows-all")
    assert user.values["rows"] == ["all"]
    assert user.values["value-0"] == ['LAST("Submitted At")'], "a plain column becomes the newest row's"
    assert f"{email(1)} 3 rows" in user.seen.text


@pytest.mark.proof
def test_edited_sql_is_kept_whatever_the_preset_says(user: WizardUser) -> None:
    user.press("stay", {"rows": "all"})
    make(user, "sum")
    user.press("stay", {"value-0": 'SUM("Score") + 1'})
    assert (user.values["make-0"], user.values["value-0"]) == (["sql"], ['SUM("Score") + 1'])
    assert "22" in user.seen.text
    # A script sends what is typed without showing the row again, so the page still has the preset.
    user.press("stay", {"make-0": "sum", "value-0": 'SUM("Score") + 2', "was-0": 'SUM("Score")'})
    user.press("stay", {"make-0": "mean", "column-0": "Score", "was-0": 'SUM("Score") + 2'})
    assert user.values["value-0"] == ['AVG("Score")']


WRONG = {
    'SUM("Gone")': "The report has no column 'Gone'",
    'SUM("Score"': "A parenthesis or CASE is not closed.",
    "(SELECT 1)": "SELECT is not allowed; an expression holds no query",
    '"Score" + 1': "It gives one value per row",
    'MAX("Score")': "cannot hold whole number",
    'READ_CSV("Score")': "function READ_CSV is not allowed",
}


@pytest.mark.proof
def test_what_is_wrong_with_sql_is_said_at_its_row(center: Center, user: WizardUser) -> None:
    user.press("stay", {"rows": "all"})
    user.press("add-value")
    for sql, says in WRONG.items():
        user.press("stay", {"make-0": "sql", "value-0": sql, "field-0": LAST})
        assert says.casefold() in user.seen.text.casefold(), user.seen.text
        user.press("save")
        assert user.step == "mapping"
    assert list(center.defs.iterdir()) == []


def test_rows_that_are_not_used_are_warned_of(user: WizardUser) -> None:
    user.press("add")
    user.press("stay", {"column-0": "Score", "field-0": COUNT})
    assert "3 of 4 rows with a key (75 %) are not used, because another row has the same key" in user.seen.text, (
        user.seen.text
    )


@pytest.mark.proof
def test_people_who_drop_out_and_a_filter_are_kept(center: Center, user: WizardUser) -> None:
    user.press("add")
    user.press(
        "stay", {"column-0": "Score", "field-0": COUNT, "absent-0": "0", "absent_after": "5", "absent_then": "clear"}
    )
    user.press("stay", {"filter": '"Score" > 2', "max_absent": "40"})
    user.press("save", {"absent_after": "0"})
    assert "It must be at least 1" in user.seen.text
    user.press("save", {"absent_after": "5", "filter": 'SUM("Score") > 2'})
    assert "it judges each row by itself" in user.seen.text
    user.press("save", {"filter": '"Score" > 2'})
    attributes = written(center)
    assert attributes["when_absent"] == {"after": 5, "then": "clear"}
    assert attributes["filter"] == '"Score" > 2'
    assert attributes["limits"] == {"max_absent": 40}
    assert attributes["fields"] == [{"column": "Score", "field": COUNT, "absent": "0"}]


def test_values_worth_having_are_proposed(center: Center, browser: Browser) -> None:
    rows = [
        ("Acme", 10, "2026-10-01 10:00:00"),
        ("Acme", 2, "2026-10-02 10:00:00"),
        ("Other", 9, "2026-10-03 10:00:00"),
    ]
    center.drop(rows, report="nps", header=("Account Name", "Answer", "Question Date & Time (UTC)"))
    user = WizardUser.begin(browser)
    user.to_report("NPS", "Account")
    user.press("next-anyway", {"key-column": ["Account Name"], "key-field": ["Name"]})
    assert "3 more values that NPS can give" in user.seen.text
    assert "Answers How many answers there are." in user.seen.text
    assert "TRY_CAST" not in user.seen.text
    user.press("propose-all")
    assert user.values["rows"] == ["all"]
    assert user.values["window"] == ["90"]
    assert user.values["field-0"] == ["WalkMe_NPS__c"]
    assert user.values["make-0"] == ["nps"]
    assert "API name: WalkMe_Answers__c, type: Number(18, 0)" in user.seen.text
    assert "can give" not in user.seen.text
    assert "Acme 2 rows WalkMe_NPS__c 0 WalkMe_Answers__c 2 WalkMe_Last_answer__c 2026-10-02 10:00:00" in user.seen.text


@pytest.fixture
def values_hidden(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "false")


def test_an_installation_can_hide_values(values_hidden: None, user: WizardUser) -> None:
    user.press("stay", {"rows": "all"})
    make(user, "mean")
    assert "This installation hides values" in user.seen.text
    assert email(1) not in user.seen.text
    assert "e.g." not in user.seen.text
    user.open("report")
    assert email(1) not in user.seen.text
    assert "This installation hides values" in user.seen.text
