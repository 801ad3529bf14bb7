"""How far a run has come, from our own tables; Dagster is asked only while they do not know yet."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

import dagster as dg

from integration_center.access.audit import Action, AuditEntry
from integration_center.console.dagster import close_dead_lines, end_killed_runs, find_stored_status
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ServiceUnavailable
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.progress import Phase, Seen, estimate_left, say_count
from integration_center.wording.remedies import START_IT

STARTING = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
WAITING = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED}
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Stage(StrEnum):
    """What a run does, in order; most do all of it."""

    QUEUED = "Waiting in the queue"
    STARTING = "Starting"
    REPORT = "Getting the report"
    PLAN = "Reading the org and making the plan"
    PUSH = "Sending the changes"
    ENDED = "Ended"


LEFT_OUT: Mapping[Action, Set[Stage]] = {
    Action.PLANNED: {Stage.PUSH},
    Action.UNDID: {Stage.REPORT},
    Action.RETRIED: {Stage.REPORT},
    Action.RELEASED: {Stage.REPORT, Stage.PLAN},
}
"""The stages that a run does not have, by what somebody pressed."""

COUNTED = {
    Phase.READ: (Stage.REPORT, "read"),
    Phase.ORG_READ: (Stage.PLAN, "of the org read"),
    Phase.MATCH: (Stage.PLAN, "matched"),
    Phase.COMPARE: (Stage.PLAN, "compared"),
    Phase.SEND: (Stage.PUSH, "sent"),
}
"""The phases whose rows or records are shown: at which stage, and what was done with them."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        sync: its line in the log; None before there is one.
        counts: what was counted at each stage, such as "1,200 of 4,300 records sent".
        now: what is counted just now; None while nothing is.
        part: the share of that which is done, from 0 to 1; None when unknown.
        left: seconds until all of it is done, at the pace so far; None while that cannot be known.
        warning: why this may not be the newest; None when all is well.
        stages: the stages that the run has, in order, without the end.
    """

    stage: Stage
    sync: SyncRecord | None
    warning: str | None = None
    counts: Mapping[Stage, Sequence[str]] = field(default_factory=dict)
    now: str | None = None
    part: float | None = None
    left: float | None = None
    stages: Sequence[Stage] = ()

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
            end_killed_runs(console)
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
    progress = _describe(console, sync, webserver, status)
    if progress is None or progress.ended:
        return progress
    stages = list_stages(sync, console.installation.audit.of_run(run_id, slug))
    # A stage that the run does not have is over at once.
    ahead = [*Stage][[*Stage].index(progress.stage) :]
    stage = next((stage for stage in stages if stage in ahead), stages[-1])
    return _count(console, replace(progress, stage=stage, stages=stages), run_id, slug)


def list_stages(sync: SyncRecord | None, entry: AuditEntry | None) -> Sequence[Stage]:
    """List the stages that a run has, in order, without the end.

    Args:
        sync: its line in the log; None before there is one.
        entry: its entry in the audit log; None when it has none.
    """
    acted = entry.action if entry else None
    if sync:
        kinds = {Action.UNDID: sync.undoes, Action.RETRIED: sync.retries, Action.RELEASED: sync.releases}
        acted = next((action for action, earlier in kinds.items() if earlier), acted)
    left_out = LEFT_OUT.get(acted, set()) if acted else set()
    return [stage for stage in Stage if stage is not Stage.ENDED and stage not in left_out]


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
    return Progress(Stage.PLAN if sync.plan_id is None else Stage.PUSH, sync, warning)


def _count(console: Console, progress: Progress, run_id: str, slug: str) -> Progress:
    """Add the numbers that the run's steps have noted, on this host or another, and those sent."""
    installation = console.installation
    steps = installation.progress.read(run_id, slug) or installation.shared_progress.read(run_id, slug)
    noted = {seen.phase: (step, seen) for step in steps for seen in step.seen}
    sending = _find_sent(console, progress.sync) if progress.sync and progress.stage is Stage.PUSH else None
    counts: dict[Stage, list[str]] = {}
    for phase, (stage, done) in COUNTED.items():
        seen = sending if phase is Phase.SEND else noted[phase][1] if phase in noted else None
        if seen and (said := say_count(seen)):
            counts.setdefault(stage, []).append(f"{said} {done}")
    progress = replace(progress, counts=counts)
    if sending and progress.sync:
        applied_at = progress.sync.applied_at
        seconds = (console.now() - applied_at).total_seconds() if applied_at else 0.0
        return _show(progress, sending, seconds)
    working = next((step for step in reversed(steps) if not step.ended), None)
    found = noted.get(working.now) if working else None
    if working and found and COUNTED.get(working.now, (None,))[0] is progress.stage:
        return _show(progress, found[1], working.seconds(working.now, console.now()))
    return progress


def _find_sent(console: Console, sync: SyncRecord) -> Seen:
    """The records sent, of those to send."""
    planned = sync.lines.get("planned", 0)
    done, total = console.installation.syncs.progress(sync.run_id, sync.slug) or (0, planned)
    return Seen(Phase.SEND, done, total)


def _show(progress: Progress, seen: Seen, seconds: float) -> Progress:
    """Add what is counted just now, which has lasted for some seconds."""
    said = say_count(seen)
    return replace(
        progress,
        now=f"{said} {COUNTED[seen.phase][1]}" if said else None,
        part=seen.part,
        left=estimate_left(seen.part, seconds),
    )
