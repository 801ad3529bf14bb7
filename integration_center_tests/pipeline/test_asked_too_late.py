"""A run that is asked to end after its last record was sent is Completed, in our log and in Dagster."""

import os
import signal

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from integration_center.database.sync_records import SyncStatus
from integration_center.pipeline.assets import push
from integration_center.pipeline.steps.stopping import finishing_first, require_not_asked
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.test_fencing import after_first


def ask_to_end() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_log_and_dagster_say_the_same_of_a_push_that_was_all_sent(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    after_first(monkeypatch, push, "store_ledger", ask_to_end)
    ran = center.run()
    assert [center.lead(number)[COUNT] for number in PLAIN] == [7 + number for number in PLAIN]
    assert center.sync(ran).status is SyncStatus.COMPLETED
    run = center.instance.get_run_by_id(ran.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    newest = center.instance.get_latest_materialization_event(dg.AssetKey(["logins_to_leads", "push"]))
    assert newest is not None, "a backfill of missing days does not run it again"
    assert newest.run_id == ran.run_id


def test_no_other_step_of_that_run_begins() -> None:
    with finishing_first("late") as finish:
        ask_to_end()
        finish.completed = True
    with pytest.raises(DagsterExecutionInterruptedError):
        require_not_asked("late")
    require_not_asked("another")


def test_a_push_that_is_not_completed_is_interrupted() -> None:
    with pytest.raises(DagsterExecutionInterruptedError), finishing_first("early"):
        ask_to_end()
    require_not_asked("early")
