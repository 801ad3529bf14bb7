"""`<slug>/update_set`: reads the org, matches, compares, and stores the plan with the first draft of its ledger."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from integration_center.database.sync_records import JUDGED, SyncStatus
from integration_center.errors import PlanMissing
from integration_center.insights.catalogue import ColumnType, report_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.assets.report import build_source_checks, check_not_shrunk
from integration_center.pipeline.assets.source_asset import build_input, run_query, scan_rows, take_in
from integration_center.pipeline.names import (
    DAYS,
    FRAMES,
    INSTALLATION,
    ONE_RUN,
    asset_tags,
    input_key,
    owners,
    pool,
    resource_key,
    update_set_key,
)
from integration_center.pipeline.starting.automation import find_condition
from integration_center.pipeline.steps.applied_days import scan_days
from integration_center.pipeline.steps.checks import build_plan_checks, report_fitness, report_verdicts
from integration_center.pipeline.steps.io_manager import FOLDER
from integration_center.pipeline.steps.metadata import (
    count_outcomes,
    describe_counts,
    describe_planned,
    describe_usage,
    preview_changes,
    trace_update_set,
)
from integration_center.pipeline.steps.people import find_known
from integration_center.pipeline.steps.step_progress import describe_phases
from integration_center.pipeline.steps.sync_step import SyncStep, sync_step
from integration_center.pipeline.steps.window import read_window
from integration_center.planning.plan import Plan, build_plan
from integration_center.planning.repeated_keys import count_repeated
from integration_center.progress import Phase, phase
from integration_center.store.frames import SPLIT_BY, FrameFile, keep_rows_whole, read_slices, rewrite_frame
from integration_center.store.reports import EVENTS, ReportFolder, source_folder
from integration_center.sync.columns import DAY
from integration_center.sync.failures import count_given_up
from integration_center.sync.ledger import count_left_alone, hold
from integration_center.sync.limits import MATCH_RATE, count_judged
from integration_center.sync.mapping.doubts import Doubt, join_doubts
from integration_center.sync.mapping.missing_fields import admin_message
from integration_center.sync.outcomes import Outcome
from integration_center.sync.row_numbers import RowNumbers
from integration_center.sync.tally import Tally, tally_lines
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.remedies import Said
from integration_center.wording.sentences import count

PlanEvent = dg.Output[FrameFile] | dg.AssetCheckResult
"""What the planning step hands to Dagster."""
RETRY_SECONDS = 30


def build_update_set(slug: str, spec: IntegrationSpec) -> dg.AssetsDefinition:
    """The asset that plans one integration. Materialized alone it is the dry run: nothing is written."""
    key = update_set_key(slug)
    asset_source = spec.source
    # Frames of an asset are stored for each integration of its own: each has other key columns, which stay text.
    folder = source_folder(slug) if asset_source else report_slug(spec.report)
    decorate = partial(
        dg.asset,
        key=key,
        description=(
            f"The plan of '{escape_markdown(spec.name)}': what a push would write to {spec.object}, record by record."
        ),
        group_name=spec.group or slug,
        kinds={"polars", "parquet", *spec.kinds},
        tags=asset_tags(spec),
        owners=owners(spec),
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        io_manager_key=FRAMES,
        required_resource_keys={INSTALLATION, resource_key(spec.environment)},
        check_specs=[*build_plan_checks(key), *(build_source_checks(key) if asset_source else ())],
        pool=pool(spec),
        op_tags=spec.op_tags,
        retry_policy=dg.RetryPolicy(max_retries=spec.plan_retries, delay=RETRY_SECONDS) if spec.plan_retries else None,
        automation_condition=find_condition(spec),
    )

    def plan(context: dg.AssetExecutionContext, take: Callable[[SyncStep], pl.LazyFrame]) -> Iterator[PlanEvent]:
        # The folder lasts until the plan is stored: handed over, it is linked, not copied.
        with sync_step(context, slug, spec) as step, step.installation.work_folder() as work:
            step.open()
            if step.will_push:
                step.require_switched_on()
            yield from plan_update_set(step, folder, take(step), work)

    if asset_source is None:

        @decorate(ins={"report": dg.AssetIn(input_key(spec), metadata={FOLDER: f"insights/{folder}"})})
        def update_set(context: dg.AssetExecutionContext, report: pl.LazyFrame) -> Iterator[PlanEvent]:
            yield from plan(context, lambda step: report)

        return update_set

    def store(step: SyncStep, value: object) -> pl.LazyFrame:
        take_in(step, asset_source, folder, value)
        return scan_rows(step, folder)

    if asset_source.query is not None:

        @decorate(deps=[input_key(spec)])
        def update_set_of_query(context: dg.AssetExecutionContext) -> Iterator[PlanEvent]:
            yield from plan(context, lambda step: store(step, run_query(asset_source)))

        return update_set_of_query

    @decorate(ins={"source": build_input(spec, asset_source)})
    def update_set_of_asset(context: dg.AssetExecutionContext, source: Any) -> Iterator[PlanEvent]:
        yield from plan(context, lambda step: store(step, source))

    return update_set_of_asset


def plan_update_set(step: SyncStep, source: str, report: pl.LazyFrame, folder: Path) -> Iterator[PlanEvent]:
    """Make the plan, note it, and say what it is.

    Args:
        step: of the integration.
        source: the slug under which the frames of its report are stored.
        report: the rows of this run's days.
        folder: for the plan's files.

    Raises:
        PlanMissing: the report of the newest day is not stored.
    """
    spec, newest = step.spec, step.days[-1]
    reports = step.installation.reports
    stored = reports.stored(source, newest)
    if stored is None:
        raise PlanMissing(f"report {spec.report!r} of {newest} is not stored; materialize it with this")
    before = reports.rows_before(source, step.days[0])
    window = read_window(step, source, stored, newest) if spec.window else None
    kept = step.keep_days(source) if stored.kind == EVENTS and not window else {}
    days = list(window.days if window else kept) or step.days
    likely_types = find_likely_types(reports, source, spec.report, days)
    # Of one day a report's frame is its own, whose columns may be called anything.
    has_days = spec.source is not None or len(step.days) > 1
    rows = report if has_days else add_day(report, newest)
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
            known=find_known(step),
            day=newest,
            failing=step.read_failures(),
            numbers=find_numbers(reports, source, days),
            doubts=find_doubts(reports, source, days),
        )
        usage = org.session.usage
    waits = step.will_push and spec.approval == "required" and bool(plan.tally.lines[Outcome.PLANNED])
    with phase(Phase.PLAN):
        if waits:
            plan = hold_plan(plan, "waiting for approval", folder)
        stored_plan = note_plan(step, plan, usage.calls, waits=waits)
    unfit = log_plan(step, plan)
    yield dg.Output(
        stored_plan,
        metadata={
            **describe_plan(plan, spec),
            "org_id": step.account.org_id,
            **({"unfit": unfit} if unfit else {}),
            **(window.metadata if window else {}),
            "dagster/column_lineage": trace_update_set(spec),
            **describe_usage(usage),
            **describe_phases(step.context, step.installation, step.slug),
            **(preview_changes(plan.lines) if step.installation.settings.previews else {}),
        },
    )
    yield from report_fitness(plan.faults)
    yield from report_verdicts(plan.verdicts)
    if spec.source:
        yield check_not_shrunk(stored.kind, stored.rows, before, allow_empty=spec.limits.allow_empty)


def add_day(report: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """Add `_day` to a report on disk, in place of a column of that name."""
    if DAY in report.collect_schema().names():
        return report.with_columns(pl.lit(day).alias(DAY))
    # Row numbers need no column of the file. Polars reads the first column for a constant alone.
    return report.with_row_index(DAY).with_columns(pl.lit(day).alias(DAY))


def describe_plan(plan: Plan, spec: IntegrationSpec) -> dict[str, Any]:
    """Describe a plan for Dagster: its counts, each outcome as a number of its own, and its columns."""
    rate = next((verdict.metadata.get("percent") for verdict in plan.verdicts if verdict.name == MATCH_RATE), None)
    return {
        "plan_id": plan.plan_id,
        "read_at": plan.read_at.isoformat(),
        "outcomes": plan.tally.lines.as_dict(),
        "rows": plan.tally.rows.as_dict(),
        **count_outcomes(plan.tally),
        **({"match_rate": rate} if rate is not None else {}),
        **({"absent": plan.absent} if plan.absent else {}),
        **({"given_up": given_up} if (given_up := count_given_up(plan.lines)) else {}),
        "dagster/column_schema": describe_planned(plan.lines, plan.schema, spec),
    }


def log_plan(step: SyncStep, plan: Plan) -> int:
    """Say in the run's log what the plan holds, and return how many records keep a field as it is."""
    log = step.context.log
    log.info(f"plan {plan.plan_id}: {describe_counts(plan.tally.lines)}")
    if plan.past_rows:
        log.info(
            f"rows of days that were run before are planned, too ({plan.past_rows:,}): days that were corrected"
            " no longer have the newest rows of their keys"
        )
    if plan.absent:
        log.info(
            f"{count(plan.absent, 'person', 'people')} whom earlier runs wrote left the report; the ledger says who"
        )
    dropped = plan.tally.lines[Outcome.DUPLICATE_KEY]
    if dropped and (repeated := count_repeated(plan.lines).warn()):
        log.warning(repeated)
    if unfit := count_left_alone(plan.lines):
        log.warning(
            f"{count(unfit, 'record keeps', 'records keep')} a field as it is, because its value does not fit"
            " (on_unfit: empty); the ledger says which"
        )
    if given_up := count_given_up(plan.lines):
        log.warning(
            f"{count(given_up, 'record is', 'records are')} given up: Salesforce has refused each for"
            f" {step.spec.give_up_after} days or longer; the ledger says since when"
        )
    if plan.missing:
        log.warning(admin_message(plan.missing, step.spec, user=step.account.username))
    return unfit


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


