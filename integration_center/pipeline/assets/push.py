"""`<slug>/push`: the sink op sends the plan of its own run and completes the ledger."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from integration_center.database.journal import JobJournal
from integration_center.database.sync_records import SyncStatus
from integration_center.errors import PlanMissing, PlanStale
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import (
    ALLOW_STALE,
    DAYS,
    FRAMES,
    INSTALLATION,
    ONE_RUN,
    RUN_DISABLED,
    asset_tags,
    owners,
    pool,
    push_key,
    resource_key,
    update_set_key,
)
from integration_center.pipeline.starting.automation import find_condition
from integration_center.pipeline.steps.applying import Applied, end_sync, send_lines, store_ledger
from integration_center.pipeline.steps.checks import build_push_checks, report_push
from integration_center.pipeline.steps.metadata import (
    describe_forecast,
    describe_results,
    describe_usage,
    trace_push,
)
from integration_center.pipeline.steps.one_org import require_one_org
from integration_center.pipeline.steps.people import note_push
from integration_center.pipeline.steps.pushable_plan import (
    TOGETHER,
    OwnPlan,
    check_newest,
    check_own,
    find_plan,
    newer_day,
    take_days,
)
from integration_center.pipeline.steps.step_progress import describe_phases
from integration_center.pipeline.steps.stopping import finishing_first, interruptible
from integration_center.pipeline.steps.sync_step import SyncStep, sync_step
from integration_center.pipeline.steps.written_object import note_object, read_planned_columns
from integration_center.planning.fingerprint import fingerprint
from integration_center.planning.plan import read_fields, read_since
from integration_center.progress import Phase, phase
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.last_look import NAMED, Ground, survey
from integration_center.store.frames import FrameFile, rewrite_frame
from integration_center.store.ledgers import read_outcomes
from integration_center.sync.conflicts import keep_changed, mark_conflicts
from integration_center.sync.ledger import count_outdated, planned_updates, resume, supersede
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import Tally, count_lines
from integration_center.wording.markdown import escape_markdown

PUSH_CONFIG = dg.Field(
    {
        ALLOW_STALE: dg.Field(
            bool,
            default_value=False,
            description="Push a day of a snapshot although a newer one was pushed already."
            " Events are judged key by key.",
        ),
        RUN_DISABLED: dg.Field(
            bool,
            default_value=False,
            description="Push although the integration is switched off (`enabled: false`).",
        ),
    }
)
"""Run config of a push. One schema for all: to infer it of a model for each takes a third of the time of loading."""


def build_push(slug: str, spec: IntegrationSpec) -> dg.AssetsDefinition:
    """The graph-backed asset whose sink op sends one integration's plan."""
    key = push_key(slug)
    checks = build_push_checks(key)
    op_name = f"{slug}__send"

    @dg.op(
        name=op_name,
        config_schema=PUSH_CONFIG,
        description=f"Sends the planned lines to {spec.object} and completes the ledger.",
        # Nothing comes out where the installation makes plans only, and of a plan that waits for approval only its
        # checks: then the run ends well, without a materialization.
        out={
            name: dg.Out(dg.Nothing, is_required=False, io_manager_key=FRAMES)  # a project's own is no need of ours
            for name in ("result", *(check.name for check in checks))
        },
        required_resource_keys={INSTALLATION, resource_key(spec.environment)},
        pool=pool(spec),
        tags={**spec.op_tags, "kind": "salesforce"},
    )
    def send(
        context: dg.OpExecutionContext, update_set: pl.LazyFrame
    ) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        with sync_step(context, slug, spec) as step:
            yield from send_plan(step, update_set, allow_stale=context.op_config[ALLOW_STALE])

    @dg.graph_asset(
        key=key,
        ins={"update_set": dg.AssetIn(update_set_key(slug))},
        automation_condition=find_condition(spec),
        description=f"Sends the plan of '{escape_markdown(spec.name)}' to {spec.object} in {spec.environment.title}.",
        group_name=spec.group or slug,
        kinds={"salesforce", *spec.kinds},
        tags=asset_tags(spec),
        owners=owners(spec),
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        config=dg.ConfigMapping(lambda config: {op_name: {"config": config}}, config_schema=PUSH_CONFIG),
        check_specs=checks,
    )
    def push(update_set: pl.DataFrame) -> dict[str, object]:
        result, *evaluations = send(update_set)
        return {"result": result} | {
            check.get_python_identifier(): evaluation for check, evaluation in zip(checks, evaluations, strict=True)
        }

    return push


