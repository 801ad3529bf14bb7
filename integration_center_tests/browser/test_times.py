"""Times are those of the person who looks; UTC is said when one is pointed at."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from integration_center.console.shell.context import Console
from integration_center.console.shell.moments import say_moment
from integration_center.installation import Installation
from integration_center_tests.browser.inspection import WIDE
from integration_center_tests.browser.test_front_page import serving
from integration_center_tests.browser.test_typing import center
from integration_center_tests.console.conftest import installation
from integration_center_tests.pipeline.center import FIRST, Center, email
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center", "center_on_disk", "connect", "home", "installation"]


@pytest.mark.proof
@pytest.mark.parametrize(("zone", "clock", "name"), [("Asia/Kolkata", "13:30", "GMT+5:30"), ("UTC", "08:00", "UTC")])
def test_times_are_those_of_the_viewer(
    zone: str, clock: str, name: str, center: Center, installation: Installation, browser_process: Browser
) -> None:
    center.integrate()
    evening = datetime.now(UTC).replace(hour=18)
    with serving(Console(installation, now=lambda: evening)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, timezone_id=zone, locale="en-GB")
        page = context.new_page()
        page.goto("/")
        next_run = page.get_by_role("row", name="Logins to Leads").locator("time").last
        expect(next_run).to_contain_text(clock)
        assert (next_run.get_attribute("title") or "").endswith("08:00:00 UTC")
        with page.expect_response(lambda answer: "page=1" in answer.url):
            page.evaluate("() => window.dispatchEvent(new Event('online'))")  # the page asks for what is new
        expect(next_run).to_contain_text(clock)
        page.goto("/integrations/logins_to_leads")
        expect(page.get_by_text("next run")).to_contain_text(f"{clock} {name}")
        context.close()


@pytest.mark.proof
def test_the_words_are_those_of_the_server(
    center: Center, installation: Installation, browser_process: Browser
) -> None:
    now = datetime.now(UTC).replace(hour=12)
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, timezone_id="UTC", locale="en-GB")
        page = context.new_page()
        page.clock.set_fixed_time(now)
        page.goto("/")
        for days in (-400, -7, -1, 1, 3, 6, 7, 400):
            moment = now + timedelta(days=days)
            said = page.evaluate("at => sayWhen(new Date(at))", moment.isoformat())
            assert said == say_moment(moment, now)
        context.close()


@pytest.mark.proof
def test_written_times_are_those_of_the_viewer_and_dates_stay(
    center: Center, installation: Installation, browser_process: Browser
) -> None:
    fields = [{"column": "First Login", "field": FIRST}, {"column": "Last Login", "field": "WalkMe_Champion_Since__c"}]
    center.integrate(fields=fields)
    center.drop([(email(1), "2026-01-02 20:15:30", "2026-10-02 23:30:15", 1)])
    with ThreadPoolExecutor(1) as pool:  # this thread has the browser's event loop
        run = pool.submit(center.run).result().run_id
    with serving(Console(installation)) as url:
        context = browser_process.new_context(viewport=WIDE, base_url=url, timezone_id="Asia/Kolkata", locale="en-GB")
        page = context.new_page()
        here = f"/integrations/logins_to_leads/runs/{run}"
        for path in (here, f"{here}/ledger"):
            page.goto(path)
            written = page.locator("ins time", has_text="2026-01-03 01:45:30")
            expect(written).to_have_attribute("title", "2026-01-02 20:15:30 UTC")
            expect(page.locator("ins", has_text="2026-10-02")).to_have_text("2026-10-02")
            expect(page.locator("caption").filter(has_text="imes are in")).to_contain_text("Asia/")
        page.goto("/integrations/logins_to_leads")
        bar = page.locator("figure.chart a").first
        expect(bar).to_have_attribute("aria-label", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d GMT\+5:30 "))
        context.close()
