"""Completes the log of syncs from Dagster's own history: runs that died, or failed before update_set began.

Failures leave no asset event in open-source Dagster, so the failed runs themselves are looked at: which integrations
they meant to run, and whether the log has their lines.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

import dagster as dg

from integration_center.database.processes import BETWEEN_STEPS, is_gone
from integration_center.database.sync_records import SyncStatus
from integration_center.insights.source import last_full_day
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.pipeline.names import (
    BY_USER,
    ENVIRONMENT_TAG,
    PARTITION_TAG,
    PROCESS_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    RELEASE,
    RETRY,
    TRIGGER_TAG,
    UNDO,
    push_key,
    update_set_key,
)
from integration_center.pipeline.runs.run_audit import note_run
from integration_center.pipeline.runs.run_endings import explain_ending, read_events
from integration_center.pipeline.unended_runs import INTEGRATION_TAG

RUNS_LOOKED_AT = 500
"""Failed runs, the newest first, that are looked at for lines that were never opened."""
OWN_JOBS = frozenset({UNDO.tag, RELEASE.tag, RETRY.tag})
"""The tags of runs that have one step, which is ours."""
UNNOTED = (
    "the sync of this run was finished, but Dagster could not note its last events; the log of syncs has its result"
)
KILLED = "the process of this run was killed; the next run on the object settles what it left"
WAITING = (dg.DagsterRunStatus.NOT_STARTED,)
GOING = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING, *WAITING)
FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def complete_log(
    instance: dg.DagsterInstance,
    installation: Installation,
    specs: Mapping[str, IntegrationSpec | None],
    *,
    run_id: str | None = None,
    since: datetime | None = None,
) -> None:
    """Close the lines whose runs have ended, and add those of runs that failed before their line was opened.

    Takes a few queries, however long the history and however many the integrations, and some more for each line that
    is closed or added.

    Args:
        instance: Dagster's.
        installation: ours.
        specs: the integrations by slug; None for a broken one.
        run_id: look for lines that were never opened in this run only.
        since: look for them in runs that failed after this time.
    """
    fail_killed_runs(instance, installation)
    if run_id:
        finish_noting(instance, installation, run_id)
    close_open_lines(instance, installation)
    chosen = dg.RunsFilter(run_ids=[run_id] if run_id else None, statuses=FAILED, updated_after=since)
    failed = instance.get_runs(chosen, limit=RUNS_LOOKED_AT)
    known = installation.syncs.known([run.run_id for run in failed])
    for run in failed:
        for slug in planned_slugs(instance, run, specs):
            if (run.run_id, slug) not in known:
                add_missing_line(instance, installation, slug, specs[slug], run)


def close_open_lines(instance: dg.DagsterInstance, installation: Installation) -> None:
    """Fail the lines that their runs left open when they ended."""
    still_open = installation.syncs.running()
    ids = sorted({sync.run_id for sync in still_open})
    runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
    for sync in still_open:
        run = runs.get(sync.run_id)
        if run is None or run.is_finished:
            error = explain_ending(instance, run, sync.slug, sync.report)
            installation.syncs.fail_open(sync.run_id, sync.slug, error)


def fail_killed_runs(instance: dg.DagsterInstance, installation: Installation, *, unheld: bool = False) -> None:
    """Fail the runs whose process was killed: Dagster would call them started, and keep their places, for ever.

    A run that had finished its sync by then succeeds.

    Args:
        instance: Dagster's.
        installation: ours, which knows the processes on other hosts, and how syncs ended.
        unheld: also those that have not noted a process yet. Only where no Dagster works with this storage.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=GOING)):
        process = run.tags.get(PROCESS_TAG)
        if process == BETWEEN_STEPS:
            process = None
        parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
        # A re-execution has its parent's tags until its own first step begins.
        inherited = parent is not None and parent.tags.get(PROCESS_TAG) == process
        gone = process is not None and (is_gone(process) or installation.workers.is_gone(process))
        if (gone and not inherited) if process else (unheld and run.status not in WAITING):
            # It may have finished after it was listed, and before its process ended. Now it changes no more.
            now = instance.get_run_by_id(run.run_id)
            if now is None or now.status not in GOING:
                continue
            if has_finished_sync(installation, now):
                report_success(instance, now)
            else:
                instance.report_run_failed(now, KILLED)


