"""`list`: the integrations, with the broken ones and why."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from integration_center.cli.arguments import say_none
from integration_center.cli.output import AsJson, Column, errors, print_rows
from integration_center.errors import ServiceUnavailable
from integration_center.installation import Installation, open_installation
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.runs.unlogged_runs import log_ended_runs


def list_integrations(
    everywhere: Annotated[
        bool,
        typer.Option("--everywhere", help="Those of all code locations that the running Dagster has loaded."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The integrations, with the broken ones and why."""
    if everywhere:
        show_everywhere(as_json=as_json)
        return
    loaded = read_installed()
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
    print_rows([row | {"stopped": stop is not None} for row in rows], columns, as_json=as_json, empty=say_none())
    if stop is not None:
        errors.print(f"{stop.sentence}. Resume with: integration-center resume", markup=False, soft_wrap=True)


def show_everywhere(*, as_json: bool) -> None:
    """Show the integrations of all projects that share the Dagster which runs.

    Raises:
        ServiceUnavailable: none runs.
    """
    from integration_center.pipeline.instance.everywhere import list_everywhere
    from integration_center.pipeline.instance.webserver import find_webserver

    with open_installation() as installation:
        webserver = find_webserver(installation.settings)
        if webserver is None:
            raise ServiceUnavailable(
                "no Dagster answers that has loaded integrations, and only it knows those of other folders. Start it"
                " with integration-center up or dg dev, or name it with INTEGRATION_CENTER_DAGSTER_URL"
            )
        found = list_everywhere(webserver)
        last = installation.syncs.last([each.slug for each in found])
    rows = [
        {
            **asdict(each),
            "last_status": last[each.slug].status.value if each.slug in last else None,
            "last_start": last[each.slug].started_at if each.slug in last else None,
        }
        for each in found
    ]
    columns = (
        Column("slug", "Integration"),
        Column("location", "Code location"),
        Column("says", "What it does"),
        Column("environment", "Account"),
        Column("last_status", "Last run"),
        Column("last_start", "Start (UTC)"),
    )
    print_rows(rows, columns, as_json=as_json, empty="No code location has an integration.")


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
        "waiting": wait.say(spec.times.say) if wait and spec else None,
        "last_status": last.status.value if last else None,
        "last_start": last.started_at if last else None,
        "last_counts": dict(last.counts) if last else None,
        "error": loaded.broken.get(slug),
    }
