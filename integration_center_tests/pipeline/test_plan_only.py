"""`INTEGRATION_CENTER_PLAN_ONLY`: runs end with the plan, and nothing can be written, by whatever way."""

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import UNDO
from integration_center_tests.pipeline.center import PLAIN, Center, logins

PUSH = dg.AssetKey(["logins_to_leads", "push"])


def test_a_run_ends_with_its_plan(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    monkeypatch.setenv("INTEGRATION_CENTER_PLAN_ONLY", "1")
    run = center.run()
    assert run.success, run.error
    sync = center.sync(run)
    assert (sync.status, sync.counts["lines"]) == (SyncStatus.PLANNED, {"planned": 2})
    assert center.writes() == []
    assert center.instance.get_latest_materialization_event(PUSH) is None
    monkeypatch.delenv("INTEGRATION_CENTER_PLAN_ONLY")
    assert center.run().success
    assert center.instance.get_latest_materialization_event(PUSH) is not None


@pytest.mark.proof
def test_nothing_is_undone(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    pushed = center.run()
    center.emulator.sandbox.calls.clear()
    monkeypatch.setenv("INTEGRATION_CENTER_PLAN_ONLY", "1")
    config = {"run_id": pushed.run_id, "slug": "logins_to_leads"}
    result = (
        center.definitions()
        .resolve_job_def(UNDO.job(Environment.SANDBOX))
        .execute_in_process(
            instance=center.instance,
            run_config={"ops": {UNDO.op(Environment.SANDBOX): {"config": config}}},
            raise_on_error=False,
        )
    )
    assert not result.success
    assert "INTEGRATION_CENTER_PLAN_ONLY is set" in str(center.failures(result.run_id, center.instance))
    assert center.writes() == []
