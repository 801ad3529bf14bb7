"""What a run came to: page, log and grid never show a failure as a success, and a run that starts shows as starting."""

from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from integration_center.console.engine import Engine, UnfinishedRun
from integration_center.console.results import Reason, judge, say_why, tone_of
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.sync.outcome_words import OUTCOME_WORDS
from integration_center.sync.outcomes import BROKEN, Outcome
from integration_center.wording.remedies import Said
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.test_integrations import log
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.test_materialized import refuse

HERE = "/integrations/logins_to_leads"
RUN = f"{HERE}/runs/r"


def record(status: SyncStatus = SyncStatus.COMPLETED, error: str | None = None, **lines: int) -> SyncRecord:
    """A line of the log."""
    now = datetime(2026, 11, 25, 8, tzinfo=UTC)
    return SyncRecord(
        run_id="r",
        slug="s",
        name="Logins to Leads",
        environment=None,
        org_id=None,
        report="Logins",
        object="Lead",
        partition_start=date(2026, 11, 24),
        partition_end=date(2026, 11, 24),
        status=status,
        started_at=now,
        ended_at=now,
        counts={"lines": lines, "rows": lines},
        plan_id=None,
        applied_at=None,
        read_at=None,
        describe_hash=None,
        held=None,
        said=None if error is None else Said(error),
        api_calls=1,
        triggered_by="schedule",
    )


@pytest.mark.parametrize("outcome", [*BROKEN, Outcome.CONFLICT, Outcome.HELD, Outcome.OVERRIDDEN])
@pytest.mark.parametrize("status", [SyncStatus.COMPLETED, SyncStatus.PLANNED])
def test_a_single_line_in_trouble_makes_a_run_amber(outcome: Outcome, status: SyncStatus) -> None:
    sync = record(status, None, **{"updated": 273, outcome.value: 1})
    result = judge(sync)
    assert result.tone == "warning"
    assert f"1 record was {OUTCOME_WORDS[outcome].counted}." in f"{result.headline} {result.text}"
    assert "Score needs an approval." in say_why(sync, [Reason(outcome, "Score needs an approval", 1)])


@pytest.mark.parametrize(
    ("sync", "tone", "text"),
    [
        (record(updated=8, unmatched=3), "success", "Completed: 8 records were updated."),
        (record(unchanged=8), "success", "Everything was already up to date."),
        (record(), "success", "Completed: there was nothing to write."),
        (record(updated=273, failed=3), "warning", "Completed, 3 records were refused."),
        (
            record(failed=3, unknown=1),
            "warning",
            "Completed, 1 record was without a known result and 3 records were refused.",
        ),
        (
            record(error="nothing was written", unchanged=1),
            "warning",
            "Completed, but look at this: nothing was written.",
        ),
        (
            record(SyncStatus.FAILED, "cancelled in the Dagster UI"),
            "warning",
            "Cancelled in the Dagster UI.",
        ),
        (
            record(SyncStatus.FAILED, "cancelled in the console by ann", updated=10, unprocessed=90),
            "warning",
            "Cancelled in the console by ann. 90 records were not reached before the push stopped.",
        ),
        (
            record(SyncStatus.FAILED, "90 of 100 records went wrong: 90 refused", updated=10, failed=90, conflict=1),
            "danger",
            "The run failed. 90 of 100 records went wrong: 90 refused."
            " 1 record was left alone, because somebody changed them meanwhile.",
        ),
        (record(SyncStatus.FAILED), "danger", "The run failed."),
        (
            record(SyncStatus.FAILED, "too many: why", held=9),
            "danger",
            "The run failed. too many: why. 9 records were held.",
        ),
        (
            replace(record(SyncStatus.FAILED, "9 lines are held", held=9), held="96 % would change"),
            "warning",
            "Held: nothing was sent to Salesforce. 96 % would change.",
        ),
        (
            record(SyncStatus.PLANNED, planned=3),
            "info",
            "This is a plan: 3 records would be updated. Nothing was sent to Salesforce.",
        ),
    ],
)
def test_what_a_run_came_to_in_sentences(sync: SyncRecord, tone: str, text: str) -> None:
    result = judge(sync)
    assert (result.tone, f"{result.headline} {result.text}".strip()) == (tone, text)
    assert tone_of(sync) == tone


def classes(seen: Seen, text: str) -> list[str]:
    """The classes of the elements of a kind."""
    return [said["class"] or "" for _, said in seen.tags if text in (said.get("class") or "").split()]