def has_finished_sync(installation: Installation, run: dg.DagsterRun) -> bool:
    """Return whether the sync of a run has ended, and not failed. A run of several integrations counts as not ended."""
    slug = run.tags.get(INTEGRATION_TAG)
    sync = installation.syncs.get(run.run_id, slug) if slug else None
    return sync is not None and sync.ended_at is not None and sync.status is not SyncStatus.FAILED


def report_success(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note in Dagster that a run succeeded whose end Dagster could not note."""
    kind = dg.DagsterEventType.RUN_SUCCESS
    event = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name, message=UNNOTED)
    instance.report_dagster_event(event, run_id=run.run_id)


def finish_noting(instance: dg.DagsterInstance, installation: Installation, run_id: str) -> None:
    """Let a run succeed that finished its sync, and whose end Dagster could not note.

    A push, undo, release or retry closes its line in the log last. If its step fails after that, its work is not what
    failed. A step of a team's own that fails after a push is another matter.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_success or not has_finished_sync(installation, run):
        return
    push = push_key(run.tags[INTEGRATION_TAG]).to_python_identifier()
    failures = read_events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    failed = [failure.step_key or "" for failure in failures]
    is_ours = bool(run.tags.keys() & OWN_JOBS) or all(step.partition(".")[0] == push for step in failed)
    if is_ours and (failed or not run.is_finished):
        report_success(instance, run)


def planned_slugs(
    instance: dg.DagsterInstance, run: dg.DagsterRun, specs: Mapping[str, IntegrationSpec | None]
) -> set[str]:
    """The integrations among `specs` that a run meant to plan or push.

    The run's own record says so, except for a run of all assets: that one is looked up in the event log.
    """
    slugs = {key: slug for slug in specs for key in (update_set_key(slug), push_key(slug))}
    if run.asset_selection:
        planned: Collection[dg.AssetKey] = run.asset_selection
    elif run.step_keys_to_execute is not None:
        steps = {step.partition(".")[0] for step in run.step_keys_to_execute}
        planned = [key for key in slugs if key.to_python_identifier() in steps]
    elif run.job_name in specs:
        return {run.job_name}
    else:
        events = read_events(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        planned = [event.asset_key for event in events if event.asset_key]
    return {slugs[key] for key in planned if key in slugs}


def add_missing_line(
    instance: dg.DagsterInstance,
    installation: Installation,
    slug: str,
    spec: IntegrationSpec | None,
    run: dg.DagsterRun,
) -> None:
    """Add the line of a failed run that never opened one, and its entry in the audit log."""
    run_id = run.run_id
    environment = spec.environment if spec else read_environment(installation, run.tags.get(ENVIRONMENT_TAG))
    note_run(instance, installation.audit, run_id, slug, environment=environment)
    keys = {run.tags.get(tag, "") for tag in (PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG)}
    # A run without a day is shown under the newest day: its sentence asks for a day.
    days = sorted(date.fromisoformat(key) for key in keys if key) or [last_full_day(datetime.now(UTC))]
    report = spec.report if spec else ""
    installation.syncs.open(
        run_id,
        slug,
        name=spec.name if spec else slug,
        environment=environment,
        report=report,
        object=spec.object if spec else "",
        partition_start=days[0],
        partition_end=days[-1],
        triggered_by=run.tags.get(TRIGGER_TAG, BY_USER),
    )
    installation.syncs.fail_open(run_id, slug, explain_ending(instance, run, slug, report))


def read_environment(installation: Installation, tag: str | None) -> Environment | None:
    """The account that a run's tag names; None for any other text, since anybody who launches a run may tag it."""
    return None if tag is None else installation.accounts.names.find(tag)
