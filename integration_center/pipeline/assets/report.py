"""`insights/<report>`: one asset a report, shared by all the integrations that read it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import dagster as dg

from integration_center.errors import PlanMissing
from integration_center.pipeline.names import DAYS, FRAMES, INSTALLATION, ONE_RUN, report_key
from integration_center.pipeline.runs.run_endings import REMEDY
from integration_center.pipeline.steps.checks import build_check
from integration_center.pipeline.steps.metadata import describe_columns
from integration_center.pipeline.steps.step_errors import open_resource, read_days, reported_errors
from integration_center.pipeline.steps.step_progress import describe_phases, step_progress
from integration_center.progress import Phase, advance, phase
from integration_center.store.reports import RowsBefore, StoredReport, fetch_day
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.sentences import count

NOT_EMPTY = "not_empty"
NOT_SHRUNK = "not_shrunk"


def build_report_asset(
    report_slug: str,
    name: str,
    *,
    keys: frozenset[str],
    allow_empty: bool,
    prefix: str | None = None,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetsDefinition:
    """The asset of the report called `name`, in which the columns `keys` stay text: integrations match by them.

    Its checks are facts of the report itself, since they stop all of its integrations: it has rows (unless an
    integration that reads it has `allow_empty`), and a snapshot has not lost more than half of them.
    """
    key = report_key(report_slug, prefix)

    @dg.asset(
        key=key,
        description=f"The WalkMe Insights report '{escape_markdown(name)}', a frame a UTC day.",
        group_name="insights",
        kinds={"walkme", "polars", "parquet"},
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        io_manager_key=FRAMES,
        freshness_policy=freshness,
        required_resource_keys={INSTALLATION},
        check_specs=[
            build_check(key, NOT_EMPTY, "The report has rows.", blocking=True),
            build_check(key, NOT_SHRUNK, "A snapshot keeps at least half of its rows.", blocking=True),
        ],
    )
    def report(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with (
            reported_errors(context),
            open_resource(context) as installation,
            step_progress(context, installation),
        ):
            source = installation.source()
            info = replace(source.find(name), text_columns=keys)
            days = read_days(context)
            stored: dict[date, StoredReport] = {}
            newest = days[-1]
            if missing := source.missing(info, days):
                if newest in missing.days:
                    raise missing
                # Of a snapshot only the newest day counts, and the days of events do not need each other.
                context.log.warning(f"left out: {missing}")
                days = [day for day in days if day not in missing.days]
            for day in days:
                with phase(Phase.READ):
                    stored[day], fetched = fetch_day(source, installation.reports, info, day, context.run.run_id)
                    advance(stored[day].rows)
                context.log.info(
                    f"{name} {day}: {count(stored[day].rows, 'row')} {'fetched' if fetched else 'already stored'}"
                )
                for note in stored[day].notes:
                    context.log.info(note)
            file = installation.reports.file(report_slug, newest)
            if file is None:
                raise PlanMissing(f"report {name!r} of {newest} was deleted meanwhile; materialize it again")
            yield dg.MaterializeResult(
                metadata={
                    "dagster/row_count": sum(report.rows for report in stored.values()),
                    "dagster/column_schema": describe_columns(
                        file.scan().collect_schema(), stored[newest].likely_types or {}
                    ),
                    "refreshed_at": str(stored[newest].refreshed_at or "unknown"),
                    "kind": info.kind,
                    **({"found": "; ".join(stored[newest].notes)} if stored[newest].notes else {}),
                    "path": dg.MetadataValue.path(installation.reports.locate(report_slug, newest) or file.path),
                    **describe_phases(context, installation),
                },
                data_version=dg.DataVersion(stored[newest].identity),
                check_results=[
                    check_not_empty(sum(report.rows for report in stored.values()), allow_empty=allow_empty),
                    check_not_shrunk(
                        info.kind,
                        stored[min(stored)].rows,
                        installation.reports.rows_before(report_slug, days[0]),
                        allow_empty=allow_empty,
                    ),
                ],
            )

    return report


def build_source_checks(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The check of a team's own asset, on the update set that reads it. Each plan judges an empty one itself."""
    return [build_check(key, NOT_SHRUNK, "A snapshot keeps at least half of its rows.", blocking=True)]


def check_not_empty(rows: int, *, allow_empty: bool) -> dg.AssetCheckResult:
    """An empty report stops its integrations, unless one of them allows it; each judges its own plan besides."""
    return dg.AssetCheckResult(
        check_name=NOT_EMPTY,
        passed=rows > 0 or allow_empty,
        metadata={"rows": rows},
        description=f"{count(rows, 'row')}."
        if rows
        else "The report has no rows; `limits.allow_empty: true` accepts that.",
    )


def check_not_shrunk(kind: str, rows: int, before: RowsBefore | None, *, allow_empty: bool) -> dg.AssetCheckResult:
    """A snapshot that lost more than half of its rows is more likely broken than true; an empty one may be allowed.

    Args:
        kind: of the report.
        rows: that it has now.
        before: the rows of the stored report before it; None when there is none.
        allow_empty: whether an integration accepts a report without rows.
    """
    may_be_empty = allow_empty and rows == 0
    shrunk = kind == "snapshot" and before is not None and rows * 2 < before.rows and not may_be_empty
    return dg.AssetCheckResult(
        check_name=NOT_SHRUNK,
        passed=not shrunk,
        metadata={
            "rows": rows,
            "rows_before": before.rows if before else "none stored",
            **(
                {REMEDY: f"Delete it: integration-center forget-report {before.report_slug} {before.day}"}
                if shrunk and before
                else {}
            ),
        },
        description=f"{count(rows, 'row')}, after {before.rows:,} before. If that is right, delete the older stored"
        " report"
        if shrunk and before
        else "The report did not shrink by more than half.",
    )
