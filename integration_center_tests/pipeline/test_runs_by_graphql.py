"""What a person does with a run in the Dagster UI: re-executes it, terminates it, or starts it without a day."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.installation import open_installation
from integration_center.pipeline.names import PARTITION_TAG
from integration_center.pipeline.runs.run_endings import CANCELLED_BY
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.graphql import GraphQL, open_graphql

SLUG = "logins_to_leads"
DAY = {PARTITION_TAG: YESTERDAY.isoformat()}
RE_EXECUTE = """
mutation Again($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId stepKeysToExecute } }
    ... on PythonError { message }
  }
}
"""
TERMINATE = "mutation End($run: String!) { terminateRun(runId: $run) { __typename } }"


@pytest.fixture
def graphql(center: Center) -> Iterator[GraphQL]:
    """Dagster's GraphQL over the example, which writes three records a call."""
    center.integrate(batch_size=3)
    center.drop(logins(PLAIN))
    with open_graphql(center) as graphql:
        yield graphql


def re_execute(graphql: GraphQL, run_id: str, strategy: str) -> dg.DagsterRun:
    """Re-execute a run as the UI does, and wait until it is over."""
    answer = graphql.execute(RE_EXECUTE, {"params": {"parentRunId": run_id, "strategy": strategy}})
    launched: Any = answer["launchRunReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    graphql.workspace.instance.launch_run(launched["run"]["runId"], graphql.workspace.create_request_context())
    return read_run(graphql, launched["run"]["runId"])


def read_run(graphql: GraphQL, run_id: str) -> dg.DagsterRun:
    run = graphql.workspace.instance.get_run_by_id(run_id)
    assert run is not None
    return run


def launch(graphql: GraphQL) -> dg.DagsterRun:
    answer = graphql.launch(SLUG, {}, DAY)
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return read_run(graphql, answer["run"]["runId"])


def counts(run: dg.DagsterRun) -> dict[str, int]:
    """What became of the records of a run, in our log."""
    with open_installation() as installation:
        sync = installation.syncs.get(run.run_id, SLUG)
    assert sync is not None
    return dict(sync.counts["lines"])


def stop_in_push(graphql: GraphQL, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterRun:
    """A run that a person terminates after its first call."""

    def interrupt(*_: object) -> None:
        graphql.workspace.instance.report_run_canceling(graphql.runs[0], message=f"{CANCELLED_BY}ann")
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr("integration_center.salesforce.write.collections.COLLECTIONS_A_CALL", 1)
    with monkeypatch.context() as patched:
        patched.setattr(SyncLog, "note_progress", interrupt)
        return launch(graphql)


def is_written(center: Center) -> bool:
    return all(center.lead(number)[COUNT] == 7 + number for number in PLAIN)


@pytest.mark.proof
def test_from_failure_a_push_goes_on_and_sends_nothing_twice(
    center: Center, graphql: GraphQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = stop_in_push(graphql, monkeypatch)
    assert stopped.status is dg.DagsterRunStatus.CANCELED
    with open_installation() as installation:
        sync = installation.syncs.get(stopped.run_id, SLUG)
    assert sync
    assert (sync.status, sync.error) == (SyncStatus.FAILED, "cancelled in the console by ann")
    assert len(center.writes()) == 1
    again = re_execute(graphql, stopped.run_id, "FROM_FAILURE")
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert again.step_keys_to_execute == [f"{SLUG}__push.{SLUG}__send"]
    assert counts(stopped) == {"updated": 3, "unprocessed": len(PLAIN) - 3}
    assert counts(again) == {"unchanged": 3, "updated": len(PLAIN) - 3}
    assert is_written(center)
    assert len(center.writes()) == 3


@pytest.mark.proof
def test_all_steps_of_a_stopped_run_plan_again_and_send_the_rest(
    center: Center, graphql: GraphQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = stop_in_push(graphql, monkeypatch)
    center.let_time_pass()
    again = re_execute(graphql, stopped.run_id, "ALL_STEPS")
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert counts(again) == {"unchanged": 3, "updated": len(PLAIN) - 3}
    assert is_written(center)


@pytest.mark.proof
def test_all_steps_of_a_completed_run_write_nothing(center: Center, graphql: GraphQL) -> None:
    first = launch(graphql)
    assert first.status is dg.DagsterRunStatus.SUCCESS
    written = len(center.writes())
    center.let_time_pass()
    again = re_execute(graphql, first.run_id, "ALL_STEPS")
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert counts(again) == {"unchanged": len(PLAIN)}
    assert len(center.writes()) == written


@pytest.mark.proof
def test_a_terminated_run_holds_no_other_up(center: Center, graphql: GraphQL, monkeypatch: pytest.MonkeyPatch) -> None:
    queued = graphql.queue(SLUG, {}, DAY)["run"]["runId"]
    ended = graphql.execute(TERMINATE, {"run": queued})["terminateRun"]
    assert ended["__typename"] == "TerminateRunSuccess", ended
    assert read_run(graphql, queued).status is dg.DagsterRunStatus.CANCELED
    stop_in_push(graphql, monkeypatch)
    center.let_time_pass()
    assert launch(graphql).status is dg.DagsterRunStatus.SUCCESS
    assert is_written(center)
    with open_installation() as installation:
        assert not installation.syncs.running()


@pytest.mark.proof
def test_a_run_without_a_day_says_that_one_is_to_be_chosen(center: Center, graphql: GraphQL) -> None:
    answer = graphql.launch(SLUG, {}, {})
    run = read_run(graphql, answer["run"]["runId"])
    assert run.status is dg.DagsterRunStatus.FAILURE
    texts = center.failures(run.run_id, graphql.workspace.instance).values()
    assert any("choose a day" in text for text in texts), texts
    assert center.writes() == []
    with open_installation() as installation:
        assert not installation.syncs.running()
    assert launch(graphql).status is dg.DagsterRunStatus.SUCCESS
