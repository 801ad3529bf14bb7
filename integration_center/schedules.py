"""The daily schedule, and one of its own for each integration with another cron."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._utils.schedules import get_next_cron_tick, is_valid_cron_schedule

from integration_center.insights.catalogue import report_slug
from integration_center.integration import DEFAULT_SCHEDULE, IntegrationSpec
from integration_center.loader import LoadedIntegrations
from integration_center.markdown import escape_markdown
from integration_center.translator import last_full_day, push_key, report_key, run_tags, update_set_key

SYNC_JOB = "sync"


def next_run(schedule: str, now: datetime) -> datetime | None:
    """The first tick of a cron expression after `now`, UTC; None when it is no expression, or never ticks."""
    if not is_valid_cron_schedule(schedule):
        return None
    try:
        return get_next_cron_tick(schedule, now.astimezone(UTC) + timedelta(seconds=1), "UTC").astimezone(UTC)
    except ValueError:  # such as 30 February
        return None


def asset_keys(slug: str, spec: IntegrationSpec | None) -> list[dg.AssetKey]:
    """What a run of the integration materializes; a broken one has only its stand-in."""
    if spec is None:
        return [push_key(slug)]
    return [report_key(report_slug(spec.report)), update_set_key(slug), push_key(slug)]


def request_runs(loaded: LoadedIntegrations, tick: datetime) -> Iterator[dg.RunRequest]:
    """One run per enabled integration on the default schedule, and per broken one, so that it fails visibly."""
    day = last_full_day(tick).isoformat()
    for slug in sorted({**loaded.specs, **loaded.broken}):
        spec = loaded.specs.get(slug)
        if spec is not None and not (spec.enabled and spec.schedule == DEFAULT_SCHEDULE):
            continue
        yield dg.RunRequest(
            run_key=f"{slug}:{tick.isoformat()}",
            partition_key=day,
            asset_selection=asset_keys(slug, spec),
            tags=run_tags(slug, spec.environment if spec else None, "schedule"),
        )


def build_daily_sync(loaded: LoadedIntegrations) -> dg.Definitions:
    """The `sync` job and its schedule `daily_sync` at 08:00 UTC, running by default."""
    pushes = [push_key(slug) for slug in sorted({**loaded.specs, **loaded.broken})]
    if not pushes:
        return dg.Definitions()
    job = dg.define_asset_job(
        SYNC_JOB,
        selection=dg.AssetSelection.assets(*pushes).upstream(),
        description="Every integration; the daily schedule asks for one run each.",
    )

    @dg.schedule(
        name="daily_sync",
        job=job,
        cron_schedule=DEFAULT_SCHEDULE,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 08:00 UTC, one run per enabled integration, for the UTC day before.",
    )
    def daily_sync(context: dg.ScheduleEvaluationContext) -> Sequence[dg.RunRequest]:
        return list(request_runs(loaded, context.scheduled_execution_time))

    return dg.Definitions(jobs=[job], schedules=[daily_sync])


def build_own_schedule(slug: str, spec: IntegrationSpec) -> dg.ScheduleDefinition:
    """The schedule of an integration with a cron of its own, in UTC."""

    @dg.schedule(
        name=f"{slug}_schedule",
        job_name=slug,
        cron_schedule=spec.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{escape_markdown(spec.name)}, at its own times.",
    )
    def own_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time
        return dg.RunRequest(
            run_key=f"{slug}:{tick.isoformat()}",
            partition_key=last_full_day(tick).isoformat(),
            tags=run_tags(slug, spec.environment, "schedule"),
        )

    return own_schedule


def build_schedules(loaded: LoadedIntegrations) -> dg.Definitions:
    """All the schedules."""
    own = [
        build_own_schedule(slug, spec)
        for slug, spec in sorted(loaded.specs.items())
        if spec.enabled and spec.schedule != DEFAULT_SCHEDULE
    ]
    return dg.Definitions.merge(build_daily_sync(loaded), dg.Definitions(schedules=own))
