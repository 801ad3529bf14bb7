"""The sensors that start integrations which wait for their report or another one, or have quiet times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import dagster as dg

from integration_center.database.waiting import WaitingDay
from integration_center.insights.catalogue import ReportInfo
from integration_center.insights.source import Mark, ReportSource
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.integration_files.places import find_file
from integration_center.pipeline.names import AFTER, BY_ARRIVAL, BY_CHANGE, arrival_sensor, range_tags, run_tags
from integration_center.pipeline.starting.arrivals import Decision, Look, Memory, Start, Wait
from integration_center.pipeline.starting.catch_up import LONGEST, reads_events
from integration_center.pipeline.starting.following import LOOKED_AT, Following
from integration_center.pipeline.starting.schedules import find_first_days, find_stop
from integration_center.wording.markdown import escape_markdown

LOOK_SECONDS = 20
"""Seconds between two looks."""
REMOTE_PAUSE = timedelta(minutes=3)
"""Between two looks at a bucket or an API for a report that was dropped again: each look is a request."""


@dataclass(frozen=True)
class NamedReport:
    """The report of one integration, in its source. Nothing is asked before it is needed."""

    installation: Installation
    name: str

    @cached_property
    def source(self) -> ReportSource:
        """Where it comes from."""
        return self.installation.source()

    @cached_property
    def info(self) -> ReportInfo:
        """What its source says of it."""
        return self.source.find(self.name)

    def marks(self, days: Sequence[date]) -> Mapping[date, Mark]:
        """See `ReportSource.marks`."""
        return self.source.marks(self.info, days)

    def identity(self, day: date) -> str:
        """See `ReportSource.identity`."""
        return self.source.identity(self.info, day)

    def describe_missing(self, day: date) -> str:
        """Say what was looked for, and what is there; empty when the day has come meanwhile."""
        missing = self.source.missing(self.info, [day])
        return str(missing) if missing else ""


def build_arrival_sensor(slug: str, spec: IntegrationSpec) -> dg.SensorDefinition:
    """Build the sensor of one integration."""

    @dg.sensor(
        name=arrival_sensor(slug),
        job_name=slug,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=describe(spec),
    )
    def arrival(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if stopped := find_stop():
            return dg.SkipReason(stopped)
        now = datetime.now(UTC)
        with open_installation() as installation:
            decision = look(installation, slug, spec, now, context.cursor)
            note_wait(installation, slug, decision, now)
        first = find_first_days({slug: spec}, decision.starts[0].day, context.log) if decision.starts else {}
        return dg.SensorResult(
            run_requests=[build_request(slug, spec, start, first.get(slug)) for start in decision.starts],
            skip_reason=None if decision.starts else say_wait(slug, spec, decision, now),
            cursor=decision.memory.write(),
        )

    return arrival


def look(installation: Installation, slug: str, spec: IntegrationSpec, now: datetime, cursor: str | None) -> Decision:
    """Look at an integration at `now`, and decide what starts."""
    file = find_file(installation.settings, slug, spec)
    written = min(datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else now, now)
    if spec.after is not None:
        return follow(installation, slug, spec, now, written).decide(Memory.read(cursor))
    watched = LONGEST if spec.arrive_by and reads_events(installation.reports.newest_kind, spec) else 0
    reports = NamedReport(installation, spec.report)
    settings = installation.settings
    remote = settings.walkme_source == "api" or "://" in settings.walkme_files_root
    pause = REMOTE_PAUSE if remote else timedelta()
    return Look(slug, spec, reports, now, written, watched, pause).decide(Memory.read(cursor))


def follow(installation: Installation, slug: str, spec: IntegrationSpec, now: datetime, written: datetime) -> Following:
    """Look at an integration that starts after another one."""
    name = spec.slug_in(spec.after or "")
    syncs, events = installation.syncs, reads_events(installation.reports.newest_kind, spec)
    last = syncs.last_completed_day(slug, spec.environment)
    return Following(slug, spec, syncs.history(name, limit=LOOKED_AT), last, events, now, written)


def note_wait(installation: Installation, slug: str, decision: Decision, now: datetime) -> None:
    """Note in our database what is waited for, for log and console."""
    if decision.wait is None:
        if installation.waiting.list(now, slug):
            installation.waiting.end(slug)
        return
    installation.waiting.note(build_note(slug, decision.wait, now))


def build_note(slug: str, wait: Wait, now: datetime) -> WaitingDay:
    """Build the note of what is waited for at `now`."""
    return WaitingDay(slug, wait.day, wait.since, wait.until, wait.reason, now)


def say_wait(slug: str, spec: IntegrationSpec, decision: Decision, now: datetime) -> str:
    """Say for Dagster what is waited for, or why nothing is due."""
    if wait := decision.wait:
        return build_note(slug, wait, now).say(spec.times.say)
    return decision.note or "nothing is due, and no report was dropped again"


def build_request(slug: str, spec: IntegrationSpec, start: Start, first: date | None) -> dg.RunRequest:
    """Build the request for a run: of one day, or, when a schedule is due, of all days since `first`."""
    by = f"{AFTER} {spec.after}" if spec.after else BY_ARRIVAL if start.tick else BY_CHANGE
    tags = run_tags(slug, spec.environment, by)
    if start.tick is None or first is None:
        return dg.RunRequest(run_key=start.key, partition_key=start.day.isoformat(), tags=tags)
    return dg.RunRequest(run_key=start.key, tags=tags | range_tags(first, start.day))


def describe(spec: IntegrationSpec) -> str:
    """Describe for Dagster when an integration starts."""
    quiet = f", not between {' or '.join(spec.not_between)}" if spec.not_between else ""
    if spec.after:
        return f"Starts {escape_markdown(spec.name)} after each completed run of {spec.after}{quiet}."
    until = f", as soon as its report has landed, at the latest at {spec.arrive_by}" if spec.arrive_by else ""
    return f"Starts {escape_markdown(spec.name)} at {spec.times.expression}{until}{quiet}."


def build_arrival_sensors(loaded: Integrations) -> dg.Definitions:
    """Build the sensors of all integrations that need one."""
    return dg.Definitions(
        sensors=[
            build_arrival_sensor(slug, spec)
            for slug, spec in sorted(loaded.specs.items())
            if spec.enabled and spec.waits
        ]
    )
