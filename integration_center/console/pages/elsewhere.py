"""The integrations of other projects that share the Dagster: shown below ours, and started from there."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.dagster import launch_once
from integration_center.console.engine import Engine
from integration_center.console.shell.context import Console, console_of, note, user_of
from integration_center.console.shell.page import Page, change
from integration_center.console.shell.rendering import redirect
from integration_center.database.sync_records import SyncRecord
from integration_center.insights.source import last_full_day
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.everywhere import LocatedIntegration
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.names import push_config, run_tags

PATIENCE = 10.0
"""Seconds for which a press waits for Dagster to say what it has loaded."""


@dataclass(frozen=True)
class OtherIntegration:
    """An integration of another project.

    Attributes:
        integration: as its code location has loaded it.
        environment: its account; None for a broken one, which cannot run.
        last: its newest line in the log.
    """

    integration: LocatedIntegration
    environment: Environment | None
    last: SyncRecord | None


def list_elsewhere(console: Console, engine: Engine | None) -> Sequence[OtherIntegration]:
    """List the integrations of other projects, with their last runs."""
    found = engine.elsewhere if engine else ()
    if not found:
        return []
    last = console.installation.syncs.last([each.slug for each in found])
    names = console.installation.accounts.names
    return [
        OtherIntegration(each, names.find(each.environment) if each.environment else None, last.get(each.slug))
        for each in found
    ]


def run_elsewhere(request: Request) -> Response:
    """Start a run of the newest full day, in the code location that has the integration."""
    console, slug = console_of(request), request.path_params["slug"]
    others = list_elsewhere(console, console.engine.read(PATIENCE))
    environment = next((each.environment for each in others if each.integration.slug == slug), None)
    if environment is None:
        raise HTTPException(404, f"No project that Dagster has loaded has a sound integration {slug!r}.")
    day, user = last_full_day(console.now()), user_of(request)
    tags = run_tags(slug, environment, user.name)
    started = launch_once(console, slug, None, RunRequest(slug, (day, day), tags, run_config=push_config(slug)))
    to = f"/integrations/{slug}/runs/{started.run_id}"
    if started.already:
        return redirect(request, to, "It runs already, so nothing was started twice. This is that run.", "info")
    note(request, Action.RAN, slug=slug, environment=environment, detail=f"{day}", run_id=started.run_id)
    return redirect(request, to)


PAGE = Page(routes=(change("/elsewhere/{slug}/run", run_elsewhere),))
