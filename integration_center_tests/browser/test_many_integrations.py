"""The front page with 300 integrations: what needs somebody is at the top, and one is found by typing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.console_pages import fill
from integration_center.console.shell.context import Console
from integration_center.installation import Installation, open_installation
from integration_center_tests.browser.choosing import choose
from integration_center_tests.browser.inspection import COLOURS, find_violations
from integration_center_tests.browser.test_front_page import RUNS, SIZES, photograph, serving
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center_on_disk", "connect", "home"]


INTEGRATIONS, DAYS, SHOWN = 300, 14, 8
LARGEST = 150_000


@pytest.fixture
def many(center_on_disk: Center, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation with 300 integrations, of which some failed in their last run."""
    center_on_disk.drop(logins(PLAIN))
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: RUNS)
    with open_installation() as installation:
        fill(installation, INTEGRATIONS, DAYS, 10)
        yield installation


@pytest.mark.proof
def test_the_front_page_of_300_integrations(many: Installation, browser_process: Browser) -> None:
    with serving(Console(many)) as url:
        context = browser_process.new_context(base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        for size in SIZES:
            page.set_viewport_size(size)
            answer = page.goto("/")
            assert answer is not None
            assert len(answer.body()) < LARGEST
            attention = page.get_by_role("region", name="Needs attention")
            expect(attention.get_by_role("listitem")).to_have_count(SHOWN)
            expect(page.get_by_text("300 integrations.")).to_be_attached()
            assert find_violations(page, COLOURS) == []
            photograph(page, f"many-{size['width']}")
        page.set_viewport_size(SIZES[0])
        choose(page.get_by_label("Object", exact=True), "Object_42__c")
        expect(page.get_by_role("link", name="Logins to object 42", exact=True)).to_be_visible()
        expect(page.get_by_text("1 of 300 integrations.")).to_be_attached()
        context.close()
