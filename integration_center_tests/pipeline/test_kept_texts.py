"""What a code server has sent, and what was written of a run, is not written or read again to queue the run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._api.snapshot_execution_plan import sync_get_external_execution_plan_grpc
from dagster._api.snapshot_job import sync_get_external_job_subset_grpc
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import create_execution_plan
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.remote_representation.external_data import JobDataSnap, RemoteJobSubsetResult
from dagster._core.snap import ExecutionPlanSnapshot, snapshot_from_execution_plan
from dagster._core.snap.execution_plan_snapshot import create_execution_plan_snapshot_id
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.client import DagsterGrpcClient
from dagster_shared.serdes import deserialize_value, serialize_value
from dagster_shared.serdes.utils import hash_str
from sqlalchemy import select

from integration_center.pipeline import known_runs, snapshot_texts
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.known_runs import KnownRuns
from integration_center.settings import read_settings
from integration_center_tests.pipeline.test_queueing import (  # noqa: F401 - a fixture
    JOB,
    drops,
    home_with_history,
    total,
)

MOMENT = datetime(2026, 11, 23, 8, tzinfo=UTC)
ODD = 'said {"__class__": "PipelineSnapshot", "é\\" and more'
"""A text that looks like the beginning of a job."""


LOCATION = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="any"))
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "any"), "odd")


class Answering(DagsterGrpcClient):
    """A client of a code server that answers what it is given."""

    def __init__(self, job: RemoteJobSubsetResult, plan: ExecutionPlanSnapshot) -> None:
        self.job, self.plan = job, plan

    def external_pipeline_subset(self, *_: object, **__: object) -> str:
        """Answer what the job is."""
        return serialize_value(self.job)

    def execution_plan_snapshot(self, *_: object, **__: object) -> str:
        """Answer what the plan is."""
        return serialize_value(self.plan)


def build_job() -> dg.JobDefinition:
    """Build a job whose description is hard to find in a text."""
    job = dg.define_asset_job("odd", [drops, total], description=ODD, tags={"said": ODD})
    return dg.Definitions(assets=[drops, total], jobs=[job]).resolve_job_def("odd")


@pytest.mark.parametrize("with_parent", [False, True])
def test_what_a_code_server_sent_is_named_and_stored_by_its_text(
    home_with_history: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    with_parent: bool,
) -> None:
    job = build_job()
    plan = snapshot_from_execution_plan(create_execution_plan(job), job.get_job_snapshot_id())
    described = JobDataSnap(
        name="odd",
        job=job.get_job_snapshot(),
        active_presets=[],
        parent_job=job.get_job_snapshot() if with_parent else None,
    )
    client = Answering(RemoteJobSubsetResult(success=True, job_data_snap=described), plan)
    written: list[str] = []

    def noting(value: Any) -> str:
        written.append(type(value).__name__)
        return serialize_value(value)

    with open_instance(read_settings()) as instance:
        monkeypatch.setattr(snapshot_texts, "_named", ())
        monkeypatch.setattr(snapshot_texts, "serialize_value", noting)
        answer = sync_get_external_job_subset_grpc(client, ORIGIN, include_parent_snapshot=with_parent)
        assert answer.job_data_snap
        sent = sync_get_external_execution_plan_grpc(client, ORIGIN, {}, job_snapshot_id="any")
        found = answer.job_data_snap.job
        again = sent._replace(steps=list(sent.steps))  # as Dagster builds it
        assert found.snapshot_id == hash_str(serialize_value(found)) == hash_str(serialize_value(described.job))
        assert create_execution_plan_snapshot_id(again) == hash_str(serialize_value(plan))
        assert instance.run_storage.add_job_snapshot(found) == found.snapshot_id
        stored = instance.run_storage.add_execution_plan_snapshot(again)
        assert instance.run_storage.get_execution_plan_snapshot(stored) == plan
        assert instance.run_storage.get_job_snapshot(found.snapshot_id) == found
    assert written == (["JobSnap"] if with_parent else []), "of two jobs in an answer, none is taken for the other"


def test_a_plan_that_dagster_has_changed_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = snapshot_from_execution_plan(create_execution_plan(build_job()), "any")
    sent = snapshot_texts.read_answer(serialize_value(plan), ExecutionPlanSnapshot)
    assert isinstance(sent, ExecutionPlanSnapshot)
    changed = sent._replace(steps=[step._replace(tags={"of": "Dagster"}) for step in sent.steps])
    assert snapshot_texts.write_snapshot(changed) == (hash_str(serialize_value(changed)), serialize_value(changed))


def test_a_queued_run_is_noted_as_dagster_notes_it(home_with_history: Path) -> None:  # noqa: F811
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    found: list[tuple[object, ...]] = []
    with open_instance(read_settings()) as instance:
        store = instance.run_storage
        assert isinstance(store, KnownRuns)
        for note in (KnownRuns.handle_run_event, SqlRunStorage.handle_run_event):
            run = instance.create_run_for_job(job, tags={"dagster/partition": "2026-01-03"}, remote_job_origin=ORIGIN)
            note(store, run.run_id, DagsterEvent.job_enqueue(run), MOMENT)
            note(store, "of nobody", DagsterEvent.job_enqueue(run), MOMENT)
            with store.connect() as connection:
                row = connection.execute(select(RunsTable).where(RunsTable.c.run_id == run.run_id)).mappings().one()
            read = instance.get_run_by_id(run.run_id)
            assert read == deserialize_value(row["run_body"], DagsterRun)
            body = row["run_body"].replace(run.run_id, "the run")
            found.append((body, row["status"], row["update_timestamp"], row["start_time"], row["end_time"]))
    assert found[0] == found[1]
    assert found[0][1] == "QUEUED"


def test_a_run_that_was_written_here_is_not_read_from_its_text(
    home_with_history: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        run = instance.create_run_for_job(job, remote_job_origin=ORIGIN)
        monkeypatch.setattr(known_runs, "deserialize_value", lambda *_: pytest.fail("the run was written here"))
        assert instance.get_run_by_id(run.run_id) == run
        instance.report_dagster_event(DagsterEvent.job_enqueue(run), run.run_id)
        queued = instance.get_run_by_id(run.run_id)
        assert queued is not None
        assert queued.status is dg.DagsterRunStatus.QUEUED
