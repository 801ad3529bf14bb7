"""What a push left in doubt is found out by the next run on the object, and the old ledger is completed."""

import dagster as dg
import polars as pl
import pytest

from integration_center import push
from integration_center.history import complete_log
from integration_center.installation import open_installation
from integration_center.processes import this_process
from integration_center.syncs import SyncStatus
from integration_center.translator import PROCESS_TAG
from integration_center_tests.dagster_side.center import PLAIN, Center, logins


@pytest.fixture
def planned(center: Center) -> Center:
    center.integrate()
    center.drop(logins(PLAIN))
    return center


def outcomes(lines: pl.DataFrame) -> dict[str, int]:
    return dict(lines["outcome"].cast(pl.String).value_counts().iter_rows())


def test_a_push_cut_off_before_its_ledger_is_completed_by_the_next_run(
    planned: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(push, "complete", break_off)
        first = planned.run()
    assert not first.success
    assert outcomes(planned.ledger(first)) == {"planned": len(PLAIN)}

    second = planned.run()

    assert second.success, second.error
    assert outcomes(planned.ledger(second)) == {"unchanged": len(PLAIN)}
    assert outcomes(planned.ledger(first)) == {"updated": len(PLAIN)}
    assert planned.sync(first).counts["lines"] == {"updated": len(PLAIN)}
    assert planned.sync(first).status is SyncStatus.FAILED


def test_what_never_arrived_is_unprocessed(planned: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as broken:
        # The chunk is in the journal, and its request never goes out.
        broken.setattr("integration_center.salesforce.collections._post_many", break_off)
        broken.setattr("integration_center.salesforce.collections._post_one", break_off)
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
