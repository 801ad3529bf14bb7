"""Completes the log of syncs from Dagster's own history: runs that died, or failed before update_set began.

Failures leave no asset event in open-source Dagster, but every run that means to push plans its materialization when
it is created; that is the cross-check.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from integration_center.installation import Installation
from integration_center.integration import Environment, IntegrationSpec
from integration_center.translator import ENVIRONMENT_TAG, TRIGGER_TAG, push_key

RUNS_LOOKED_AT = 50
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
    for sync in installation.syncs.running():
        run = instance.get_run_by_id(sync.run_id)
        if run is None or run.is_finished:
            installation.syncs.fail_open(sync.run_id, sync.slug, failure_of(instance, sync.run_id) or DIED)
    for slug, spec in specs.items():
        planned = instance.fetch_planned_materializations(push_key(slug), limit=RUNS_LOOKED_AT)
        days: dict[str, list[str]] = {}
        for record in planned.records:
            days.setdefault(record.run_id, []).append(record.partition_key or "")
        for run_id, keys in days.items():
            add_missing_line(instance, installation, slug, spec, run_id, keys)


def add_missing_line(
    instance: dg.DagsterInstance,
    installation: Installation,
    slug: str,
    spec: IntegrationSpec | None,
    run_id: str,
    partition_keys: list[str],
) -> None:
    """Add the line of a finished run that never opened one."""
    run = instance.get_run_by_id(run_id)
    if run is None or not run.is_finished or installation.syncs.get(run_id, slug) is not None:
        return
    days = sorted(date.fromisoformat(key) for key in partition_keys if key)
    if not days:
        return
    tag = run.tags.get(ENVIRONMENT_TAG)
    installation.syncs.open(
        run_id,
        slug,
        name=spec.name if spec else slug,
        environment=spec.environment if spec else Environment(tag) if tag else None,
        report=spec.report if spec else "",
        object=spec.object if spec else "",
        partition_start=days[0],
        partition_end=days[-1],
        triggered_by=run.tags.get(TRIGGER_TAG, "user"),
    )
    installation.syncs.fail_open(run_id, slug, failure_of(instance, run_id) or DIED)


def failure_of(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """What the first failed step of a run said, without its stack; None when none failed."""
    failures = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    for record in failures:
        event = record.event_log_entry.dagster_event
        data = event.step_failure_data if event else None
        if data is None:
            continue
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            return data.error.message.strip()
    return None
