"""Completes the log of syncs from Dagster's own history: runs that died, or failed before update_set began.

Failures leave no asset event in open-source Dagster, but every run that means to plan or push plans that
materialization when it is created; that is the cross-check.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from integration_center.installation import Installation
from integration_center.integration import Environment, IntegrationSpec
from integration_center.processes import is_gone
from integration_center.run_audit import note_run
from integration_center.run_endings import explain_ending
from integration_center.translator import (
    BY_USER,
    ENVIRONMENT_TAG,
    PROCESS_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    TRIGGER_TAG,
    last_full_day,
    push_key,
    update_set_key,
)

RUNS_LOOKED_AT = 50
KILLED = "the process of this run was killed; the next run on the object settles what it left"


def complete_log(
    instance: dg.DagsterInstance, installation: Installation, specs: Mapping[str, IntegrationSpec | None]
) -> None:
    """Close the lines whose runs have ended, and add those of runs that failed before their line was opened.

    Args:
        instance: Dagster's.
        installation: ours.
        specs: the integrations by slug; None for a broken one.
    """
    fail_killed_runs(instance)
    for sync in installation.syncs.running():
        run = instance.get_run_by_id(sync.run_id)
        if run is None or run.is_finished:
            error = explain_ending(instance, run, sync.slug, sync.report)
            installation.syncs.fail_open(sync.run_id, sync.slug, error)
    for slug, spec in specs.items():
        for run_id, days in planned_runs(instance, slug).items():
            if installation.syncs.get(run_id, slug) is None:
                add_missing_line(instance, installation, slug, spec, run_id, days)


def fail_killed_runs(instance: dg.DagsterInstance) -> None:
    """Fail the runs whose process was killed: Dagster would call them started, and keep their places, for ever."""
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    for run in instance.get_runs(going):
        process = run.tags.get(PROCESS_TAG)
        parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
        # A re-execution has its parent's tags until its own first step begins.
        inherited = parent is not None and parent.tags.get(PROCESS_TAG) == process
        if process and not inherited and is_gone(process):
            instance.report_run_failed(run, KILLED)


def planned_runs(instance: dg.DagsterInstance, slug: str) -> dict[str, set[str]]:
    """The newest runs that meant to plan or push the integration, with their partition keys."""
    runs: dict[str, set[str]] = defaultdict(set)
    for key in (update_set_key(slug), push_key(slug)):
        for record in instance.fetch_planned_materializations(key, limit=RUNS_LOOKED_AT).records:
            runs[record.run_id].add(record.partition_key or "")
    return runs


def add_missing_line(
    instance: dg.DagsterInstance,
    installation: Installation,
    slug: str,
    spec: IntegrationSpec | None,
    run_id: str,
    partition_keys: set[str],
) -> None:
    """Add the line of a finished run that never opened one, and its entry in the audit log."""
    run = instance.get_run_by_id(run_id)
    if run is None or not run.is_finished:
        return
    environment = spec.environment if spec else read_environment(run.tags.get(ENVIRONMENT_TAG))
    note_run(instance, installation.audit, run_id, slug, environment=environment)
    keys = partition_keys | {run.tags.get(tag, "") for tag in (RANGE_START_TAG, RANGE_END_TAG)}
    # A run without a day stands under the newest one: its sentence asks for a day.
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


def read_environment(tag: str | None) -> Environment | None:
    """The environment that a run's tag names; None for any other text: whoever launches a run may tag it."""
    return next((environment for environment in Environment if environment.value == tag), None)
