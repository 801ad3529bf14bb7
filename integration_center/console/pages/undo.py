"""Undo: what a run wrote is written back, after its plan was seen."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.dagster import DagsterDown
from integration_center.console.labels import find_labels
from integration_center.console.lookups import wait_for
from integration_center.console.pages.log import find_sync
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.links import record_url
from integration_center.console.shell.page import Page, change, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.users import Role
from integration_center.console.undoing import ask_undo, start_undo
from integration_center.database.sync_records import SyncRecord

PATIENCE = 1.2


def show_undo(request: Request) -> Response:
    """The plan of an undo; progress until it is there."""
    console, sync = console_of(request), _require_sync(request)
    answer = ask_undo(console, sync, again="again" in request.query_params)
    here = f"/integrations/{sync.slug}/runs/{sync.run_id}"
    file = console.defs.find(sync.slug)
    ready = wait_for([answer], PATIENCE)
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


PAGE = Page(
    routes=(
        view("/integrations/{slug}/runs/{run_id}/undo", show_undo, role=Role.OPERATOR),
        change("/integrations/{slug}/runs/{run_id}/undo", undo),
    ),
)