def find_numbers(folder: ReportFolder, report_slug: str, days: Sequence[date]) -> RowNumbers | None:
    """Find the numbers of the rows of these days in their files; None where they are what the ledger says anyway."""
    stored = [found for day in days if (found := folder.stored(report_slug, day))]
    numbers = RowNumbers.join((each.numbers, each.rows) for each in stored)
    return None if numbers.is_usual else numbers


def find_doubts(folder: ReportFolder, report_slug: str, days: Sequence[date]) -> dict[str, Doubt]:
    """Find what is in doubt about the columns of a report on any of `days`."""
    stored = (folder.stored(report_slug, day) for day in days)
    return join_doubts(report.doubts for report in stored if report)


def hold_plan(plan: Plan, reason: str, folder: Path) -> Plan:
    """Hold the planned lines of a plan, with `reason`."""
    file = rewrite_frame(
        plan.file.scan(), lambda part: hold(part, reason), folder / "waiting.parquet", {SPLIT_BY: "day"}
    )
    tally = sum(map(tally_lines, keep_rows_whole(read_slices(file.scan()))), start=Tally())
    return replace(plan, file=file, tally=tally)


def note_plan(step: SyncStep, plan: Plan, api_calls: int, *, waits: bool = False) -> FrameFile:
    """Store the first draft of the ledger, so that a run that goes no further still has one, and close what ends here.

    A held plan ends its sync as Failed; a plan whose run does not mean to push ends as Planned; one that `waits` ends
    as Waiting for approval.

    Returns:
        The plan as it is stored.
    """
    syncs = step.installation.syncs
    stored = step.installation.ledgers.keep(step.run_id, step.slug, plan.file, plan.people)
    syncs.planned(
        step.run_id,
        step.slug,
        plan_id=plan.plan_id,
        counts={**plan.tally.as_dict(), JUDGED: count_judged(plan.verdicts)},
        org_id=step.account.org_id,
        read_at=plan.read_at,
        describe_hash=plan.describe_hash,
        api_calls=api_calls,
        held=plan.held,
    )
    if plan.held:
        syncs.close(step.run_id, step.slug, status=SyncStatus.FAILED, error=plan.held)
    elif waits:
        said = Said("nothing is sent before somebody approves", f"run: integration-center release {step.run_id}")
        syncs.close(step.run_id, step.slug, status=SyncStatus.WAITING, error=said)
    elif not step.will_push:
        syncs.close(step.run_id, step.slug, status=SyncStatus.PLANNED)
    else:
        return stored
    step.release_lease()
    return stored
