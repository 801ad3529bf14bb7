"""Undo: what a run wrote is written back, after its plan was seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.dagster import DagsterDown, Started, launch_once
from integration_center.console.labels import find_labels
from integration_center.console.lookups import Answer, wait_for
from integration_center.console.pages.log import find_sync
from integration_center.console.shell.context import Console, console_of, note, user_of
from integration_center.console.shell.links import record_url
from integration_center.console.shell.page import Page, change, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.database.sync_records import SyncRecord
from integration_center.pipeline.instance.webserver import find_prefix
from integration_center.pipeline.jobs.later_step import request_later
from integration_center.pipeline.jobs.undo import plan_undo, require_undoable
from integration_center.pipeline.names import UNDO
from integration_center.sync.outcomes import Outcome
from integration_center.sync.sample import sample_changes

KEPT = 300.0
MOST = 20
SHOWN = 6


def show_undo(request: Request) -> Response:
    """The plan of an undo; progress until it is there."""
    console, sync = console_of(request), _require_sync(request)
    answer = ask_undo(console, sync, again="again" in request.query_params)
    here = f"/integrations/{sync.slug}/runs/{sync.run_id}"
    file = console.defs.find(sync.slug)
    ready = wait_for([answer])
    values = {
        "sync": sync,
        "here": here,
        "plan": answer.get() if ready else None,
        "step": answer.step,
        "labels": find_labels(console, sync.environment, sync.object),
        "org": record_url(console, sync, ""),
        "on_schedule": bool(file and file.spec and file.spec.enabled),
    }
    return render(request, "undo.html", values)


def undo(request: Request) -> Response:
    """Start the undo."""
    console, sync = console_of(request), _require_sync(request)
    here = f"/integrations/{sync.slug}/runs"
    try:
        started = start_undo(console, sync, triggered_by=user_of(request).name)
    except DagsterDown as error:
        return redirect(request, f"{here}/{sync.run_id}", f"{error}.", "danger")
    to = f"{here}/{started.run_id}"
    if started.already:
        said = "This integration runs just now, so the undo was not started. This is that run; undo after it has ended."
        return redirect(request, to, said, "warning")
    note(
        request,
        Action.UNDID,
        slug=sync.slug,
        environment=sync.environment,
        detail=f"run {sync.run_id}",
        run_id=started.run_id,
    )
    return redirect(request, to)


def _require_sync(request: Request) -> SyncRecord:
    sync = find_sync(request)
    if sync is None:
        raise HTTPException(404, "The run is starting, so there is nothing to undo yet.")
    return sync


@dataclass(frozen=True)
class PlannedUndo:
    """What an undo would write now.

    Attributes:
        counts: records by outcome.
        changes: a few changed fields: record Id, key, field, before, after.
    """

    counts: Mapping[str, int]
    changes: Sequence[Mapping[str, Any]]

    @property
    def planned(self) -> int:
        """How many records it would write back."""
        return self.counts.get(Outcome.PLANNED, 0)


def ask_undo(console: Console, sync: SyncRecord, *, again: bool = False) -> Answer[PlannedUndo]:
    """Ask for the plan of an undo; `again` makes a new one. Nothing is written."""
    key = ("undo", sync.run_id, sync.slug)
    if again:
        console.lookups.forget(*key)

    def work(tell: Callable[[str], None]) -> PlannedUndo:
        installation = console.interactive
        environment = require_undoable(installation, sync)
        tell(f"Reading the records that this run wrote in {environment.title}")
        with installation.work_folder() as folder, installation.connect(environment) as org:
            plan = plan_undo(installation, org, sync, folder)
            changes = sample_changes(plan.file.scan(), Outcome.PLANNED, records=SHOWN)
        return PlannedUndo(plan.tally.lines.as_dict(), changes)

    return console.lookups.ask(key, work, kept=KEPT, most=MOST)


def start_undo(console: Console, sync: SyncRecord, *, triggered_by: str) -> Started:
    """Start the run that undoes `sync`, unless a run of the integration is under way.

    Raises:
        PlanMissing: there is nothing to undo.
        DagsterDown: Dagster does not answer.
        ConfigurationError: Dagster refused the run.
    """
    environment = require_undoable(console.installation, sync)
    file = console.defs.find(sync.slug)
    spec = file.spec if file else None
    prefix = find_prefix(console.find_dagster, sync.slug, spec)
    return launch_once(console, sync.slug, None, request_later(UNDO, sync, environment, prefix, triggered_by))


PAGE = Page(
    routes=(
        view("/integrations/{slug}/runs/{run_id}/undo", show_undo, role=Role.OPERATOR),
        change("/integrations/{slug}/runs/{run_id}/undo", undo),
    ),
)
