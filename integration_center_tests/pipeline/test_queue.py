"""Dagster's queue with the settings that the project ships."""

import warnings
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from integration_center.pipeline.instance.code_locations import LOCATION
from integration_center.pipeline.names import PARTITION_TAG
from integration_center.settings import FIRST_DAY_FILE
from integration_center.store import home
from integration_center.store.home import SHIPPED as SHIPPED_FILE
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.graphql import GraphQL

SHIPPED = SHIPPED_FILE.read_text(encoding="utf-8")
LAUNCHER = """
run_launcher:
  module: dagster._core.launcher.sync_in_memory_run_launcher
  class: SyncInMemoryRunLauncher
"""


@pytest.mark.proof
def test_a_code_server_that_does_not_answer_once_costs_no_run(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]))
    (center.home / "dagster.yaml").write_text(SHIPPED + LAUNCHER, encoding="utf-8")
    target = LoadableTargetOrigin(module_name="integration_center.definitions")
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=LOCATION)
    with (
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),  # Dagster's own
        dg.DagsterInstance.from_config(str(center.home)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
        QueuedRunCoordinatorDaemon(interval_seconds=1) as daemon,
    ):
        answer = GraphQL(workspace).queue("logins_to_leads", {}, {PARTITION_TAG: YESTERDAY.isoformat()})
        run_id = answer["run"]["runId"]

        def status() -> dg.DagsterRunStatus:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            return run.status

        with monkeypatch.context() as patch:
            patch.setattr(type(instance.run_launcher), "launch_run", unreachable)
            list(daemon.run_iteration(workspace, fixed_iteration_time=1_000.0))
            assert status() is dg.DagsterRunStatus.QUEUED
        list(daemon.run_iteration(workspace, fixed_iteration_time=1_010.0))
        assert status() is dg.DagsterRunStatus.QUEUED
        list(daemon.run_iteration(workspace, fixed_iteration_time=1_031.0))
        assert status() is dg.DagsterRunStatus.SUCCESS


def unreachable(*_: object) -> None:
    raise DagsterUserCodeUnreachableError("the code server did not answer within 60 seconds")


def test_settings_of_an_earlier_version_that_nobody_changed_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = tmp_path / "dagster.yaml", "telemetry:\n  enabled: false\n"
    known = home.SHIPPED_BEFORE | {sha256(before.encode()).hexdigest()}
    monkeypatch.setattr(home, "SHIPPED_BEFORE", known)
    assert sha256(SHIPPED.encode()).hexdigest() not in known
    home.prepare_home(tmp_path)
    assert own.read_text(encoding="utf-8") == SHIPPED
    for text, then in ((before, SHIPPED), (f"# ours\n{before}", f"# ours\n{before}")):
        own.write_text(text, encoding="utf-8")
        home.prepare_home(tmp_path)
        assert own.read_text(encoding="utf-8") == then
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.yaml", FIRST_DAY_FILE}
