"""What a push left in doubt is found out by the next run on the object, and the old ledger is completed."""

import dagster as dg
import polars as pl
import pytest

from integration_center.database.processes import this_process
from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.installation import open_installation
from integration_center.pipeline.names import PARENT_RUN_TAG, PROCESS_TAG
from integration_center.pipeline.runs.history import complete_log, fail_killed_runs
from integration_center.pipeline.steps import applying
from integration_center_tests.pipeline.center import PLAIN, Center, logins


@pytest.fixture
def planned(center: Center) -> Center:
    center.integrate()
    center.drop(logins(PLAIN))
    return center


GONE = '[{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]'


def break_off(*_: object, **__: object) -> None:
    """As a full disk or a bug would."""
    raise OSError("no space left on device")


def outcomes(lines: pl.DataFrame) -> dict[str, int]:
    return dict(lines["outcome"].cast(pl.String).value_counts().iter_rows())


def test_a_push_cut_off_before_its_ledger_is_completed_by_the_next_run(
    planned: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(applying, "completing", break_off)
        first = planned.run()
    assert not first.success
    assert outcomes(planned.ledger(first)) == {"planned": len(PLAIN)}

    second = planned.run()

    assert second.success, second.error
    assert outcomes(planned.ledger(second)) == {"unchanged": len(PLAIN)}
    assert outcomes(planned.ledger(first)) == {"updated": len(PLAIN)}
    assert planned.sync(first).counts["lines"] == {"updated": len(PLAIN)}
    assert planned.sync(first).status is SyncStatus.FAILED


@pytest.mark.proof
def test_what_never_arrived_is_unprocessed(planned: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        # The chunk is in the journal, and its request never goes out.
        broken.setattr("integration_center.salesforce.write.collections._post_many", break_off)
        broken.setattr("integration_center.salesforce.write.collections._post_one", break_off)
        first = planned.run()
    assert not first.success

    second = planned.run()

    assert outcomes(planned.ledger(second)) == {"updated": len(PLAIN)}
    assert outcomes(planned.ledger(first)) == {"unprocessed": len(PLAIN)}


def test_a_run_whose_process_was_killed_is_failed_in_dagster_too(planned: Center) -> None:
    """Dagster itself would call such a run started, and keep its place in the queue, for ever."""
    job = planned.definitions().resolve_job_def("logins_to_leads")
    gone = this_process().rsplit("/", 2)[0] + "/999999999/1"
    run = planned.instance.create_run_for_job(job, tags={PROCESS_TAG: gone}, status=dg.DagsterRunStatus.STARTED)
    going = planned.instance.create_run_for_job(
        job, tags={PROCESS_TAG: this_process()}, status=dg.DagsterRunStatus.STARTED
    )
    with open_installation() as installation:
        complete_log(planned.instance, installation, {})
    statuses = {known.run_id: known.status for known in planned.instance.get_runs()}
    assert statuses[run.run_id] is dg.DagsterRunStatus.FAILURE
    assert statuses[going.run_id] is dg.DagsterRunStatus.STARTED


@pytest.mark.proof
def test_a_re_execution_that_is_cut_off_leaves_a_ledger_of_its_own(
    planned: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned.run(assets=["insights/logins", "logins_to_leads/update_set"])
    with monkeypatch.context() as broken:
        broken.setattr(applying, "completing", break_off)
        cut = planned.run(assets=["logins_to_leads/push"], tags={PARENT_RUN_TAG: plan.run_id})
    assert not cut.success

    assert planned.run().success

    assert outcomes(planned.ledger(cut)) == {"updated": len(PLAIN)}
    assert planned.sync(cut).org_id == planned.emulator.sandbox.org.profile.org_id


@pytest.mark.proof
def test_counts_are_corrected_when_the_line_could_not_be_closed(
    planned: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(SyncLog, "close", break_off)
        first = planned.run()
    assert outcomes(planned.ledger(first)) == {"updated": len(PLAIN)}

    assert planned.run().success

    assert planned.sync(first).counts["lines"] == {"updated": len(PLAIN)}


@pytest.mark.proof
def test_result_files_that_are_refused_stop_no_later_run(planned: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 0)
    with monkeypatch.context() as broken:
        broken.setattr(applying, "completing", break_off)
        first = planned.run()
    for results in ("successfulResults", "failedResults", "unprocessedrecords"):
        planned.emulator.sandbox.faults.respond(
            404, f"*/{results}*", times=20, body=GONE, content_type="application/json"
        )

    second = planned.run()

    assert second.success, second.error
    assert outcomes(planned.ledger(first)) == {"updated": len(PLAIN)}


def test_a_re_execution_is_not_taken_for_its_killed_parent(center: Center) -> None:
    """Dagster gives it the parent's tags, until its own first step says which process it is."""
    center.integrate()
    job = center.definitions().resolve_job_def("logins_to_leads")
    tags = {PROCESS_TAG: this_process().rsplit("/", 2)[0] + "/999999999/1"}
    parent = center.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.FAILURE)
    again = center.instance.create_run_for_job(
        job, tags=tags, status=dg.DagsterRunStatus.STARTED, parent_run_id=parent.run_id, root_run_id=parent.run_id
    )

    with open_installation() as installation:
        fail_killed_runs(center.instance, installation)

    statuses = {run.run_id: run.status for run in center.instance.get_runs()}
    assert statuses[again.run_id] is dg.DagsterRunStatus.STARTED
