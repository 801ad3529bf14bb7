"""`<slug>/update_set`: reads the org, matches, compares, and stores the plan with the first draft of its ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from integration_center.database.sync_records import SyncStatus
from integration_center.errors import PlanMissing
from integration_center.insights.catalogue import ColumnType, report_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.applied_days import scan_days
from integration_center.pipeline.checks import build_plan_checks, report_fitness, report_verdicts
from integration_center.pipeline.metadata import (
    describe_columns,
    describe_counts,
    describe_usage,
    preview_changes,
    trace_update_set,
)
from integration_center.pipeline.names import (
    DAYS,
    ONE_RUN,
    asset_tags,
    owners,
    pool,
    report_key,
    resource_key,
    update_set_key,
)
from integration_center.pipeline.people import read_known
from integration_center.pipeline.step_progress import describe_phases
from integration_center.pipeline.sync_step import SyncStep, sync_step
from integration_center.pipeline.window import read_window
from integration_center.planning.plan import Plan, build_plan
from integration_center.planning.repeated_keys import count_repeated
from integration_center.progress import Phase, phase
from integration_center.store.frames import SPLIT_BY, FrameFile, keep_rows_whole, read_slices, rewrite_frame
from integration_center.store.reports import EVENTS, ReportFolder
from integration_center.sync.columns import DAY
from integration_center.sync.failures import count_given_up
from integration_center.sync.ledger import Tally, count_left_alone, hold, tally_lines
from integration_center.sync.mapping.fitness import admin_message
from integration_center.sync.outcomes import Outcome
from integration_center.wording.markdown import escape_markdown


def build_update_set(slug: str, spec: IntegrationSpec) -> dg.AssetsDefinition:
    """The asset that plans one integration. Materialized alone it is the dry run: nothing is written."""
    key = update_set_key(slug)
    source = report_slug(spec.report)

    @dg.asset(
        key=key,
        ins={"report": dg.AssetIn(report_key(source))},
        description=(
            f"The plan of '{escape_markdown(spec.name)}': what a push would write to {spec.object}, record by record."
        ),
        group_name=slug,
        kinds={"polars", "parquet"},
        tags=asset_tags(spec),
        owners=owners(spec),
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        required_resource_keys={"installation", resource_key(spec.environment)},
        check_specs=build_plan_checks(key),
        pool=pool(spec),
    )
    def update_set(
        context: dg.AssetExecutionContext, report: pl.LazyFrame
    ) -> Iterator[dg.Output[FrameFile] | dg.AssetCheckResult]:
        # The folder lasts until the plan is stored: handed over, it is linked, not copied.
        with sync_step(context, slug, spec) as step, step.installation.work_folder() as folder:
            step.open()
            if step.will_push:
                step.require_switched_on()
            newest = step.days[-1]
            stored = step.installation.reports.stored(source, newest)
            if stored is None:
                raise PlanMissing(f"report {spec.report!r} of {newest} is not stored; materialize it with this")
            window = read_window(step, source, stored, newest) if spec.window else None
            kept = step.keep_days(source) if stored.kind == EVENTS and not window else {}
            days = list(window.days if window else kept) or step.days
            likely_types = find_likely_types(step.installation.reports, source, spec.report, days)
            # Of one day the frame is the report's own, whose columns may be called anything.
            rows = report if len(step.days) > 1 else report.with_columns(pl.lit(newest).alias(DAY))
            with phase(Phase.PLAN), step.connect() as org:
                plan = build_plan(
                    spec,
                    window.rows if window else scan_days(kept) if kept else rows,
                    org,
                    kind=stored.kind,
                    latest_by=stored.latest_by,
                    folder=folder,
                    likely_types=likely_types,
                    earlier=step.read_writes,
                    snapshot=step.snapshot,
                    past=step.find_past(list(kept)) if kept else None,
                    known=read_known(step),
                    day=newest,
                    failing=step.read_failures(),
                )
                usage = org.session.usage
            waits = step.will_push and step.spec.approval == "required" and bool(plan.tally.lines[Outcome.PLANNED])
            with phase(Phase.PLAN):
                if waits:
                    plan = hold_plan(plan, f"waiting for approval: integration-center release {step.run_id}", folder)
                note_plan(step, plan, usage.calls, waits=waits)
            context.log.info(f"plan {plan.plan_id}: {describe_counts(plan.tally.lines)}")
            if plan.past_rows:
                context.log.info(
                    f"{plan.past_rows:,} rows of days that were run before are planned, too: days that were corrected"
                    " no longer have the newest rows of their keys"
                )
            if plan.absent:
                context.log.info(
                    f"{plan.absent:,} people whom earlier runs wrote are no longer in the report; the ledger says who"
                )
            if repeated := count_repeated(plan.lines).warn():
                context.log.warning(repeated)
            if unfit := count_left_alone(plan.lines):
                context.log.warning(
                    f"{unfit:,} records keep a field as it is, because its value does not fit (on_unfit: empty); the"
                    " ledger says which"
                )
            if given_up := count_given_up(plan.lines):
                context.log.warning(
                    f"{given_up:,} records are given up: Salesforce has refused them for {spec.give_up_after} days or"
                    " longer; the ledger says since when"
                )
            if plan.missing:
                context.log.warning(admin_message(plan.missing, spec, user=step.account.username))
            yield dg.Output(
                plan.file,
                metadata={
                    "plan_id": plan.plan_id,
                    "read_at": plan.read_at.isoformat(),
                    "org_id": step.account.org_id,
                    "outcomes": plan.tally.lines.as_dict(),
                    "rows": plan.tally.rows.as_dict(),
                    **({"unfit": unfit} if unfit else {}),
                    **({"absent": plan.absent} if plan.absent else {}),
                    **(window.metadata if window else {}),
                    **({"given_up": given_up} if given_up else {}),
                    "dagster/column_schema": describe_columns(plan.lines.collect_schema()),
                    "dagster/column_lineage": trace_update_set(spec, source),
                    **describe_usage(usage),
                    **describe_phases(context, step.installation, slug),
                    **(preview_changes(plan.lines) if step.installation.settings.previews else {}),
                },
            )
            yield from report_fitness(plan.faults)
            yield from report_verdicts(plan.verdicts)

    return update_set


def find_likely_types(folder: ReportFolder, report_slug: str, name: str, days: Sequence[date]) -> dict[str, ColumnType]:
    """Find what the text columns of a report look like on all of `days` that are stored.

    Raises:
        PlanMissing: a stored frame is of an earlier version, which read text as numbers and dates.
    """
    found: list[Mapping[str, ColumnType]] = []
    for day in days:
        stored = folder.stored(report_slug, day)
        if stored is None:  # a day that the report left out of a range
            continue
        if stored.likely_types is None:
            raise PlanMissing(
                f"report {name!r} of {day} is not stored as this version needs it; materialize the report with this"
            )
        found.append(stored.likely_types)
    return dict(set.intersection(*(set(types.items()) for types in found)))


def hold_plan(plan: Plan, reason: str, folder: Path) -> Plan:
    """Hold the planned lines of a plan, with `reason`."""
    file = rewrite_frame(
        plan.file.scan(), lambda part: hold(part, reason), folder / "waiting.parquet", {SPLIT_BY: "day"}
    )
    tally = sum(map(tally_lines, keep_rows_whole(read_slices(file.scan()))), start=Tally())
    return replace(plan, file=file, tally=tally)


def note_plan(step: SyncStep, plan: Plan, api_calls: int, *, waits: bool = False) -> None:
    """Store the first draft of the ledger, so that a run that goes no further still has one, and close what ends here.

    A held plan ends its sync as Failed; a plan whose run does not mean to push ends as Planned; one that `waits` ends
    as Waiting for approval.
    """
    syncs = step.installation.syncs
    step.installation.ledgers.keep(step.run_id, step.slug, plan.file)
    syncs.planned(
        step.run_id,
        step.slug,
        plan_id=plan.plan_id,
        counts=plan.tally.as_dict(),
        org_id=step.account.org_id,
        read_at=plan.read_at,
        describe_hash=plan.describe_hash,
        api_calls=api_calls,
        held=plan.held,
    )
    if plan.held:
        syncs.close(step.run_id, step.slug, status=SyncStatus.FAILED, error=plan.held)
    elif waits:
        said = f"nothing is sent before somebody approves: integration-center release {step.run_id}"
        syncs.close(step.run_id, step.slug, status=SyncStatus.WAITING, error=said)
    elif not step.will_push:
        syncs.close(step.run_id, step.slug, status=SyncStatus.PLANNED)
    else:
        return
    step.release_lease()
