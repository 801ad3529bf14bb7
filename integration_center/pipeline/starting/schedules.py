"""The daily schedule, and one of its own for each integration with another cron."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache

import dagster as dg

from integration_center.errors import IntegrationCenterError
from integration_center.insights.source import last_full_day
from integration_center.installation import open_installation
from integration_center.integration.schedule import DEFAULT_SCHEDULE
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.integration_files.places import find_file
from integration_center.pipeline.names import (
    DAILY_SCHEDULE,
    asset_keys,
    own_schedule,
    put_before,
    range_tags,
    run_tags,
)
from integration_center.pipeline.starting.catch_up import LONGEST, find_first_day, reads_events
from integration_center.pipeline.starting.moved_schedules import passed_before_move
from integration_center.pipeline.starting.own_job import define_own_job
from integration_center.settings import Paths
from integration_center.wording.markdown import escape_markdown

SYNC_JOB = "sync"


def find_first_days(
    specs: Mapping[str, IntegrationSpec], day: date, log: logging.Logger | dg.DagsterLogManager
) -> dict[str, date]:
    """Find the first day of each integration's run; those that run `day` alone are left out.

    Whatever goes wrong here costs the days before, never the tick: the run of `day` itself is asked for all the same.
    """
    first: dict[str, date] = {}
    try:
        with open_installation() as installation:
            newest_kind = cache(installation.reports.newest_kind)  # many integrations read few reports
            for slug, spec in specs.items():
                try:
                    if not reads_events(newest_kind, spec):
                        continue
                    since = find_first_day(installation, slug, spec, day)
                except Exception as error:  # noqa: BLE001 - one integration must not cost all others their runs
                    log.warning(f"{slug}: {say_day_alone(day, error)}")
                    continue
                if since < day:
                    first[slug] = since
    except Exception as error:  # noqa: BLE001 - nor must the database cost them theirs
        log.warning(say_day_alone(day, error))
    for slug, since in first.items():
        log.info(f"{slug}: runs {since} to {day}, the days since the last completed one (at most {LONGEST})")
    return first


def say_day_alone(day: date, error: Exception) -> str:
    """Say why a scheduled run covers one day, whatever the days before became."""
    said = str(error) if isinstance(error, IntegrationCenterError) else type(error).__name__
    return f"only {day} is run, because the last completed day cannot be read ({said})"


def find_stop() -> str | None:
    """Say who stopped everything, when and why; None when nothing is stopped."""
    with open_installation() as installation:
        stop = installation.stops.find()
    return None if stop is None else stop.sentence


def request_run(
    slug: str, spec: IntegrationSpec | None, tick: datetime, first: date | None, assets: Sequence[dg.AssetKey] | None
) -> dg.RunRequest:
    """Build the request for one integration's run: for the UTC day before the tick, or all days since `first`."""
    day = last_full_day(tick)
    tags = run_tags(slug, spec.environment if spec else None, "schedule")
    return dg.RunRequest(
        run_key=f"{slug}:{tick.isoformat()}",
        partition_key=None if first else day.isoformat(),
        asset_selection=assets,
        tags=tags | range_tags(first, day) if first else tags,
    )


def scheduled(loaded: Integrations) -> Mapping[str, IntegrationSpec]:
    """The integrations that a schedule starts: those that are enabled, and name no condition instead."""
    return {slug: spec for slug, spec in loaded.specs.items() if spec.enabled and not spec.automation}


def request_runs(
    loaded: Integrations, tick: datetime, log: logging.Logger | dg.DagsterLogManager
) -> Iterator[dg.RunRequest]:
    """One run per enabled integration on the default schedule, and per broken one, so that it fails visibly."""
    due = {slug: spec for slug, spec in scheduled(loaded).items() if spec.runs_daily and not spec.times.is_paused(tick)}
    first = find_first_days(due, last_full_day(tick), log)
    for slug in sorted(due.keys() | (loaded.broken.keys() - loaded.specs.keys())):
        spec = due.get(slug)
        yield request_run(slug, spec, tick, first.get(slug), asset_keys(slug, spec))


def build_daily_sync(loaded: Integrations, prefix: str | None = None) -> dg.Definitions:
    """The `sync` job and its schedule `daily_sync` at 08:00 UTC, running by default."""
    keys = sorted({key for slug, spec in loaded.by_slug.items() for key in asset_keys(slug, spec)})
    if not keys:
        return dg.Definitions()
    job = define_own_job(
        put_before(SYNC_JOB, prefix),
        keys,
        description="Every integration; the daily schedule asks for one run each.",
    )

    @dg.schedule(
        name=put_before(DAILY_SCHEDULE, prefix),
        job=job,
        cron_schedule=DEFAULT_SCHEDULE,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 08:00 UTC, one run per enabled integration, for the UTC day before; of events, for all days"
        f" since the last completed one, at most {LONGEST}.",
    )
    def daily_sync(context: dg.ScheduleEvaluationContext) -> Sequence[dg.RunRequest] | dg.SkipReason:
        if stopped := find_stop():
            return dg.SkipReason(stopped)
        return list(request_runs(loaded, context.scheduled_execution_time, context.log))

    return dg.Definitions(jobs=[job], schedules=[daily_sync])


def build_own_schedule(slug: str, spec: IntegrationSpec) -> dg.ScheduleDefinition:
    """The schedule of an integration with a cron or a time zone of its own."""

    @dg.schedule(
        name=own_schedule(slug),
        job_name=slug,
        cron_schedule=spec.schedule,
        execution_timezone=spec.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{escape_markdown(spec.name)}, at its own times.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if stopped := find_stop():
            return dg.SkipReason(stopped)
        tick = context.scheduled_execution_time
        if spec.times.is_paused(tick):
            return dg.SkipReason(f"{spec.name} is {say_pause(spec.times)}; it can be run by hand")
        if passed_before_move(context, slug, spec.times.expression, find_file(Paths(), slug, spec)):
            again = spec.times.next(tick)
            return dg.SkipReason(
                f"{spec.name} was moved to this time after it had passed. It runs next at {again:%Y-%m-%d %H:%M} UTC;"
                " run it by hand if that is too late"
            )
        first = find_first_days({slug: spec}, last_full_day(tick), context.log)
        return request_run(slug, spec, tick, first.get(slug), None)

    return schedule


def build_own_schedules(loaded: Integrations) -> dg.Definitions:
    """Build the schedules of the integrations with times of their own."""
    own = [
        build_own_schedule(slug, spec)
        for slug, spec in sorted(scheduled(loaded).items())
        if not spec.runs_daily and not spec.waits
    ]
    return dg.Definitions(schedules=own)
