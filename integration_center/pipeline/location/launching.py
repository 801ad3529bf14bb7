"""Runs a job in this process, and waits for one that Dagster runs.

A run launched over GraphQL (see `webserver`) can be re-executed from the UI; one executed here cannot, but is in the
same history.
"""

import time
from collections.abc import Callable

import dagster as dg

from integration_center.database.engine import build_engine, kept_open
from integration_center.database.processes import this_process
from integration_center.database.server import outlast_restarts
from integration_center.errors import ConfigurationError
from integration_center.integration_files.places import find_folder
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.assembly import build_job
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.settings import Settings, held_settings

QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}
"""The run's events are in its history. The terminal shows our own summary."""


def run_here(
    request: RunRequest, settings: Settings, instance: dg.DagsterInstance, run_id: str | None = None
) -> tuple[str, bool]:
    """Execute in this process, on `instance`; the run id (the one given, if any), and whether the run succeeded."""
    job = build_job(find_folder(settings), request.job)
    held = {PROCESS_TAG: this_process()}  # from the first moment on: a run that is killed must be known as one
    one_day = request.days is not None and request.days[0] == request.days[1]
    with held_settings(settings), kept_open(build_engine(settings.database)):
        result = job.execute_in_process(
            instance=instance,
            partition_key=request.days[0].isoformat() if request.days and one_day else None,
            tags=(request.tags if one_day else request.all_tags) | held,
            run_config={**(request.run_config or {}), "loggers": QUIET},
            asset_selection=list(request.assets) or None,
            run_id=run_id,
            raise_on_error=False,
        )
    return result.run_id, result.success


def wait_for(
    instance: dg.DagsterInstance, run_id: str, on_wait: Callable[[dg.DagsterRunStatus], None], *, poll: float = 0.3
) -> bool:
    """Wait until a launched run has ended; whether it succeeded. A database server that is restarted ends no wait."""
    outlast_restarts()
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise ConfigurationError(f"run {run_id} is not in this DAGSTER_HOME; was it deleted?")
        if run.is_finished:
            return run.status is dg.DagsterRunStatus.SUCCESS
        on_wait(run.status)
        time.sleep(poll)
