"""Dagster's GraphQL on a test's installation, without a server: what the UI and any other client can send."""

import asyncio
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from integration_center.pipeline.instance.code_locations import LOCATION
from integration_center.pipeline.instance.webserver import LAUNCH
from integration_center_tests.pipeline.center import Center


@cache
def read_schema() -> Any:
    """Dagster's schema. To import it takes as long as a sync, so workers that ask nothing of it leave it alone."""
    from dagster_graphql.schema import create_schema

    return create_schema()


@dataclass(frozen=True)
class GraphQL:
    """Dagster's GraphQL, as its web server answers it.

    Attributes:
        location: the name of its code location.
    """

    workspace: WorkspaceProcessContext
    location: str = LOCATION

    @property
    def runs(self) -> Sequence[dg.DagsterRun]:
        """All runs that Dagster knows."""
        return self.workspace.instance.get_runs()

    def execute(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of an answer without errors."""
        context = self.workspace.create_request_context()
        result = asyncio.run(read_schema().execute_async(query, variables=dict(variables or {}), context=context))
        assert result.errors is None, result.errors
        return result.data

    def launch(
        self,
        job: str,
        run_config: Mapping[str, Any],
        tags: Mapping[str, str],
        assets: Sequence[Sequence[str]] = (),
    ) -> Any:
        """What Dagster answers to a launch; the run it queued is over then, too."""
        answer = self.queue(job, run_config, tags, assets)
        if answer["__typename"] == "LaunchRunSuccess":
            self.workspace.instance.launch_run(answer["run"]["runId"], self.workspace.create_request_context())
        return answer

    def queue(
        self,
        job: str,
        run_config: Mapping[str, Any],
        tags: Mapping[str, str],
        assets: Sequence[Sequence[str]] = (),
    ) -> Any:
        """What Dagster answers to a launch, with the run still in its queue."""
        params = {
            "selector": {
                "repositoryLocationName": self.location,
                "repositoryName": "__repository__",
                "jobName": job,
                "assetSelection": [{"path": list(path)} for path in assets] or None,
            },
            "runConfigData": dict(run_config),
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        return self.execute(LAUNCH, {"params": params})["launchRun"]


IN_THIS_PROCESS = """
run_launcher:
  module: dagster._core.launcher.sync_in_memory_run_launcher
  class: SyncInMemoryRunLauncher
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
"""


OURS = LoadableTargetOrigin(module_name="integration_center.definitions")


@contextmanager
def open_graphql(center: Center, target: LoadableTargetOrigin = OURS, location: str = LOCATION) -> Iterator[GraphQL]:
    """GraphQL on the installation's definitions as they are now; its Dagster history is in files.

    Args:
        center: the installation.
        target: what the code location loads.
        location: how the code location is called.
    """
    config = center.home / "dagster.yaml"
    config.write_text(config.read_text(encoding="utf-8") + IN_THIS_PROCESS, encoding="utf-8")
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=location)
    with (
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),  # Dagster's own
        dg.DagsterInstance.from_config(str(center.home)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        yield GraphQL(workspace, location)
