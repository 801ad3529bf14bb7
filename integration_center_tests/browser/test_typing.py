"""What somebody types in the wizard while an answer is under way stays: the answers here come when a test lets them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from integration_center.console.shell.context import Console
from integration_center.installation import Installation
from integration_center_tests.browser.choosing import await_answer, await_script, choose, expect_chosen
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center_on_disk", "connect", "home", "installation"]


TYPED = {"number": "5", "date": "2031-02-03", "time": "07:15", "text": "typed", "textarea": "1 = 1"}
"""What is typed, by the type of the control."""
TEXTS = "#wizard-form :is(textarea, input:not([type=hidden], [type=checkbox], [type=radio]))"


@dataclass
class LateAnswers:
    """Holds back what the wizard sends, until it is let go.

    Attributes:
        held: the requests that wait.
    """

    page: Page
    held: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.route(re.compile(r"/wizard/[^/]+/(report|mapping)$"), self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == "POST":
            self.held.append(route)
        else:
            route.continue_()

    def let_go(self) -> None:
        """Let the request that waits get its answer, and all that follow from it."""
        form = self.page.locator("#wizard-form")
        while form.get_attribute("aria-busy"):
            while self.held:
                self.held.pop(0).continue_()
            self.page.wait_for_function(
                "n => !document.querySelector('#wizard-form[aria-busy]') || performance.now() > n",
                arg=self.page.evaluate("() => performance.now() + 50"),
            )


@pytest.fixture
def center(center_on_disk: Center) -> Center:
    """The installation, with its history in files: the console serves in a thread."""
    center_on_disk.drop(logins(PLAIN))
    return center_on_disk


@pytest.fixture
def wizard(center: Center, installation: Installation, browser_process: Browser) -> Iterator[Page]:
    """The second screen of a new draft, in a console of its own."""
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto("/integrations/new")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_label("Report", exact=True)).to_be_visible()
        yield page
        context.close()


def go_to_mapping(page: Page) -> None:
    page.get_by_label("Report", exact=True).select_option("Logins")
    page.get_by_label("Salesforce object").fill("Lead")
    page.get_by_label("Salesforce object").blur()
    expect(page.get_by_text(f"{len(PLAIN)} match one")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    await_script(page.locator("#field-0"))
    page.evaluate("() => document.querySelectorAll('#wizard-form details').forEach(each => each.open = true)")


def text_to_type(control: Locator) -> str:
    kind = control.evaluate("each => each.tagName === 'TEXTAREA' ? 'textarea' : each.type")
    return TYPED.get(kind, TYPED["text"])


@pytest.mark.proof
def test_report_object_and_key_stay_as_chosen(wizard: Page) -> None:
    late = LateAnswers(wizard)
    wizard.get_by_label("Report", exact=True).select_option("Logins")
    name = wizard.get_by_label("Salesforce object")
    name.press_sequentially("Lea")
    late.let_go()
    name.press_sequentially("d")
    expect(name).to_have_value("Lead")
    name.blur()
    late.let_go()
    expect_chosen(wizard.get_by_label("Lead field"), "Email")

    wizard.get_by_label("Report column").select_option("First Login")
    choose(wizard.get_by_label("Lead field"), "Company")
    late.let_go()
    expect(wizard.get_by_label("Report column")).to_have_value("First Login")
    expect_chosen(wizard.get_by_label("Lead field"), "Company")


@pytest.mark.proof
def test_what_is_typed_in_each_text_control_stays(wizard: Page) -> None:
    go_to_mapping(wizard)
    wizard.get_by_role("button", name="+ Add value").click()
    wizard.locator("#make-3").select_option("sql")
    await_answer(wizard)
    late = LateAnswers(wizard)
    wizard.evaluate("() => document.querySelectorAll('#wizard-form details').forEach(each => each.open = true)")
    names = [each.get_attribute("id") or "" for each in wizard.locator(TEXTS).all() if each.is_visible()]
    assert {"name", "filter", "value-3", "absent-0", "factor-2", "timezone", "where"} <= set(names)
    choices = ("keep", "clear")
    for number, name in enumerate(names):
        control = wizard.locator(f"#{name}")
        before, typed = control.input_value(), text_to_type(control)
        wizard.locator("#when_null-0").select_option(choices[number % 2])
        control.fill(typed)
        late.let_go()
        expect(control).to_have_value(typed)
        expect(control).to_be_focused()
        if name not in {"name", "filter"}:  # put back, so that no fault of one hides another
            control.fill(before)
        control.blur()
        late.let_go()
        expect(control).to_have_value(typed if name in {"name", "filter"} else before)
    wizard.reload()
    expect(wizard.get_by_label("Name", exact=True)).to_have_value(TYPED["text"])
    expect(wizard.locator("#filter")).to_have_value(TYPED["textarea"])


@pytest.mark.proof
def test_a_row_keeps_its_text_while_another_is_removed(wizard: Page) -> None:
    go_to_mapping(wizard)
    late = LateAnswers(wizard)
    wizard.get_by_role("button", name=re.compile("Remove mapping 1")).click()
    factor = wizard.locator("#factor-2")
    factor.press_sequentially("10")
    late.let_go()
    expect(wizard.locator("#row-0")).to_have_count(0)
    expect(factor).to_have_value("10")
    expect(factor).to_be_focused()
    wizard.get_by_role("button", name="+ Add column").click()
    late.let_go()
    expect(wizard.locator("#column-3")).to_be_focused()
    expect(factor).to_have_value("10")


@pytest.mark.proof
def test_a_button_that_does_not_reach_the_server_asks_to_be_pressed_again(wizard: Page) -> None:
    go_to_mapping(wizard)
    add = wizard.get_by_role("button", name="+ Add column")
    wizard.context.set_offline(True)
    add.click()
    expect(wizard.locator("#connection")).to_contain_text("Press it again once you are connected.")
    wizard.context.set_offline(False)
    add.click()
    expect(wizard.locator("#column-3")).to_be_visible()
    expect(wizard.locator("#column-4")).to_have_count(0)
