"""`<slug>/push`: the sink op sends the plan of its own run and completes the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil

import dagster as dg
import polars as pl

from integration_center.checks import build_push_checks, report_push
from integration_center.errors import PlanHeld, PlanMissing, PlanStale, SyncFailed
from integration_center.integration import IntegrationSpec
from integration_center.journal import JobJournal
from integration_center.metadata import (
    describe_counts,
    describe_failures,
    describe_fields,
    describe_usage,
    link_jobs,
    trace_push,
)
from integration_center.salesforce.org import Org
from integration_center.salesforce.push import forecast_calls, push_updates
from integration_center.sync.ledger import complete, count_lines, count_rows, hold, planned_updates, supersede
from integration_center.sync.limits import run_status
from integration_center.sync.outcomes import Outcome
from integration_center.sync_step import SyncStep, sync_step
from integration_center.syncs import SyncStatus
from integration_center.translator import (
    BACKFILL_TAG,
    DAYS,
    ONE_RUN,
    PARENT_RUN_TAG,
    RANGE_START_TAG,
    asset_tags,
    object_key,
    owners,
    pool,
    push_key,
    resource_key,
    update_set_key,
)

FRESH = timedelta(hours=6)
"""How long after the org was read a plan may still be pushed."""

TOGETHER = "Materialize update_set and push together: a push sends only the plan of its own run"


class PushConfig(dg.Config):
    """Run config of a push.

    Attributes:
        allow_stale: push a day although a newer one was pushed already.
    """

    allow_stale: bool = False


def build_push(slug: str, spec: IntegrationSpec) -> dg.AssetsDefinition:
    """The graph-backed asset whose sink op sends one integration's plan."""
    key = push_key(slug)
    checks = build_push_checks(key)
    op_name = f"{slug}__send"

    @dg.op(
        name=op_name,
        description=f"Sends the planned lines to {spec.object} and completes the ledger.",
        out={"result": dg.Out(dg.Nothing), **{check.name: dg.Out(dg.Nothing) for check in checks}},
        required_resource_keys={"installation", resource_key(spec.environment)},
        pool=pool(spec),
        tags={"kind": "salesforce"},
    )
    def send(
        context: dg.OpExecutionContext, config: PushConfig, update_set: pl.DataFrame
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        with sync_step(context, slug, spec) as step:
            yield from send_plan(step, update_set, allow_stale=config.allow_stale)

    @dg.config_mapping
    def flat_config(config: PushConfig) -> dict[str, object]:
        return {op_name: {"config": {"allow_stale": config.allow_stale}}}

    @dg.graph_asset(
        key=key,
        ins={"update_set": dg.AssetIn(update_set_key(slug))},
        description=f"Sends the plan of {spec.name!r} to {spec.object} in {spec.environment.title}.",
        group_name=slug,
        kinds={"salesforce"},
        tags=asset_tags(spec),
        owners=owners(spec),
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        config=flat_config,
        check_specs=checks,
    )
    def push(update_set: pl.DataFrame) -> dict[str, object]:
        result, *evaluations = send(update_set)
        return {"result": result} | {
            check.get_python_identifier(): evaluation for check, evaluation in zip(checks, evaluations, strict=True)
        }

    return push


@dataclass(frozen=True)
class OwnPlan:
    """The plan that this run may push.

    Attributes:
        run_id: the run that made it: this one, or the one this re-executes.
        report_rows: rows of the report it accounts for.
        api_calls: used to make it.
    """

    plan_id: str
    run_id: str
    org_id: str | None
    report_rows: int
    api_calls: int


def find_plan(step: SyncStep) -> OwnPlan:
    """The plan of this run, or of the run that it re-executes.

    Raises:
        PlanMissing: there is none, or it was applied already.
        PlanHeld: a limit holds it.
        PlanStale: the org was read too long ago.
    """
    syncs = step.installation.syncs
    parent = step.context.run.tags.get(PARENT_RUN_TAG)
    plan = syncs.get(step.run_id, step.slug)
    if (plan is None or plan.plan_id is None) and parent:
        plan = syncs.get(parent, step.slug)
    if plan is None or plan.plan_id is None or plan.read_at is None:
        raise PlanMissing(f"{step.slug}: this run made no plan. {TOGETHER}")
    if plan.held:
        raise PlanHeld(f"{step.slug}: the plan is held: {plan.held}")
    age = datetime.now(UTC) - plan.read_at
    if age > FRESH:
        raise PlanStale(f"{step.slug}: the org was read {age} ago, and a plan is good for {FRESH}. {TOGETHER}")
    return OwnPlan(plan.plan_id, plan.run_id, plan.org_id, sum(plan.counts["rows"].values()), plan.api_calls)


def check_own(step: SyncStep, plan: OwnPlan, lines: pl.DataFrame) -> None:
    """Check that the lines loaded are the plan's, for the org that is connected now.

    Raises:
        PlanMissing: another run has replaced them, or another org is connected.
    """
    if (lines.get_column("plan_id") != plan.plan_id).any():
        raise PlanMissing(f"{step.slug}: another run has made a newer plan for this day. {TOGETHER}")
    if plan.org_id != step.account.org_id:
        raise PlanMissing(f"{step.slug}: the plan was made for another org than the one connected now. {TOGETHER}")


def newer_day(step: SyncStep, *, allow_stale: bool) -> date | None:
    """The newer day that was pushed already and makes this one superseded; None when there is none.

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


def short_of_calls(step: SyncStep, org: Org, records: int) -> str | None:
    """Why the push would leave the org fewer API calls than the reserve; None when it would not.

    The org's own count comes with every answer, so this costs no call once the org was asked anything.
    """
    if not records:
        return None
    usage = org.session.usage
    if usage.daily_max is None:
        org.limits()
        usage = org.session.usage
    if usage.daily_left is None or usage.daily_max is None:
        return None
    forecast = forecast_calls(records)
    reserve = ceil(usage.daily_max * step.installation.settings.api_reserve / 100)
    if usage.daily_left - forecast >= reserve:
        return None
    return (
        f"the org has {usage.daily_left:,} API calls left today, this push needs about {forecast:,}, and {reserve:,}"
        f" ({step.installation.settings.api_reserve:g} %, INTEGRATION_CENTER_API_RESERVE) are kept for others"
    )


def send_updates(step: SyncStep, org: Org, journal: JobJournal, updates: pl.DataFrame) -> pl.DataFrame:
    """Send the updates, with progress in the run's log; the Results frame."""
    account = step.account
    schema = org.describe(step.spec.object)

    def show_progress(done: int, total: int) -> None:
        step.context.log.info(f"sent {done:,} of {total:,}")
        step.installation.leases.renew(account.org_id, step.spec.object, step.run_id)

    return push_updates(org, schema, updates, journal=journal, progress=show_progress)


def send_plan(
    step: SyncStep, lines: pl.DataFrame, *, allow_stale: bool
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """Judge the plan, send it, store the ledger, and end the sync.

    Raises:
        PlanError: the plan may not be pushed, or the outcome breaks a limit of the integration.
    """
    plan = find_plan(step)
    if plan.run_id != step.run_id:
        step.open()
    check_own(step, plan, lines)
    if newest := newer_day(step, allow_stale=allow_stale):
        lines = supersede(lines, f"{newest} was pushed already")
    journal = JobJournal(
        step.installation.engine,
        step.account.org_id,
        step.spec.object,
        step.run_id,
        step.slug,
        plan.plan_id,
    )
    with step.connect() as org:
        updates = planned_updates(lines)
        if short := short_of_calls(step, org, updates.height):
            lines = hold(lines, short)
        elif updates.height:
            if not step.installation.syncs.apply(plan.run_id, step.slug):
                raise PlanMissing(f"{step.slug}: the plan was applied already. {TOGETHER}")
            lines = complete(lines, send_updates(step, org, journal, updates))
        usage, instance_url = org.session.usage, org.session.instance_url
    step.installation.ledgers.write(step.run_id, step.slug, lines)
    journal.ledger_stored()
    by_line, by_row = count_lines(lines), count_rows(lines)
    calls = usage.calls + plan.api_calls
    verdict, reason = run_status(by_line, step.spec.limits, superseded=newest is not None)
    status = SyncStatus(verdict)
    step.installation.syncs.close(
        step.run_id,
        step.slug,
        status=status,
        counts={"lines": by_line.as_dict(), "rows": by_row.as_dict()},
        error=reason,
        api_calls=calls,
    )
    step.release_lease()
    step.context.log.info(f"{status.value}: {describe_counts(by_line)}")
    step.context.log_event(
        dg.AssetObservation(
            object_key(step.spec.environment, step.spec.object),
            metadata={"integration": step.slug, "updated": by_line[Outcome.UPDATED], "run_id": step.run_id},
        )
    )
    yield dg.Output(
        None,
        "result",
        metadata={
            "outcomes": by_line.as_dict(),
            "rows": by_row.as_dict(),
            "status": status.value,
            "api_calls_of_the_sync": calls,
            "failures": describe_failures(lines),
            "dagster/column_schema": describe_fields(lines),
            "dagster/column_lineage": trace_push(step.slug, step.spec),
            "ledger": dg.MetadataValue.path(step.installation.ledgers.path(step.run_id, step.slug)),
            **link_jobs(lines, instance_url),
            **describe_usage(usage),
        },
    )
    yield from report_push(push_key(step.slug), lines, plan.report_rows)
    if status is SyncStatus.FAILED:
        raise SyncFailed(f"{step.slug}: {reason}")
