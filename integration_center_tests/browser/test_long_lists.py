"""Lists with hundreds of options are searched by typing; without a script they stay plain lists."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from integration_center.installation import Installation
from integration_center.sync.schema import SObjectField
from integration_center_tests.browser.choosing import await_answer, await_script, choose, expect_chosen
from integration_center_tests.browser.inspection import EVERYTHING, NARROW, WIDE, Inspection, find_violations
from integration_center_tests.browser.test_races import await_held
from integration_center_tests.browser.test_typing import LateAnswers, center, go_to_mapping, wizard
from integration_center_tests.console.conftest import installation
from integration_center_tests.console.large_org import enlarge_org
from integration_center_tests.pipeline.center import PLAIN, Center
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "home", "installation", "wizard"]


OBJECTS, FIELDS = 1_300, 800
LISTS = re.compile(r"[?&]list=")


@pytest.fixture(autouse=True)
def _large_org(monkeypatch: pytest.MonkeyPatch) -> None:
    work = SObjectField("PersonEmail", "Work e-mail", "email", length=80)
    enlarge_org(monkeypatch, objects=OBJECTS, fields=FIELDS, build=build_amount, more=(work,))


def build_amount(number: int) -> SObjectField:
    return SObjectField(f"Field_{number}__c", f"Amount {number}", "datetime", custom=True)


def read_choices(page: Page, last: str) -> list[str]:
    """Read the choices once the one with this name is among them."""
    options = page.get_by_role("listbox", name="Choices").get_by_role("option")
    expect(options.filter(has_text=last)).to_be_visible()
    return options.all_inner_texts()


@pytest.mark.proof
def test_object_and_fields_are_chosen_by_typing(wizard: Page, inspection: Inspection) -> None:
    wizard.get_by_label("Report", exact=True).select_option("Logins")
    name = wizard.get_by_role("combobox", name="Salesforce object")
    name.fill("thing 129")
    shown = [line.split() for line in read_choices(wizard, "Thing_1299__c")]
    assert (shown[0], len(shown)) == (["Thing", "129", "Thing_129__c"], 12)
    choose(name, "lead", "Lead")
    expect(wizard.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()

    key = wizard.get_by_role("combobox", name="Lead field")
    expect_chosen(key, "Email")
    key.fill("mail")
    shown = [line.split() for line in read_choices(wizard, "PersonEmail")]
    assert ["Email"] in shown
    assert ["Work", "e-mail", "PersonEmail"] in shown
    assert find_violations(wizard, EVERYTHING) == []
    inspection.inspect(wizard, "wizard-long-list")
    key.press("Escape")
    expect_chosen(key, "Email")
    expect(key).to_have_value("Email")


@pytest.mark.proof
def test_the_keyboard_alone_chooses_among_800_fields(wizard: Page) -> None:
    go_to_mapping(wizard)
    field = wizard.locator("#field-0")
    await_script(field)
    field.focus()
    field.press("ArrowDown")
    expect(wizard.locator("#choices").get_by_role("option", selected=True)).to_have_count(1)  # what is chosen now
    wizard.keyboard.press("ControlOrMeta+a")
    wizard.keyboard.type("amount 79")
    expect(wizard.get_by_role("status").filter(has_text="18 choices")).to_be_attached()
    wizard.keyboard.press("ArrowDown")
    wizard.keyboard.press("ArrowDown")
    selected = wizard.locator("#choices").get_by_role("option", selected=True)
    expect(selected).to_contain_text("Field_790__c")
    expect(field).to_have_attribute("aria-activedescendant", selected.get_attribute("id") or "")
    wizard.keyboard.press("Enter")
    expect_chosen(field, "Field_790__c")
    expect(field).to_be_focused()
    expect(field).to_have_value("Amount 790 · Field_790__c")
    await_answer(wizard)
    wizard.reload()
    expect_chosen(field, "Field_790__c")


@pytest.mark.proof
def test_rows_that_are_added_show_their_own_fields(wizard: Page) -> None:
    go_to_mapping(wizard)
    shown = [wizard.locator(f"#field-{row}").input_value() for row in range(3)]
    wizard.get_by_role("button", name="Add all of them").click()
    expect(wizard.locator("#field-3")).to_have_value("WalkMe_Days_since_last_login__c")
    expect_chosen(wizard.locator("#field-3"), "WalkMe_Days_since_last_login__c")
    for row, field in enumerate(shown):
        expect(wizard.locator(f"#field-{row}")).to_have_value(field)


@pytest.mark.proof
def test_what_is_typed_in_a_list_stays_while_an_answer_comes(wizard: Page) -> None:
    go_to_mapping(wizard)
    late = LateAnswers(wizard)
    choose(wizard.locator("#field-0"), "Amount 7", "Field_7__c")
    field = wizard.locator("#field-1")
    field.fill("amount 12")
    late.let_go()
    expect(field).to_have_value("amount 12")
    expect(field).to_be_focused()
    field.press("Enter")
    late.let_go()
    expect_chosen(field, "Field_12__c")
    expect_chosen(wizard.locator("#field-0"), "Field_7__c")


@pytest.mark.proof
def test_a_name_that_is_typed_before_the_list_is_there_is_chosen_once_it_is(wizard: Page) -> None:
    go_to_mapping(wizard)
    field = wizard.locator("#field-0")
    await_script(field)
    held: list[Route] = []
    wizard.route(LISTS, lambda route: held.append(route))
    with wizard.expect_request(LISTS):
        field.fill("Amount 7")
    field.press("Tab")
    await_held(wizard, held).continue_()
    expect_chosen(field, "Field_7__c")
    expect(field).to_have_value("Amount 7 · Field_7__c")


@pytest.mark.proof
def test_text_that_names_nothing_leaves_the_choice_as_it_was(wizard: Page) -> None:
    go_to_mapping(wizard)
    field = wizard.locator("#field-0")
    await_script(field)
    before = field.input_value()
    field.fill("no such field")
    expect(wizard.get_by_text("Nothing fits.")).to_be_visible()
    field.press("Enter")  # sends no form
    field.blur()
    expect(field).to_have_value(before)
    expect(wizard.get_by_text("Nothing fits.")).to_be_hidden()
    field.fill("")
    field.blur()
    expect_chosen(field, "")
    expect(field).to_have_attribute("placeholder", "Choose a field")


@pytest.mark.proof
def test_the_list_fits_on_a_phone(wizard: Page) -> None:
    go_to_mapping(wizard)
    wizard.set_viewport_size(NARROW)
    wizard.locator("#field-2").click()
    box = wizard.get_by_role("listbox", name="Choices").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= NARROW["width"]


@pytest.fixture
def plain(wizard: Page, browser_process: Browser) -> Iterator[Page]:
    """The same draft in a browser without scripts."""
    context = browser_process.new_context(viewport=WIDE, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(wizard.url)
    yield page
    context.close()


@pytest.mark.proof
def test_without_a_script_the_lists_are_plain(plain: Page, center: Center, installation: Installation) -> None:
    plain.get_by_label("Report", exact=True).select_option("Logins")
    plain.get_by_label("Salesforce object").fill("Lead")
    plain.get_by_role("button", name="Show rows and fields").click()
    plain.get_by_label("Lead field").select_option("Email")
    plain.get_by_role("button", name="Continue").click()
    plain.get_by_role("button", name="Show all columns and fields").first.click()
    plain.locator("#field-0").select_option("Field_790__c")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.get_by_text(re.compile("is saved"))).to_be_visible()
    text = next(center.defs.glob("*/defs.yaml")).read_text()
    assert "field: Field_790__c" in text
