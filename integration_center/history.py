"""Completes the log of syncs from Dagster's own history: runs that died, or failed before update_set began.

Failures leave no asset event in open-source Dagster, but every run that means to plan or push plans that
materialization when it is created; that is the cross-check.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import dagster as dg

from integration_center.insights.catalogue import report_slug
from integration_center.installation import Installation
from integration_center.integration import Environment, IntegrationSpec
from integration_center.processes import is_gone
from integration_center.translator import (
    ENVIRONMENT_TAG,
    PROCESS_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    TRIGGER_TAG,
    push_key,
    report_key,
    update_set_key,
)

RUNS_LOOKED_AT = 50
KILLED = "the process of this run was killed; the next run on the object settles what it left"
DIED = "the run ended without finishing this sync; see its log in the Dagster UI"


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
            error = failure_of(instance, sync.run_id, sync.slug, sync.report) or DIED
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
    """Add the line of a finished run that never opened one."""
    run = instance.get_run_by_id(run_id)
    if run is None or not run.is_finished:
        return
    keys = partition_keys | {run.tags.get(tag, "") for tag in (RANGE_START_TAG, RANGE_END_TAG)}
    days = sorted(date.fromisoformat(key) for key in keys if key)
    if not days:
        return
    tag = run.tags.get(ENVIRONMENT_TAG)
    report = spec.report if spec else ""
    installation.syncs.open(
        run_id,
        slug,
        name=spec.name if spec else slug,
        environment=spec.environment if spec else Environment(tag) if tag else None,
        report=report,
        object=spec.object if spec else "",
        partition_start=days[0],
        partition_end=days[-1],
        triggered_by=run.tags.get(TRIGGER_TAG, "user"),
    )
    installation.syncs.fail_open(run_id, slug, failure_of(instance, run_id, slug, report) or DIED)


def failure_of(instance: dg.DagsterInstance, run_id: str, slug: str, report: str) -> str | None:
    """What the first failed step of this integration said, without its stack; None when none of its steps failed.

    A run may carry several integrations, so the steps of the others are passed over.
    """
    keys = [update_set_key(slug), push_key(slug), *([report_key(report_slug(report))] if report else [])]
    steps = {key.to_python_identifier() for key in keys}
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.dagster_event
        if event is None or (event.step_key or "").partition(".")[0] not in steps:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if said := failed_checks(instance, run_id, keys):
            return said
        if data.error:
            return data.error.message.strip()
    return None


def failed_checks(instance: dg.DagsterInstance, run_id: str, keys: list[dg.AssetKey]) -> str:
    """What the blocking checks that failed on these assets said; empty when none did."""
    said = []
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records:
        event = record.event_log_entry.dagster_event
        evaluation = event.asset_check_evaluation_data if event else None
        if evaluation and evaluation.asset_key in keys and evaluation.blocking and not evaluation.passed:
            said.append(f"{evaluation.asset_key.to_user_string()}: {evaluation.description}")
    return "; ".join(said)
