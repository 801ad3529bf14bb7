"""Notes in the audit log what started a run, where the one who started it has not noted it already.

The console and the command line note their runs with their ids. All others (schedules, backfills, the Dagster UI) are
noted by the run itself. Tags alone prove nothing: the person who launches a run may set any. So a schedule, sensor or
backfill is named only where Dagster's own records say that it made the run.
"""

import getpass
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import RunRecord

from integration_center.access.audit import COMMAND_LINE, Action, AuditEntry, AuditLog
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import (
    BACKFILL_TAG,
    BY_USER,
    PARENT_RUN_TAG,
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    TRIGGER_TAG,
    push_key,
)

DAGSTER = "Dagster"
"""The place of what Dagster starts, and of who uses its UI."""
SOMEBODY = "Dagster UI or API"
"""Dagster has no users, so nobody knows who it was."""
SCHEDULE_TAG, SENSOR_TAG, TICK_TAG = "dagster/schedule_name", "dagster/sensor_name", "dagster/tick"
RETRIED_AS_TAG = "dagster/auto_retry_run_id"
INSTIGATORS = {InstigatorType.SCHEDULE: SCHEDULE_TAG, InstigatorType.SENSOR: SENSOR_TAG}
CAUGHT_UP = timedelta(days=7)
"""How long after its time a schedule may still start a run."""


@dataclass(frozen=True)
class Origin:
    """What started a run.

    Attributes:
        who: a schedule, sensor or backfill, an operating-system user, or `SOMEBODY`.
        where: `DAGSTER` or `COMMAND_LINE`.
        detail: what else is known.
    """

    who: str
    where: str
    detail: str | None = None


def note_run(
    instance: dg.DagsterInstance,
    audit: AuditLog,
    run_id: str,
    slug: str,
    *,
    environment: Environment | None,
    acted: tuple[Action, str] | None = None,
) -> None:
    """Note a run of an integration, unless it is noted already; a step that is tried again notes nothing twice.

    Args:
        instance: Dagster's.
        audit: our audit log.
        run_id: the run.
        slug: the integration.
        environment: where it writes, if that is known.
        acted: what the run does and about what, where it is neither a run of the integration nor a plan.

    Raises:
        ConfigurationError, TransientError: the database cannot be written.
    """
    if audit.has_run(run_id, slug):
        return
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return
    origin = find_origin(instance, record)
    run = Action.RAN if means_to_push(instance, run_id, slug) else Action.PLANNED
    action, what = acted or (run, name_days(record.dagster_run))
    about = [what, origin.detail]
    audit.record_run_once(
        AuditEntry(
            at=record.create_timestamp,
            who=origin.who,
            where=origin.where,
            action=action,
            environment=environment,
            slug=slug,
            detail="; ".join(filter(None, about)) or None,
            run_id=run_id,
        )
    )


def means_to_push(instance: dg.DagsterInstance, run_id: str, slug: str) -> bool:
    """Whether a run was made to push the integration, or only to plan it."""
    planned = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return any(record.asset_key == push_key(slug) for record in planned.records)


def find_origin(instance: dg.DagsterInstance, record: RunRecord) -> Origin:
    """Find what started a run, as far as Dagster's own records prove it."""
    run = record.dagster_run
    backfill, parent = run.tags.get(BACKFILL_TAG), run.tags.get(PARENT_RUN_TAG)
    if backfill and has_backfill(instance, backfill, record):
        return Origin(f"backfill {backfill}", DAGSTER)
    for kind, tag in INSTIGATORS.items():
        name = run.tags.get(tag)
        if name and has_tick(instance, kind, name, record):
            return Origin(f"{kind.value.lower()} {name}", DAGSTER)
    again = f"re-execution of run {parent}" if parent else None
    retried = instance.get_run_by_id(parent) if parent else None
    if retried is not None and retried.tags.get(RETRIED_AS_TAG) == run.run_id:
        return Origin("automatic retry", DAGSTER, again)
    if run.remote_job_origin is None:  # executed by the process that made it, which is this one
        return Origin(getpass.getuser(), COMMAND_LINE, again)
    return Origin(SOMEBODY, DAGSTER, again or name_claims(run))


def has_backfill(instance: dg.DagsterInstance, backfill_id: str, record: RunRecord) -> bool:
    """Whether there is such a backfill, and it was going on when the run was made."""
    backfill = instance.get_backfill(backfill_id)
    if backfill is None:
        return False
    made, ended = record.create_timestamp.timestamp(), backfill.backfill_end_timestamp
    return backfill.backfill_timestamp <= made and (ended is None or made <= ended)


def has_tick(instance: dg.DagsterInstance, kind: InstigatorType, name: str, record: RunRecord) -> bool:
    """Whether a tick of this schedule or sensor made the run, or may just be making it.

    Dagster notes the runs of a tick when the tick is over, and the first of them may have begun by then.
    """
    if instance.schedule_storage is None:
        return False
    run_id, tick_id = record.dagster_run.run_id, record.dagster_run.tags.get(TICK_TAG)
    since = (record.create_timestamp - CAUGHT_UP).timestamp()
    states = [state for state in instance.all_instigator_state(instigator_type=kind) if state.name == name]
    return any(
        run_id in tick.run_ids or tick.status is TickStatus.STARTED
        for state in states
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since)
        if str(tick.tick_id) == tick_id
    )


def name_days(run: dg.DagsterRun) -> str | None:
    """`2026-11-22`, or `2026-11-20..2026-11-22`; None when the run has no partition."""
    first, last = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    if first and last:
        return first if first == last else f"{first}..{last}"
    return run.tags.get(PARTITION_TAG)


def name_claims(run: dg.DagsterRun) -> str | None:
    """What the tags of a run say of its origin, without proof; None when they say nothing."""
    tags = (SCHEDULE_TAG, SENSOR_TAG, BACKFILL_TAG, TRIGGER_TAG)
    # Each job of an integration brings `triggered_by: user` itself.
    claims = [f"{tag}={run.tags[tag]}" for tag in tags if run.tags.get(tag, BY_USER) != BY_USER]
    return f"not proven: {', '.join(claims)}" if claims else None