@pytest.mark.proof
def test_refused_records_come_first_and_with_their_reason_everywhere(
    center: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.console.ledger.REASONS_SECONDS", 60.0)
    center.integrate(limits={"max_failed": 50})
    center.drop(logins(PLAIN))
    refuse(center, PLAIN[:2])
    run = f"{HERE}/runs/{center.run().run_id}"
    why = "2 records were refused: Score needs an approval"
    seen = browser.open(run)
    assert "Completed, 2 records were refused." in seen.text
    assert "2 refused : Score needs an approval" in seen.text
    assert f"{len(PLAIN) - 2} updated · 2 refused" in seen.text
    assert classes(seen, "notice") == ["notice warning"]
    assert classes(seen, "danger") == classes(seen, "success") == []
    refused = seen.text.index("FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert refused < seen.text.index("API calls")
    assert refused < seen.text.index("A few records.")
    assert f"{run}/ledger?outcome=failed" in seen.targets
    for path in ("/", "/log", f"{HERE}/log", f"{run}/log", HERE):
        page = browser.open(path)
        assert f"{why}." in page.text, path
        assert classes(page, "success") == [], path
        assert "Completed , and needs a look" in page.text, path


def test_a_failed_run_says_why_beside_its_counts(console: Console, center: Center, browser: Browser) -> None:
    center.integrate()
    log(console.installation, "r", status=SyncStatus.FAILED, error="276 records would change", unchanged=11, held=276)
    for path in ("/", "/log", f"{HERE}/log"):
        seen = browser.open(path)
        assert "11 already up to date · 276 held" in seen.text, path
        assert "276 records would change. 276 records were held." in seen.text, path
    seen = browser.open(RUN)
    assert classes(seen, "notice") == ["notice danger"]
    assert "276 records would change." in seen.text


@pytest.fixture
def starting(console: Console, center: Center, monkeypatch: pytest.MonkeyPatch) -> Console:
    """An integration whose run Dagster has, and our log has not yet."""
    center.integrate()
    center.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTING))
    run = UnfinishedRun("r", "logins_to_leads", dg.DagsterRunStatus.STARTING)
    engine = Engine(webserver=True, daemon=True, runs={"logins_to_leads": run})
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: engine)
    return console


def test_a_run_that_starts_shows_as_starting(starting: Console, browser: Browser) -> None:
    log(starting.installation, "before", updated=8)
    seen = browser.open("/")
    assert "Starting Watch it Before: Completed" in seen.text
    assert seen.links["Watch it"] == RUN
    assert classes(seen, "success") == []
    for path in ("/log", f"{HERE}/log"):
        seen = browser.open(path)
        assert "Logins to Leads: a run is starting." in seen.text
        assert any(said.get("data-refresh") for _, said in seen.tags)
    ledger = browser.open(f"{RUN}/ledger")
    assert "The run is starting. Its records are listed here once it has made its plan." in ledger.text
    assert browser.client.get(f"{RUN}/ledger.csv").status_code == 404


def test_the_first_run_that_starts_is_not_nothing(starting: Console, browser: Browser) -> None:
    assert "Never" not in browser.open("/").text
    assert "Nothing ran yet" not in browser.open(f"{HERE}/log").text
    assert "Starting …" in browser.open(RUN).text  # also while Dagster's web server is down


def test_a_run_that_was_started_here_shows_before_anybody_looked_at_dagster(
    center_on_disk: Center, console: Console, browser: Browser, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    center_on_disk.integrate()
    log(console.installation, "before", updated=8)
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: Engine(webserver=True, daemon=True))
    monkeypatch.setattr(OwnDagster, "launch", lambda self, request: "r")
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="r", status=dg.DagsterRunStatus.STARTING))
    seen = browser.submit(browser.open("/"), f"{HERE}/run")
    assert "Starting …" in seen.text
    assert "Starting Watch it Before: Completed" in browser.open("/").text
    assert "a run is starting" in browser.open("/log").text


def test_a_run_with_a_line_is_not_starting_any_more(starting: Console, browser: Browser) -> None:
    log(starting.installation, "r", status=SyncStatus.RUNNING)
    seen = browser.open("/")
    assert "Running" in seen.text
    assert "Starting" not in seen.text
    ledger = browser.open(f"{RUN}/ledger")
    assert "The run is under way, and its ledger is there once it has made its plan." in ledger.text
    log(starting.installation, "r", updated=8)
    assert "Starting" not in browser.open("/").text


def test_a_run_in_the_queue_of_a_dead_daemon_says_so(
    center_on_disk: Center, starting: Console, browser: Browser, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    center_on_disk.instance.add_run(dg.DagsterRun(job_name="x", run_id="q", status=dg.DagsterRunStatus.NOT_STARTED))
    monkeypatch.setattr(Console, "look_at_dagster", lambda self: replace(RUNS_NOT, webserver=True))
    browser.open("/")
    seen = browser.open(f"{HERE}/runs/q")
    assert "Dagster's daemon is not running, so this run does not begin until it does." in seen.text


RUNS_NOT = Engine(webserver=False, daemon=False)


def test_a_run_that_dagster_dropped_is_in_the_log(
    center: Center, console: Console, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody opened its line, and the daemon's sensor may not have looked yet."""
    center.integrate()
    center.drop(logins(PLAIN))
    monkeypatch.setattr("integration_center.console.engine.find_webserver", lambda settings, timeout: object())
    job = center.definitions().resolve_job_def("logins_to_leads")
    tags = {**job.tags, "dagster/partition": "2026-11-24"}
    run = center.instance.create_run_for_job(job, tags=tags)
    center.instance.report_run_failed(run, "the code location is gone")
    console.engine.read(patience=60.0)  # a page waits a second for the look at Dagster; a busy machine takes longer
    seen = browser.open("/")
    assert "the code location is gone" in seen.text
    assert "Failed" in seen.text
