"""What a change in the wizard sends and takes: 1,300 objects, 800 fields, 300 columns, ten mapped fields."""

import re
import sys
import time
from collections.abc import Mapping

import pytest

from integration_center.console.shell.context import Console
from integration_center.console.shell.security import TOKEN_FIELD
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.large_org import enlarge_org
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import HEADER, PLAIN, Center, logins

OBJECTS, FIELDS, COLUMNS, ROWS = 1_300, 800, 300, 10
MOST_BYTES = 20_000
MOST_PAGE_BYTES = 150_000
MOST_SECONDS = 0.3 if sys.gettrace() else 0.1
"""Of processor time. A run that measures coverage takes about two and a half times as much."""
MOST_WAIT = 60.0
"""Seconds of the clock until this process has asked the org and looked at the report, which counts as its own time."""
REPORT_PARTS, KEY_PARTS = "chosen object-field", "keys match"
ROW_PARTS = "rows late shape proposals preview missing fires save"


@pytest.fixture
def user(center: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> WizardUser:
    """Somebody who edits an integration of ten fields."""
    enlarge_org(monkeypatch, objects=OBJECTS, fields=FIELDS)
    extra = [f"Extra {n}" for n in range(COLUMNS - len(HEADER))]
    center.drop([[*row, *("abc" for _ in extra)] for row in logins(PLAIN)], header=[*HEADER, *extra])
    fields = [{"column": f"Extra {n}", "field": f"Field_{n}__c"} for n in range(ROWS)]
    center.integrate(fields=fields)
    return WizardUser.begin(browser, "/integrations/logins_to_leads/edit")


def change(
    user: WizardUser, go: str, parts: str, values: Mapping[str, str], lists: set[str]
) -> tuple[Seen, int, float]:
    """Send a change as our script does: what came, its bytes, and the processor time."""
    fields = {**user.values, **values, "go": go, TOKEN_FIELD: user.browser.token()}
    headers = {"x-parts": parts, "x-lists": " ".join(lists)}
    path = user.seen.path.partition("?")[0]
    size, spent = 0, list[float]()
    deadline = time.monotonic() + MOST_WAIT
    while not spent or (min(spent) > MOST_SECONDS and time.monotonic() < deadline):
        begun = time.process_time()
        answer = user.browser.client.post(path, data=fields, headers=headers)
        spent.append(time.process_time() - begun)
        size = max(size, int(answer.headers["content-length"]))
    return Seen(answer), size, min(spent)


def read_lists(seen: Seen) -> set[str]:
    return {said["data-list"] or "" for _, said in seen.tags if "data-list" in said}


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("go", "values"),
    [
        ("stay", {"field-3": "Field_700__c"}),
        ("stay", {"column-3": "Last Login"}),
        ("add", {}),
        ("remove-2", {}),
        ("add-value", {}),
    ],
)
def test_a_change_of_the_mapping_is_small_and_quick(user: WizardUser, go: str, values: dict[str, str]) -> None:
    user.open("mapping")
    lists = read_lists(user.seen)
    assert len(lists) == 2  # the columns, and the fields for text
    seen, size, seconds = change(user, go, ROW_PARTS, values, lists)
    for part in ROW_PARTS.split():
        assert f'id="{part}"' in seen.html
    assert "Field 799" not in seen.html
    assert size <= MOST_BYTES
    assert seconds < MOST_SECONDS


def test_the_first_page_has_no_long_list_until_somebody_opens_one(user: WizardUser) -> None:
    user.open("mapping")
    here = user.seen.path.partition("?")[0]
    assert len(user.seen.response.content) < MOST_PAGE_BYTES
    assert "Field 799" not in user.seen.html
    assert user.values["field-3"] == ["Field_3__c"]
    [name] = {said["data-list"] for tag, said in user.seen.tags if said.get("id") == "field-3"}
    answer = user.browser.client.get(here, params={"list": name}, headers={"x-parts": "asked"})
    assert answer.text.count("Field 799 ·") == 1
    assert int(answer.headers["content-length"]) <= MOST_BYTES


def test_without_a_script_a_button_shows_the_lists_of_a_row(user: WizardUser) -> None:
    user.open("mapping")
    assert "Show all columns and fields" in user.seen.text
    user.press("list-3", {"column-3": "Last Login"})
    lists = user.seen.html.split('<select id="')
    [field] = [each for each in lists if each.startswith("field-3")]
    [column] = [each for each in lists if each.startswith("column-3")]
    assert '<option value="Field_799__c">' in field
    assert '<option value="Extra 295">' in column
    assert '<option value="Last Login" selected>' in column
    assert len(user.seen.response.content) < MOST_PAGE_BYTES


def test_the_lists_of_a_row_are_shown_also_when_the_org_answers_late(
    user: WizardUser, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.open("mapping")
    console.lookups.drop()
    monkeypatch.setattr("integration_center.console.lookups.PATIENCE", 0.0)
    user.press("list-3")
    assert '<option value="Field_799__c">' in user.seen.html


@pytest.mark.proof
def test_a_list_that_the_page_has_comes_with_what_is_chosen_alone(user: WizardUser) -> None:
    user.open("mapping")
    seen, _, _ = change(user, "stay", ROW_PARTS, {"field-3": "field_700__C", "column-2": "Gone"}, read_lists(user.seen))
    chosen = {said["id"]: said.get("data-value") for tag, said in seen.tags if tag == "select" and said.get("id")}
    assert chosen["field-3"] == "Field_700__c"
    assert chosen["column-3"] == "Extra 3"
    assert "Gone – not in the report any more" in seen.text
    options = re.findall(
        r'<option value="([^"]*)"', seen.html.partition('<select id="field-3"')[2].partition("</select>")[0]
    )
    assert options == ["", "Field_700__c", "WalkMe_Extra_3__c"]  # and the field that could be asked for


@pytest.mark.proof
@pytest.mark.parametrize(
    ("parts", "values"), [(REPORT_PARTS, {"object": "Contact"}), (KEY_PARTS, {"key-field": "Field_3__c"})]
)
def test_a_change_of_report_object_or_key_is_small_and_quick(
    user: WizardUser, parts: str, values: dict[str, str]
) -> None:
    user.open("report")
    assert "Thing_1299__c" in user.seen.html
    seen, size, seconds = change(user, "stay", parts, values, set())
    for part in parts.split():
        assert f'id="{part}"' in seen.html
    assert "Thing_1299__c" not in seen.html
    assert size <= MOST_BYTES
    assert seconds < MOST_SECONDS
