"""A run that did not end by itself says in our log why, in a sentence for people."""

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError, DagsterUserCodeUnreachableError
from dagster._core.events import EngineEventData
from dagster_shared.error import SerializableErrorInfo

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.installation import open_installation
from integration_center.pipeline.runs.run_endings import explain_ending
from integration_center.pipeline.steps import applying
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.wording.remedies import say
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, Ran, logins
from salesforce_emulator.faults import HttpFault

SLUG = "logins_to_leads"


@pytest.fixture
def example(center: Center) -> Center:
    center.integrate()
    center.drop(logins(PLAIN))
    return center


def interrupt(center: Center, monkeypatch: pytest.MonkeyPatch, *, asked: str | None) -> Ran:
    """Run, and stop it as Dagster stops a run: in the middle of the push, after somebody asked for it or not."""

    def stop(step: SyncStep, *_: object) -> None:
        if asked is not None:
            center.instance.report_run_canceling(step.context.run, asked or None)
        raise DagsterExecutionInterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(applying, "send_updates", stop)
        return center.run()


@pytest.mark.proof
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "cancelled in the Dagster UI"),
        (
            "Canceling due to exceeding maximum runtime of 6 seconds.",
            "Dagster ended the run: Canceling due to exceeding maximum runtime of 6 seconds.",
        ),
        (None, "stopped by Ctrl-C or a signal; run it again: the next run finds out what was written"),
    ],
    ids=["a person", "Dagster", "a signal"],
)
def test_a_run_that_was_stopped_says_by_whom(
    example: Center, monkeypatch: pytest.MonkeyPatch, asked: str | None, said: str
) -> None:
    ran = interrupt(example, monkeypatch, asked=asked)
    sync = example.sync(ran)
    assert not ran.success
    assert (sync.status, sync.error) == (SyncStatus.FAILED, said)
    assert example.run().success  # neither the lease nor the journal blocks the next one


def test_a_job_without_a_day_asks_for_one_and_is_in_the_log(example: Center) -> None:
    for assets in ([], ["logins_to_leads/update_set"], ["logins_to_leads/push"]):
        job = example.definitions().resolve_job_def(SLUG)
        result = job.execute_in_process(
            instance=example.instance,
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets] or None,
            raise_on_error=False,
        )
        assert not result.success
        latest = example.history()[SLUG]
        assert latest.run_id == result.run_id
        assert (latest.error or "").startswith("choose a day"), latest.error


@pytest.mark.parametrize(
    ("step", "path"), [("update_set", "*/describe"), ("push", "*/composite")], ids=["plan", "push"]
)
def test_a_step_that_fails_counts_the_calls_it_made(example: Center, step: str, path: str) -> None:
    refused = '[{"errorCode": "API_DISABLED_FOR_ORG", "message": ""}]'
    example.emulator.sandbox.faults.add(HttpFault("respond", path, times=None, status=403, body=refused))
    ran = example.run()
    assert not ran.success
    assert example.sync(ran).api_calls == len(example.emulator.sandbox.calls) > 0


def whole_log(center: Center) -> tuple[SyncRecord, ...]:
    """All lines, after the log was completed from Dagster's history."""
    center.history()
    with open_installation() as installation:
        return installation.syncs.history()


def create_run(center: Center) -> dg.DagsterRun:
    job = center.definitions().resolve_job_def(SLUG)
    return center.instance.create_run_for_job(job, tags={"dagster/partition": YESTERDAY.isoformat()})


def test_a_run_that_dagster_dropped_or_lost_says_so_with_dagsters_reason(example: Center) -> None:
    unreachable = SerializableErrorInfo(
        "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach user code server\n", [], ""
    )
    dropped, lost, unstarted, cancelled = (create_run(example) for _ in range(4))
    instance = example.instance
    instance.report_engine_event(
        "Caught an unrecoverable error while dequeuing the run", dropped, EngineEventData.engine_error(unreachable)
    )
    instance.report_run_failed(dropped)
    instance.report_run_failed(lost, "Detected run worker status UNKNOWN: the process is gone")
    instance.report_run_failed(unstarted, "Run timed out due to taking longer than 180 seconds to start.")
    instance.report_run_canceling(cancelled, "Canceling run from the queue.")
    instance.report_run_canceled(cancelled)

    said = {
        run.run_id: say(explain_ending(instance, run, SLUG, "logins")).text
        for run in (dropped, lost, unstarted, cancelled)
    }

    assert said[dropped.run_id] == (
        "Dagster ended the run: Caught an unrecoverable error while dequeuing the run"
        f" (dagster._core.errors.{DagsterUserCodeUnreachableError.__name__}: Could not reach user code server)"
    )
    assert said[lost.run_id] == "Dagster ended the run: Detected run worker status UNKNOWN: the process is gone"
    assert said[unstarted.run_id].endswith("taking longer than 180 seconds to start.")
    assert said[cancelled.run_id] == "cancelled in the Dagster UI"
    assert {sync.run_id: sync.error for sync in whole_log(example)} == said


def test_a_run_that_was_deleted_is_named_as_such(example: Center) -> None:
    assert explain_ending(example.instance, None, SLUG, "logins") == (
        "the run was deleted in Dagster before it finished this sync"
    )


def test_a_hostile_tag_of_a_run_stops_no_log(center: Center) -> None:
    center.write("broken", "type: nowhere.Integration\n")
    job = center.definitions().resolve_job_def("broken")
    tags = {"dagster/partition": YESTERDAY.isoformat(), "salesforce_environment": "<script>"}
    result = job.execute_in_process(
        instance=center.instance, partition_key=YESTERDAY.isoformat(), tags=tags, raise_on_error=False
    )
    assert not result.success
    assert center.history()["broken"].environment is None
