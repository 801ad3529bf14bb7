"""A run whose steps have a process each, as Dagster's own executors make them: it lives on between two of them."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import execute_run
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from integration_center import build_integration_defs
from integration_center.database.processes import this_process
from integration_center.errors import ObjectBusy
from integration_center.installation import open_installation
from integration_center.pipeline.names import PARTITION_TAG, PROCESS_TAG
from integration_center.pipeline.runs.history import fail_killed_runs
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, logins

SLUG = "logins_to_leads"
READ_BY = ("database.leases", "database.workers", "pipeline.runs.history")


class Apart(InProcessExecutor):
    """Executes the steps here, and calls a function between the two that share an object."""

    def __init__(self, between: Callable[[str], None]) -> None:
        super().__init__(RetryMode.DISABLED)
        self.between = between

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        for event in super().execute(plan_context, execution_plan):
            yield event
            if event.is_step_success and event.step_key == f"{SLUG}__update_set":
                self.between(plan_context.run_id)


def test_a_run_lives_on_between_the_processes_of_its_steps(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    seen: list[dg.DagsterRunStatus] = []

    def between(run_id: str) -> None:
        with monkeypatch.context() as ended, open_installation() as installation:
            for module in READ_BY:
                ended.setattr(f"integration_center.{module}.is_gone", lambda process: process == this_process())
            fail_killed_runs(center.instance, installation)
            run = center.instance.get_run_by_id(run_id)
            assert run is not None
            seen.append(run.status)
            with pytest.raises(ObjectBusy):
                installation.leases.take(
                    center.emulator.sandbox.org.profile.org_id, "Lead", "another", is_finished=lambda run: False
                )

    @dg.executor(name="apart")
    def apart(context: dg.InitExecutorContext) -> Apart:
        return Apart(between)

    project = dg.Definitions.merge(dg.Definitions(executor=apart), build_integration_defs({SLUG: EXAMPLE}))
    job = project.resolve_job_def(SLUG)
    run = center.instance.create_run_for_job(job, tags={PARTITION_TAG: YESTERDAY.isoformat()})
    execute_run(InMemoryJob(job), run, center.instance)

    assert seen == [dg.DagsterRunStatus.STARTED]
    ended = center.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.SUCCESS
    assert ended.tags[PROCESS_TAG] != this_process()
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]
