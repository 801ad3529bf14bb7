"""`list`: the integrations, with the broken ones and why."""

from datetime import UTC, datetime
from typing import Any

from integration_center.cli.output import AsJson, Column, errors, print_rows
from integration_center.installation import Installation, open_installation
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.integration_files.places import find_folder
from integration_center.pipeline.judging import read_folder
from integration_center.pipeline.unlogged_runs import log_ended_runs
from integration_center.settings import read_paths


def list_integrations(as_json: AsJson = False) -> None:
    """The integrations, with the broken ones and why."""
    loaded = read_folder(find_folder(read_paths()))
    with open_installation() as installation:
        log_ended_runs(installation, loaded.by_slug)
        rows = [describe(installation, loaded, slug) for slug in loaded.slugs]
        stop = installation.stops.find()
    columns = (
        Column("slug", "Integration"),
        Column("report", "Report"),
        Column("object", "Object"),
        Column("environment", "Account"),
        Column("schedule", "Schedule (UTC)"),
        Column("waiting", "Waiting"),
        Column("last_status", "Last run"),
        Column("last_start", "Start (UTC)"),
        Column("error", "Problem"),
    )
    paths = read_paths()
    place = "the database" if paths.defs_in_database else paths.defs
    empty = f"No integration in {place}. See the README: write an integration."
    print_rows([row | {"stopped": stop is not None} for row in rows], columns, as_json=as_json, empty=empty)
    if stop is not None:
        errors.print(f"{stop.sentence}. Resume with: integration-center resume", markup=False, soft_wrap=True)


def say_start(spec: IntegrationSpec, now: datetime) -> str:
    """Say when an integration starts: its cron expression, or what it follows; and until when it is paused."""
    said = f"after {spec.after}" if spec.after else spec.times.expression
    return f"{said}, {say_pause(spec.times)}" if spec.times.is_paused(now) else said


def describe(installation: Installation, loaded: Integrations, slug: str) -> dict[str, Any]:
    """One row of the list."""
    spec = loaded.specs.get(slug)
    last = next(iter(installation.syncs.history(slug, limit=1)), None)
    now = datetime.now(UTC)
    wait = next(iter(installation.waiting.list(now, slug)), None)
    return {
        "slug": slug,
        "name": spec.name if spec else None,
        "report": spec.report if spec else None,
        "object": spec.object if spec else None,
        "environment": spec.environment.value if spec else None,
        "enabled": spec.enabled if spec else None,
        "schedule": (say_start(spec, now) if spec.enabled else "off") if spec else None,
        "waiting": wait.say(spec.times) if wait and spec else None,
        "last_status": last.status.value if last else None,
        "last_start": last.started_at if last else None,
        "last_counts": dict(last.counts) if last else None,
        "error": loaded.broken.get(slug),
    }
