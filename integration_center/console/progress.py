"""How far a run has come, from our own tables; Dagster is asked only while they do not know yet."""

from dataclasses import dataclass
from enum import StrEnum

import dagster as dg

from integration_center.console.dagster import bury_killed_runs, close_dead_lines, find_stored_status
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ServiceUnavailable
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.progress import estimate_left
from integration_center.wording.remedies import START_IT

STARTING = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
WAITING = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED}
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Stage(StrEnum):
    """What a run does, in order."""

    QUEUED = "Waiting in the queue"
    STARTING = "Starting"
    REPORT = "Getting the report"
    PLAN = "Reading the org and making the plan"
    PUSH = "Sending the changes"
    ENDED = "Ended"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        sync: its line in the log; None before there is one.
        done: records sent; total: records to send, None before there is a plan.
        left: seconds until all are sent, at the pace so far; None while that cannot be known.
        warning: why this may not be the newest; None when all is well.
    """

    stage: Stage
    sync: SyncRecord | None
    done: int = 0
    total: int | None = None
    warning: str | None = None
    left: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.stage is Stage.ENDED


def watch(console: Console, slug: str, spec: IntegrationSpec | None, run_id: str) -> Progress | None:
    """How far the run has come; None when neither we nor Dagster know it."""
    syncs = console.installation.syncs
    sync = syncs.get(run_id, slug)
    if sync is not None and sync.status is not SyncStatus.RUNNING:
        return Progress(Stage.ENDED, sync)
    webserver = console.find_dagster()
    try:
        status = webserver.status(run_id) if webserver else find_stored_status(console, run_id)
        if webserver and status is dg.DagsterRunStatus.STARTED:
            bury_killed_runs(console)
            status = webserver.status(run_id)
    except ServiceUnavailable:
        webserver, status = None, find_stored_status(console, run_id)
    if status in ENDED or (webserver and status is None):
        # Dagster has ended it: what its line lacks is in Dagster's own history.
        close_dead_lines(console, slug, spec)
        sync = syncs.get(run_id, slug)
        if sync is not None and sync.status is not SyncStatus.RUNNING:
            return Progress(Stage.ENDED, sync)
        if sync is None:
            return None if status is None else Progress(Stage.ENDED, None)
    return _describe(console, sync, webserver, status)


def _describe(
    console: Console, sync: SyncRecord | None, webserver: Webserver | None, status: dg.DagsterRunStatus | None
) -> Progress | None:
    """The stage of a run that has not ended."""
    warning = None if webserver else "Dagster does not answer just now; this is what our own log knows."
    engine = console.engine.read()
    if engine is not None and not engine.daemon and status in WAITING:
        warning = f"Dagster's daemon is not running, so this run does not begin until it does. {START_IT}"
    if status is dg.DagsterRunStatus.CANCELING:
        warning = "It is being cancelled: the call under way is finished and noted first."
    if sync is None:
        if status is None:
            return None
        if status in ENDED:
            return Progress(Stage.ENDED, None, warning=warning)
        stage = Stage.QUEUED if status is dg.DagsterRunStatus.QUEUED else Stage.REPORT
        return Progress(Stage.STARTING if status in STARTING else stage, None, warning=warning)
    if sync.plan_id is None:
        return Progress(Stage.PLAN, sync, warning=warning)
    planned = sync.counts.get("lines", {}).get("planned", 0)
    done, total = console.installation.syncs.progress(sync.run_id, sync.slug) or (0, planned)
    seconds = (console.now() - sync.applied_at).total_seconds() if sync.applied_at else 0.0
    left = estimate_left(done / total if total else None, seconds)
    return Progress(Stage.PUSH, sync, done, total, warning, left)
