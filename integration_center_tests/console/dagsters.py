"""Dagsters for the console to speak to: one that runs in this process, and a real webserver's GraphQL."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import uvicorn
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceLoadTarget

from integration_center.errors import ServiceUnavailable
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import RunLog, Webserver
from integration_center.pipeline.location.launching import run_here
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import Center


@dataclass(frozen=True)
class OwnDagster(Webserver):
    """Launches runs in this process, each to its end; says of them what Dagster's instance says."""

    center: Center = field(kw_only=True)
    launched: list[RunRequest] = field(default_factory=list)
    reloads: list[None] = field(default_factory=list)

    def launch(self, request: RunRequest) -> str:
        self.launched.append(request)
        run_id, _ = run_here(request, read_settings(), self.center.instance)
        return run_id

    def status(self, run_id: str) -> dg.DagsterRunStatus | None:
        run = self.center.instance.get_run_by_id(run_id)
        return run.status if run else None

    def log(self, run_id: str, after: str | None = None, *, limit: int = 500) -> RunLog | None:
        raise ServiceUnavailable("the Dagster webserver does not answer")

    def reload(self) -> None:
        self.reloads.append(None)


class ThreadLauncher(SyncInMemoryRunLauncher):
    """Launches runs to their end in a thread of their own: a web server's own has an event loop."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "ThreadLauncher":
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        thread = threading.Thread(target=super().launch_run, args=(context,))
        thread.start()
        thread.join()


@contextmanager
def serve_dagster(instance: dg.DagsterInstance, target: WorkspaceLoadTarget | None = None) -> Iterator[Webserver]:
    """Dagster's own webserver over an instance. Without code locations, its history can be asked for."""
    from dagster_webserver.app import create_app_from_workspace_process_context  # takes as long as a sync

    with WorkspaceProcessContext(instance, target or EmptyWorkspaceTarget()) as context:
        app = create_app_from_workspace_process_context(context)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Webserver(f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join()