def leave_conflicts(step: SyncStep, ground: Ground, lines: pl.LazyFrame, folder: Path) -> FrameFile | None:
    """The lines with those in `conflict` whose record somebody changed since the plan was made; None without any."""
    keys, conflicts = step.spec.key_fields, 0
    records = ground.read_records(lambda part: keep_changed(lines, part, keys, ground.schema))
    if records is None:
        step.context.log.warning(
            f"{step.spec.object} does not tell when its records change: changes since the plan go unseen"
        )
    if records is None or records.is_empty():
        return None

    def mark(part: pl.DataFrame) -> pl.DataFrame:
        nonlocal conflicts
        settled = mark_conflicts(part, records, keys, ground.schema)
        conflicts += count_lines(settled)[Outcome.CONFLICT]
        return settled

    settled = rewrite_frame(lines, mark, folder / "settled.parquet")
    step.context.log.warning(f"records that were changed since the plan was made, and are left alone: {conflicts:,}")
    return settled


def find_rest(step: SyncStep, plan: OwnPlan, lines: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    """The lines still to be settled: those of the plan, or what an earlier push of the same plan left.

    Called with the lease held and unfinished work settled, so that no other run pushes the plan meanwhile.

    Raises:
        PlanMissing: the ledger of the earlier push is gone, or that push was undone.
    """
    earlier = step.installation.syncs.latest_push(step.slug, plan.plan_id)
    if earlier is None:
        return lines
    ledger = step.installation.ledgers.file(earlier.run_id, step.slug)
    pushed_by = f"{step.slug}: run {earlier.run_id}, which pushed the plan,"
    if ledger is None:
        raise PlanMissing(f"{pushed_by} has no ledger any more. {TOGETHER}")
    if any(sync.undoes == earlier.run_id for sync in step.installation.syncs.history(step.slug)):
        raise PlanMissing(f"{pushed_by} was undone. {TOGETHER}")
    step.context.log.info(f"going on where run {earlier.run_id} ended")
    resumed = rewrite_frame(
        read_outcomes(ledger.scan()), lambda part: resume(part, earlier.run_id), folder / "resumed.parquet"
    )
    return resumed.scan()


def note_taken_over(step: SyncStep, plan: OwnPlan) -> None:
    """Note that this run pushes the plan of the run that it re-executes."""
    step.installation.syncs.planned(
        step.run_id,
        step.slug,
        plan_id=plan.plan_id,
        counts=plan.counts,
        org_id=step.account.org_id,
        read_at=plan.read_at,
        describe_hash=plan.fingerprint or "",
        api_calls=0,
    )


def find_ground(
    step: SyncStep, org: Org, plan: OwnPlan, lines: pl.LazyFrame, ids: Sequence[str], folder: Path
) -> tuple[Ground, FrameFile | None]:
    """Look at the records right before they are written; the lines besides, where some are in conflict by now.

    Args:
        step: of the push.
        org: where the records are.
        plan: that is pushed.
        lines: still to be settled.
        ids: of the first records that are to be written, one more than `NAMED` where there are so many.
        folder: for the lines.

    Raises:
        WrongOrg: another org answers than the one that the plan was made for.
        PlanStale: the integration's file or the org's schema changed since.
    """
    ground = survey(org, step.spec.object, read_fields(step.spec, lines), ids, read_since(lines))
    require_one_org(step.account, planned=plan.org_id, answering=ground.identity)
    if fingerprint(step.spec, ground.schema) != plan.fingerprint:
        raise PlanStale(f"{step.slug}: the integration or the object's fields changed since the plan. {TOGETHER}")
    return ground, leave_conflicts(step, ground, lines, folder)


def apply_plan(
    step: SyncStep, org: Org, plan: OwnPlan, journal: JobJournal, lines: pl.LazyFrame, folder: Path
) -> Applied:
    """Send the planned lines, if there are any and the org has calls to spare.

    Raises:
        PlanMissing: the plan was applied already, or the ledger of an earlier push of it is gone.
        WrongOrg: another org answers than the one that the plan was made for.
        PlanStale: the integration's file or the org's schema changed since.
    """
    with interruptible():
        rest = find_rest(step, plan, lines, folder)
        ids = planned_updates(rest).select("Id").head(NAMED + 1).collect()["Id"]
        if ids.is_empty():
            is_stored = rest is lines and plan.run_id == step.run_id
            return Applied(rest, as_planned=Tally.read(plan.counts) if is_stored else None)
        lines = rest
        ground, settled = find_ground(step, org, plan, lines, ids.to_list(), folder)
    lines = settled.scan() if settled else lines

    def keep_draft() -> None:
        # A re-execution has no plan and no draft of its own yet, which the next run needs if this one is cut off.
        if plan.run_id != step.run_id:
            note_taken_over(step, plan)
        if settled or plan.run_id != step.run_id:
            draft = settled or rewrite_frame(lines, lambda part: part, folder / "draft.parquet")
            step.installation.ledgers.keep(step.run_id, step.slug, draft)

    return send_lines(step, org, ground.schema, lines, journal, keep_draft)


def send_plan(
    step: SyncStep, lines: pl.LazyFrame, *, allow_stale: bool
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """Judge the plan, send it, store the ledger, and end the sync.

    Raises:
        PlanError: the plan may not be pushed.
        dagster.Failure: the outcome breaks a limit of the integration; it carries the metadata of the push.
    """
    if step.installation.settings.plan_only:
        step.context.log.warning("INTEGRATION_CENTER_PLAN_ONLY is set: the plan was made, and nothing is written")
        return
    if step.installation.syncs.get(step.run_id, step.slug) is None:
        step.open()
    step.require_switched_on()
    plan = find_plan(step)
    check_own(step, plan, lines)
    if plan.waiting:
        step.context.log.info(f"waiting for approval: integration-center release {step.run_id}")
        yield from report_push(push_key(step.slug), lines, Tally.read(plan.counts), plan.report_rows, failed=False)
        return
    events = take_days(step, plan)
    newest = None if events else newer_day(step, allow_stale=allow_stale)
    journal = step.open_journal(plan.plan_id)
    with finishing_first(step.run_id) as finish:
        with step.installation.work_folder() as folder, step.connect() as org:
            if events:
                check_newest(step, plan)
            if newest:
                applied = Applied(lines, lambda part: supersede(part, f"{newest} was pushed already"))
            else:
                with phase(Phase.SEND):
                    applied = apply_plan(step, org, plan, journal, lines, folder)
            keys = step.spec.key_fields
            stored = store_ledger(step, org, applied, keys=keys, snapshot=step.snapshot if applied.schema else None)
            if newest is None:
                with phase(Phase.FINISH):
                    note_push(step, stored.lines)
        calls = stored.usage.calls + (plan.api_calls if plan.run_id == step.run_id else 0)
        outdated = events and count_outdated(stored.lines) > 0
        with phase(Phase.FINISH):
            ended = end_sync(
                step,
                journal,
                stored,
                finish,
                calls=calls,
                superseded=newest is not None,
                outdated=outdated,
                held=applied.held,
            )
    planned = read_planned_columns(step.context.instance, step.slug, plan.run_id)
    note_object(step, stored, applied.schema, planned)
    metadata = {
        "status": ended.status.value,
        "api_calls_of_the_sync": calls,
        "ledger": dg.MetadataValue.path(stored.address),
        "dagster/column_lineage": trace_push(step.slug, step.spec),
        **describe_results(stored.lines, stored.tally, stored.instance_url, applied.schema, step.spec, planned),
        **describe_forecast(applied.forecast),
        **describe_usage(stored.usage),
        **describe_phases(step.context, step.installation, step.slug),
    }
    failed = ended.status is SyncStatus.FAILED
    if not failed:
        yield dg.Output(None, "result", metadata=metadata)
    yield from report_push(push_key(step.slug), stored.lines, stored.tally, plan.report_rows, failed=failed)
    if failed:
        # Without output the asset is not materialized: neither backfills nor automation take what failed for done.
        raise dg.Failure(f"{step.slug}: {ended.reason}", metadata=metadata, allow_retries=False)
