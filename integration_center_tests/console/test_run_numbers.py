"""The page of a run shows, while the run works, how many rows were read and matched, and how many records sent."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import dagster as dg
import pytest

from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncStatus
from integration_center.progress import Phase, Seen, Spent
from integration_center.store.run_progress import StepProgress
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.test_integrations import log
from integration_center_tests.pipeline.center import PLAIN, Center, logins

SLUG = "logins_to_leads"
STRANGER = ("nobody@nowhere.example", None, None, 1)
WAIT_SECONDS = 60


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("*/composite", ["Getting the report (done) 9 rows read", "Reading the org and making the plan …"]),
        (
            "*/composite/sobjects*",
            [
                "Getting the report (done) 9 rows read",
                "of the org read · 8 of 9 rows matched · 9 of 9 rows compared",
                "Sending the changes: 0 of 8 records sent …",
            ],
        ),
    ],
)
def test_a_run_that_works_shows_its_numbers(
    held: str, said: Sequence[str], center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop([*logins(PLAIN), STRANGER])
    hold = center_on_disk.emulator.sandbox.faults.hold(held, times=None)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(center_on_disk.run)
        try:
            assert hold.reached.wait(WAIT_SECONDS)
            (sync,) = console.installation.syncs.history(SLUG)
            shown = browser.open(f"/integrations/{SLUG}/runs/{sync.run_id}").text
        finally:
            hold.release()
        assert running.result(WAIT_SECONDS).success
    for each in said:
        assert each in shown
    assert "8 records were updated" in browser.open(f"/integrations/{SLUG}/runs/{sync.run_id}").text


@pytest.mark.parametrize(
    ("seen", "said", "value"),
    [
        (Seen(Phase.READ, 1, share=0.25), "Getting the report: 1 row read … About 30 seconds left.", "25.0"),
        (Seen(Phase.READ), "Getting the report …", None),
        (Seen(Phase.READ, 20_000), "Getting the report: 20,000 rows read …", None),
    ],
)
def test_a_report_under_way_shows_the_rows_read(
    seen: Seen,
    said: str,
    value: str | None,
    center_on_disk: Center,
    console: Console,
    browser: Browser,
    dagster: OwnDagster,
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED))
    now = datetime.now(UTC)
    step = StepProgress((seen,), Phase.READ, {Phase.READ: Spent(10.0)}, now, now)
    console.installation.progress.note("r", "insights__logins", step)
    shown = browser.open(f"/integrations/{SLUG}/runs/r")
    assert said in shown.text
    (bar,) = [tag for name, tag in shown.tags if name == "progress"]
    assert bar.get("value") == value


def test_records_of_the_org_are_counted_while_they_are_read(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED))
    log(console.installation, "r", status=SyncStatus.RUNNING)
    now = datetime.now(UTC)
    read = StepProgress((Seen(Phase.READ, 9),), Phase.READ, {}, now, now, ended=True)
    step = StepProgress((Seen(Phase.ORG_READ, 2_000, 8_000),), Phase.ORG_READ, {}, now, now, slug=SLUG)
    console.installation.progress.note("r", "insights__logins", read)
    console.installation.progress.note("r", f"{SLUG}__update_set", step)
    shown = browser.open(f"/integrations/{SLUG}/runs/r").text
    assert "Reading the org and making the plan: 2,000 of 8,000 records of the org read …" in shown
    assert "9 rows read" in shown
