"""Which plan a run may push: its own or that of the run it re-executes, not held, not stale, for the connected org.

The push judges the plan itself, because a blocking check protects only inside its own run.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl

from integration_center.database.sync_records import Counts, SyncStatus
from integration_center.errors import PlanHeld, PlanMissing, PlanStale
from integration_center.pipeline.names import BACKFILL_TAG, PARENT_RUN_TAG, RANGE_START_TAG
from integration_center.pipeline.steps.one_org import require_planned_org
from integration_center.pipeline.steps.sync_step import SyncStep

FRESH = timedelta(hours=6)
"""How long after the org was read a plan may still be pushed."""

TOGETHER = "Materialize update_set and push together: a push sends only the plan of its own run"


@dataclass(frozen=True)
class OwnPlan:
    """The plan that this run may push.

    Attributes:
        run_id: the run that noted it: this one, or the one this re-executes.
        fingerprint: of the integration and of the fields it names, when the plan was made.
        counts: of its lines and rows, by outcome.
        api_calls: used to make it.
        read_at: when the org was read, UTC.
        waiting: whether it waits for approval.
    """

    plan_id: str
    run_id: str
    org_id: str | None
    fingerprint: str | None
    counts: Counts
    api_calls: int
    read_at: datetime
    waiting: bool = False

    @property
    def report_rows(self) -> int:
        """Rows of the report it accounts for."""
        return sum(self.counts["rows"].values())


def find_plan(step: SyncStep) -> OwnPlan:
    """The plan of this run, or of the run that it re-executes, or of the one which that re-executes, and so on.

    Raises:
        PlanMissing: there is none.
        PlanHeld: a limit holds it.
        PlanStale: the org was read too long ago.
    """
    run: dg.DagsterRun | None = step.context.run
    plan = None
    while run is not None and (plan is None or plan.plan_id is None):
        plan = step.installation.syncs.get(run.run_id, step.slug)
        parent = run.tags.get(PARENT_RUN_TAG)
        run = step.context.instance.get_run_by_id(parent) if parent else None
    if plan is None or plan.plan_id is None or plan.read_at is None:
        raise PlanMissing(f"{step.slug}: this run made no plan. {TOGETHER}")
    if plan.held:
        raise PlanHeld(f"{step.slug}: the plan is held: {plan.held}")
    waiting = plan.status is SyncStatus.WAITING
    if waiting and plan.run_id != step.run_id:
        raise PlanHeld(
            f"{step.slug}: the plan waits for approval",
            command=f"release it by `integration-center release {plan.run_id}`",
        )
    age = datetime.now(UTC) - plan.read_at
    if age > FRESH:
        raise PlanStale(f"{step.slug}: the org was read {age} ago, and a plan is good for {FRESH}. {TOGETHER}")
    return OwnPlan(
        plan.plan_id,
        plan.run_id,
        plan.org_id,
        plan.describe_hash,
        plan.counts,
        plan.api_calls,
        plan.read_at,
        waiting,
    )


def check_own(step: SyncStep, plan: OwnPlan, lines: pl.LazyFrame) -> None:
    """Check that the lines loaded are the plan's, and that the account is of the org it was made for.

    Raises:
        PlanMissing: another run has replaced them.
        WrongOrg: another org is connected now.
    """
    require_planned_org(step.account, plan.org_id)
    if lines.select((pl.col("plan_id") != plan.plan_id).any()).collect().item():
        raise PlanMissing(f"{step.slug}: another run has made a newer plan for this day. {TOGETHER}")


def take_days(step: SyncStep, plan: OwnPlan) -> bool:
    """Keep the days of a plan of events beside the ledger of this run, which may re-execute another one's plan.

    Returns:
        Whether the plan is of events: its rows were judged key by key when it was made.
    """
    ledgers = step.installation.ledgers
    kept = ledgers.kept_days(plan.run_id, step.slug)
    if plan.run_id != step.run_id:
        for day, file in kept.items():
            ledgers.keep_day(step.run_id, step.slug, day, file)
    return bool(kept)


def check_newest(step: SyncStep, plan: OwnPlan) -> None:
    """Check that a plan of events knows all that the integration has written: nothing was pushed since it was made.

    Raises:
        PlanStale: another plan was pushed since.
    """
    for sync in step.installation.syncs.pushed(step.slug, step.account.org_id):
        pushed_at = sync.applied_at or sync.ended_at
        if sync.plan_id != plan.plan_id and (pushed_at is None or pushed_at > plan.read_at):
            raise PlanStale(
                f"{step.slug}: run {sync.run_id} pushed after this plan was made, so rows of the plan may be older than"
                f" what the org holds now. {TOGETHER}"
            )


def newer_day(step: SyncStep, *, allow_stale: bool) -> date | None:
    """The newer day of a snapshot that was pushed already and makes this one superseded; None when there is none.

    Raises:
        PlanStale: outside a backfill, where superseding would go unseen.
    """
    newest = step.installation.syncs.newest_pushed_day(step.slug, environment=step.spec.environment)
    day = step.days[-1]
    if allow_stale or newest is None or newest <= day:
        return None
    if {BACKFILL_TAG, RANGE_START_TAG} & step.context.run.tags.keys():
        return newest
    raise PlanStale(
        f"{step.slug}: {day} is older than {newest}, which was pushed already, and would overwrite newer values;"
        " if that is meant, set `allow_stale: true` in the run config of push (--allow-stale on the command line)"
    )
