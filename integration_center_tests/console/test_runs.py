"""Run Now and Plan: what is started, what is refused, what the page of a run shows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from integration_center.access.audit import Action
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.database.processes import this_process
from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.errors import ConfigurationError
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster, serve_dagster
from integration_center_tests.console.test_integrations import log
from integration_center_tests.pipeline.center import PLAIN, Center, logins

READING, SENDING = "Reading the org and making the plan", "Sending the changes"
RUN, PLAN = "/integrations/logins_to_leads/run", "/integrations/logins_to_leads/plan"


@pytest.mark.proof
def test_run_now_starts_a_run_and_ends_in_its_result(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop([*logins(PLAIN), ("nobody@nowhere.example", "2026-01-01 08:00:00", "2026-01-01 08:00:00", 1)])
    seen = browser.submit(browser.open("/"), RUN)
    assert f"Completed: {len(PLAIN)} records were updated." in seen.text
    assert f"Logins Review, data of {YESTERDAY}" in seen.text
    assert f"{len(PLAIN)} updated · 1 not found in Salesforce" in seen.text
    assert not any("data-refresh" in said for _, said in seen.tags)
    links = [target for target in seen.targets if target.startswith(center_on_disk.emulator.sandbox.url)]
    assert links
    assert {link.rpartition("/")[2] for link in links} <= center_on_disk.leads().keys()
    assert "Logins Last 30 Days empty → becomes " in seen.text
    (entry,) = console.installation.audit.list(slug="logins_to_leads")
    assert (entry.action, entry.detail) == (Action.RAN, str(YESTERDAY))
    assert console.installation.syncs.history("logins_to_leads")[0].triggered_by == entry.who


def test_plan_writes_nothing_and_run_now_follows_from_it(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    seen = browser.submit(browser.open("/"), PLAN)
    assert f"This is a plan: {len(PLAIN)} records would be updated. Nothing was sent to Salesforce." in seen.text
    assert f"{len(PLAIN)} to be updated" in seen.text
    assert center_on_disk.writes() == []
    assert f"Completed: {len(PLAIN)} records were updated." in browser.submit(seen, RUN).text
    assert center_on_disk.writes()


def test_a_run_shows_what_was_found_in_the_report(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop([(user, first, last, "N/A") for user, first, last, _ in logins(PLAIN)])
    seen = browser.submit(browser.open("/"), PLAN)
    assert "What was found in the report" in seen.text
    assert "column '# Logins Last 30 Days' holds 'N/A'" in seen.text
    next((center_on_disk.home / "drops" / "logins").glob("*.csv")).write_bytes(b"\xff\xfe\x00")
    failed = browser.submit(browser.open("/"), PLAN)
    assert "The run failed." in failed.text
    assert "What was found in the report" not in failed.text, "it was found in an earlier file"


@pytest.mark.proof
def test_another_day_can_be_run(center_on_disk: Center, browser: Browser, dagster: OwnDagster) -> None:
    center_on_disk.integrate()
    day = YESTERDAY - timedelta(days=2)
    center_on_disk.drop(logins(PLAIN), day)
    failed = browser.submit(browser.open("/"), RUN)
    assert f"no data for {YESTERDAY}" in failed.text
    assert f"data of {day}" in browser.submit(failed, RUN, {"day": str(day)}).text
    for wrong in ("tomorrow", "2019-01-01", str(YESTERDAY + timedelta(days=1))):
        browser.submit(failed, RUN, {"day": wrong}, status=400)
    assert len(dagster.launched) == 2


def test_a_run_that_fails_before_its_work_says_why(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate(report="No such report")
    seen = browser.submit(browser.open("/"), RUN)
    assert "Failed" in seen.text
    assert "No such report" in seen.text
    assert "Traceback" not in seen.html


def test_nothing_starts_while_dagster_is_down(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    for action in (RUN, PLAN):
        seen = browser.submit(browser.open("/"), action)
        assert seen.path == "/"
        assert "Dagster does not run, so nothing was started" in seen.text
        assert "make up" not in seen.text
    assert console.installation.audit.list() == ()


def test_a_second_start_is_refused_and_leads_to_the_first(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    run_id = "11111111-2222-3333-4444-555555555555"
    waiting = dg.DagsterRun(
        job_name="logins_to_leads",
        run_id=run_id,
        status=dg.DagsterRunStatus.STARTING,
        tags={INTEGRATION_TAG: "logins_to_leads"},
    )
    center_on_disk.instance.add_run(waiting)
    seen = browser.submit(browser.open("/"), RUN)
    assert seen.path == f"/integrations/logins_to_leads/runs/{run_id}"
    assert "It runs already, so nothing was started twice" in seen.text
    assert "Starting …" in seen.text
    assert dagster.launched == []


@pytest.mark.proof
def test_a_dead_line_does_not_stop_the_next_run(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    log(console.installation, "gone", status=SyncStatus.RUNNING)
    assert f"Completed: {len(PLAIN)} records were updated." in browser.submit(browser.open("/"), RUN).text
    dead = console.installation.syncs.get("gone", "logins_to_leads")
    assert dead is not None
    assert dead.status is SyncStatus.FAILED


def test_the_page_of_a_killed_run_notices(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.integrate()
    gone = this_process().rsplit("/", 2)[0] + "/999999999/1"
    run = dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: gone})
    center_on_disk.instance.add_run(run)
    log(console.installation, "r", status=SyncStatus.RUNNING)
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    assert [tag for _, tag in seen.tags if tag.get("data-refresh")] == []
    sync = console.installation.syncs.get("r", "logins_to_leads")
    assert sync is not None
    assert sync.status is SyncStatus.FAILED


@pytest.mark.proof
def test_when_dagster_knows_the_file_of_before_it_reads_it_again(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = OwnDagster.launch

    def launch_after_reload(self: OwnDagster, request: RunRequest) -> str:
        if not self.reloads:
            raise ConfigurationError("Dagster refused the run: PipelineNotFoundError")
        return launch(self, request)

    monkeypatch.setattr(OwnDagster, "launch", launch_after_reload)
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    assert f"Completed: {len(PLAIN)} records were updated." in browser.submit(browser.open("/"), RUN).text


def test_a_broken_integration_is_not_started(center_on_disk: Center, browser: Browser, dagster: OwnDagster) -> None:
    center_on_disk.write("mangled", "attributes: [")
    token = browser.token()
    seen = browser.post("/integrations/mangled/run", {"csrf_token": token}, status=409)
    assert "Correct it first" in seen.text
    assert dagster.launched == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(dg.DagsterRunStatus.STARTING, "Starting"), (dg.DagsterRunStatus.STARTED, "Getting the report")],
)
def test_before_the_line_is_opened_the_page_shows_what_dagster_says(
    center_on_disk: Center, browser: Browser, dagster: OwnDagster, status: dg.DagsterRunStatus, said: str
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=status))
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    (live,) = [tag for _, tag in seen.tags if tag.get("id") == "live"]
    assert live["data-refresh"] == "/integrations/logins_to_leads/runs/r"
    assert f"{said} …" in seen.text


@pytest.mark.parametrize(
    ("action", "heading", "stages"),
    [
        (Action.UNDID, "Undo of Logins to Leads", f"{READING} {SENDING}"),
        (Action.RETRIED, "Logins to Leads: tries failed records again", f"{READING} {SENDING}"),
        (Action.RELEASED, "Run of Logins to Leads", SENDING),
        (Action.PLANNED, "Run of Logins to Leads", f"Getting the report {READING}"),
        (Action.RAN, "Run of Logins to Leads", f"Getting the report {READING} {SENDING}"),
    ],
)
def test_heading_and_stages_say_what_a_run_is_before_its_line_is_opened(
    center_on_disk: Center,
    console: Console,
    browser: Browser,
    dagster: OwnDagster,
    action: Action,
    heading: str,
    stages: str,
) -> None:
    center_on_disk.integrate()
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTING))
    console.installation.audit.record(action, who="ann", where="x", slug="logins_to_leads", run_id="r")
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    assert f"‹ Logins to Leads {heading} " in seen.text
    assert f"<title>{heading} · " in seen.html
    assert f"Waiting in the queue (done) Starting {stages} Starting … Cancel" in seen.text


def test_a_stage_that_an_undo_does_not_have_is_not_shown_as_the_present_one(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED))
    console.installation.audit.record(Action.UNDID, who="ann", where="x", slug="logins_to_leads", run_id="r")
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    assert f"{READING} …" in seen.text
    assert "Getting the report" not in seen.text


def test_rows_sent_are_shown_of_those_planned(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED))
    installation = console.installation
    log(installation, "r", status=SyncStatus.RUNNING)
    page = "/integrations/logins_to_leads/runs/r"
    assert "Reading the org and making the plan …" in browser.open(page).text
    installation.syncs.planned(
        "r",
        "logins_to_leads",
        plan_id="p",
        counts={"rows": {"planned": 3_000}, "lines": {"planned": 3_000}},
        org_id="00D000000000000AAA",
        read_at=console.now(),
        describe_hash="h",
        api_calls=4,
    )
    assert "Sending the changes: 0 of 3,000 records sent" in browser.open(page).text
    installation.syncs.note_progress("r", "logins_to_leads", 1_200, 3_000)
    seen = browser.open(page)
    assert "Sending the changes: 1,200 of 3,000 records sent" in seen.text
    assert " left." not in seen.text  # the pace is not known before it sends
    (bar,) = [tag for name, tag in seen.tags if name == "progress"]
    assert (bar["value"], bar["max"]) == ("40.0", "100")
    installation.syncs.close("r", "logins_to_leads", status=SyncStatus.COMPLETED)
    assert installation.syncs.progress("r", "logins_to_leads") is None
    assert "Completed: there was nothing to write." in browser.open(page).text


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("done", "said"),
    [(1_200, "About 30 seconds left."), (2_900, "A few seconds left."), (300, "About 3 minutes left."), (30, None)],
)
def test_a_push_says_how_long_it_still_takes(
    done: int,
    said: str | None,
    center_on_disk: Center,
    console: Console,
    open_browser: Callable[..., Browser],
    dagster: OwnDagster,
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTED))
    syncs = console.installation.syncs
    log(console.installation, "r", status=SyncStatus.RUNNING)
    counts = {"rows": {"planned": 3_000}, "lines": {"planned": 3_000}}
    syncs.planned(
        "r",
        "logins_to_leads",
        plan_id="p",
        counts=counts,
        org_id="00D000000000000AAA",
        read_at=console.now(),
        describe_hash="h",
        api_calls=4,
    )
    assert syncs.apply("r", "logins_to_leads")
    syncs.note_progress("r", "logins_to_leads", done, 3_000)
    later = datetime.now(UTC) + timedelta(seconds=20)
    browser = open_browser(build_app(replace(console, now=lambda: later)))
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    assert said in seen.text if said else " left." not in seen.text


def test_a_push_notes_its_progress(center_on_disk: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = []
    monkeypatch.setattr(SyncLog, "note_progress", lambda self, run, slug, done, total: noted.append((done, total)))
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    center_on_disk.run()
    assert noted[-1] == (len(PLAIN), len(PLAIN))


def test_the_page_of_a_running_sync_works_while_dagster_is_down(console: Console, browser: Browser) -> None:
    log(console.installation, "r", status=SyncStatus.RUNNING)
    seen = browser.open("/integrations/logins_to_leads/runs/r")
    assert "Dagster does not answer just now; this is what our own log knows." in seen.text
    assert "Running" in seen.text


def test_an_unknown_run_is_a_page_that_says_so(browser: Browser) -> None:
    assert "There is no run" in browser.open("/integrations/logins_to_leads/runs/nothing", status=404).text


@pytest.mark.proof
def test_dagsters_own_graphql_tells_status_and_log(center_on_disk: Center) -> None:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    ran = center_on_disk.run()
    with serve_dagster(center_on_disk.instance) as webserver:
        assert webserver.status(ran.run_id) is dg.DagsterRunStatus.SUCCESS
        assert webserver.status("nothing") is None
        assert webserver.log("nothing") is None
        first = webserver.log(ran.run_id, limit=10)
        assert first is not None
        assert len(first.lines) == 10
        rest = webserver.log(ran.run_id, first.cursor)
        assert rest is not None
        assert rest.cursor is None
        assert "Finished execution of run" in rest.lines[-1].text
        assert any(line.text.startswith("Completed: 8 updated") for line in rest.lines)
        assert all(earlier.at <= later.at for earlier, later in zip(rest.lines, rest.lines[1:], strict=False))
