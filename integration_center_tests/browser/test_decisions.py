"""A person approves a plan and tries failed records again without a mouse, with the same page open in a second tab."""

import pytest
from playwright.sync_api import Browser, expect

from integration_center.console.shell.context import Console
from integration_center.installation import Installation
from integration_center_tests.browser.test_front_page import (
    RUNS,
    SLUG,
    center,
    center_on_disk,
    connect,
    home,
    installation,
    run_aside,
    serving,
)
from integration_center_tests.console.conftest import read_history_of
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import PLAIN, Center
from salesforce_emulator.refusals import RowError

__all__ = ["center", "center_on_disk", "connect", "home", "installation"]


@pytest.mark.proof
def test_approve_and_try_again_by_keyboard_and_in_two_tabs(
    center: Center, installation: Installation, browser_process: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster = OwnDagster("http://127.0.0.1:9", center=center)
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: RUNS)
    monkeypatch.setattr(Console, "find_dagster", lambda self: dagster)
    read_history_of(center, monkeypatch)
    center.integrate(SLUG, approval="required", limits={"max_failed": "100 %"})
    faults = center.emulator.sandbox.faults
    faults.fail_rows([center.lead(PLAIN[0])["Id"]], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    run_aside(center)
    waiting = installation.syncs.history(SLUG, limit=1)[0]
    with serving(Console(installation)) as url:
        context = browser_process.new_context(base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto(f"/integrations/{SLUG}/runs/{waiting.run_id}")
        page.get_by_label("Why it may be sent, or why not").focus()
        page.keyboard.type("agreed with the owners")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Approve")).to_be_focused()
        page.keyboard.press("Enter")
        again = page.get_by_role("button", name="Try the failed one again")
        expect(again).to_be_visible()

        other = context.new_page()
        other.goto(page.url)
        faults.clear()
        again.dblclick()
        expect(page.get_by_role("heading", level=1)).to_contain_text("tried 1 failed record again")
        expect(page.get_by_text("Completed: 1 record was updated.")).to_be_visible()
        other.get_by_role("button", name="Try the failed one again").press("Enter")
        expect(other.get_by_text("has written since")).to_be_visible()
        context.close()
    assert [request.job for request in dagster.launched] == ["release_sandbox", "retry_sandbox"]
