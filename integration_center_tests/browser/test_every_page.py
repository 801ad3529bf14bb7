"""Every page at three widths, light and dark, with no, three and 300 integrations: axe-core, no sideways scrolling.

It takes minutes, so it runs where pictures are kept: `make pictures` and `make screenshots`.
"""

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from benchmarks.console_pages import RUN, fill
from benchmarks.console_pages import SLUG as ONE_OF_MANY
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.browser.inspection import COLOURS, EVERYTHING, SIDEWAYS, find_violations
from integration_center_tests.browser.test_front_page import (
    PICTURES,
    QUALITY,
    ROOT,
    RUNS,
    SLUG,
    note_history,
    refuse_three,
    serving,
)
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.conftest import center_on_disk, connect, home

__all__ = ["center_on_disk", "connect", "home"]

SCREENSHOTS = os.environ.get("INTEGRATION_CENTER_SCREENSHOTS")
pytestmark = pytest.mark.skipif(not (PICTURES or SCREENSHOTS), reason="pictures are taken by make pictures")

SIZES = (
    ViewportSize(width=1440, height=900),
    ViewportSize(width=768, height=900),
    ViewportSize(width=360, height=900),
)
SCHEMES = ("light", "dark")
GAP, SCALE = 24, 0.5
PAGES = {
    "integrations": "/",
    "log": "/log",
    "reports": "/reports",
    "report": "/reports/logins",
    "search": "/search?q=somebody",
    "accounts": "/accounts",
    "account": "/accounts/sandbox/status",
    "rights": "/accounts/sandbox/rights",
    "alerts": "/alerts",
    "doctor": "/doctor",
    "audit": "/audit",
    "admin": "/admin",
    "stop": "/admin/stop",
    "people": "/admin/people",
    "sessions": "/sessions",
    "components": "/components",
    "not-found": "/nowhere",
}
OF_ONE = {
    "integration": "/integrations/{slug}",
    "integration-log": "/integrations/{slug}/log",
    "run": "/integrations/{slug}/runs/{run}",
    "run-log": "/integrations/{slug}/runs/{run}/log",
    "ledger": "/integrations/{slug}/runs/{run}/ledger",
    "duplicate": "/integrations/{slug}/duplicate",
    "promote": "/integrations/{slug}/promote",
    "delete": "/integrations/{slug}/delete",
    "wizard-environment": "/integrations/new",
    "wizard-mapping": "/integrations/{slug}/edit",
}
HELD = "onboarding_to_leads"
CHANGING = ("integrations", "log", "accounts", "audit", *OF_ONE)
"""The pages that look otherwise with another number of integrations: the documentation shows them with each number."""
STATES = (
    ("nps_to_accounts", "NPS to Accounts", "NPS", "Account"),
    ("champions_to_leads", "Champions to Leads", "Feature champions", "Opportunity"),
)
"""Integrations that run, and that failed: slug, name, report, object."""


@pytest.fixture
def installation(center_on_disk: Center, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: RUNS)
    with open_installation() as installation:
        yield installation


def prepare_states(center: Center, installation: Installation) -> str:
    """Make integrations that run, failed, are held, and refused records; return the run of the last."""
    for slug, name, report, target in STATES:
        center.integrate(slug, name=name, report=report, object=target)
        center.drop(logins(PLAIN), report=report.lower().replace(" ", "-"))
        note_history(installation, slug, name, report, target)
        installation.syncs.open(
            f"{slug}-last", slug, name=name, environment=Environment.SANDBOX, report=report, object=target,
            partition_start=YESTERDAY, partition_end=YESTERDAY, triggered_by="schedule",
            org_id=installation.accounts.get(Environment.SANDBOX).org_id,
        )  # fmt: skip
    installation.syncs.close(f"{slug}-last", slug, status=SyncStatus.FAILED, error="Salesforce does not answer")
    center.drop(logins(PLAIN))
    fields = [{"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}]
    center.integrate(HELD, name="Onboarding to Leads", limits={"max_changed": "20 %"}, fields=fields)
    note_history(installation, SLUG, "Logins to Leads", "Logins Review", "Lead")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(center.run, HELD).result()
    refuse_three(center, installation)
    [run] = [sync.run_id for sync in installation.syncs.history(SLUG, limit=1)]
    return run


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [0, 3, 300])
def test_every_page_at_every_width(
    number: int, center_on_disk: Center, installation: Installation, browser_process: Browser
) -> None:
    slug = run = ""
    if number == 3:
        slug, run = SLUG, prepare_states(center_on_disk, installation)
    elif number:
        fill(installation, number, 34, 1_000)
        slug, run = ONE_OF_MANY, RUN
    paths = PAGES | ({name: path.format(slug=slug, run=run) for name, path in OF_ONE.items()} if slug else {})
    objections: list[str] = []
    with serving(Console(installation)) as url:
        context = browser_process.new_context(base_url=url, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        for name, path in paths.items():
            objections += [f"{name}, {number}: {line}" for line in look_at(page, path, f"{name}-{number}")]
        context.close()
    assert objections == []


def look_at(page: Page, path: str, name: str) -> Iterator[str]:
    """Open a page, yield what is wrong with it, and keep a sheet of its pictures."""
    pictures = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for size in SIZES:
            page.set_viewport_size(size)
            page.goto(path)
            page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
            overflow, guilty = page.evaluate(SIDEWAYS)
            if overflow > 0:
                yield f"{overflow} px too wide at {size['width']} px: {guilty}"
            if size is not SIZES[1]:
                found = find_violations(page, COLOURS if scheme == "dark" else EVERYTHING)
                yield from (f"{scheme}, {size['width']} px: {line}" for line in found)
            pictures.append(take(page))
    keep_sheet(page, pictures, name)


def take(page: Page) -> str:
    asked = {"format": "webp", "quality": 80}
    return str(page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)["data"])


def keep_sheet(page: Page, pictures: list[str], name: str) -> None:
    """Keep the pictures of a page in one: light above dark, from wide to narrow."""
    images = "".join(f'<img src="data:image/webp;base64,{data}">' for data in pictures)
    width = sum(size["width"] for size in SIZES) + GAP * (len(SIZES) + 1)
    height = 2 * SIZES[0]["height"] + GAP * 3
    sheet = page.context.new_page()
    sheet.set_viewport_size(ViewportSize(width=width, height=height))
    style = (
        f"body{{margin:{GAP}px;background:#888;display:grid;gap:{GAP}px;grid-template-columns:repeat(3,max-content)}}"
    )
    sheet.set_content(f"<style>{style}</style>{images}")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": SCALE}
    session = page.context.new_cdp_session(sheet)
    page_name, _, number = name.rpartition("-")
    if PICTURES and (number == "3" or page_name in CHANGING):
        asked = {"format": "webp", "quality": QUALITY, "clip": clip}
        save(ROOT / PICTURES / "pages" / f"{name}.webp", session.send("Page.captureScreenshot", asked)["data"])
    if SCREENSHOTS:
        asked = {"format": "png", "clip": clip}
        save(Path(SCREENSHOTS) / "pages" / f"{name}.png", session.send("Page.captureScreenshot", asked)["data"])
    sheet.close()


def save(path: Path, data: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(data))
