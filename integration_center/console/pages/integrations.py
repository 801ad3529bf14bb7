"""The front page: all integrations, and what their menus do to their files."""

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.dagster import reload_code
from integration_center.console.grid import STATES, Narrowing, build_grid, say_counts
from integration_center.console.obstacles import WEB_SERVER_DOWN
from integration_center.console.reasons import find_reasons
from integration_center.console.results import say_why
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.surroundings import look_around
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile

FEW = 8
"""Up to so many integrations nobody needs to search."""


def show_integrations(request: Request) -> Response:
    """The grid."""
    console = console_of(request)
    narrowing = read_narrowing(request)
    files = console.defs.list()
    around = look_around(console, files)
    may_change = user_of(request).may_change
    grid = build_grid(console, files, around, narrowing, read_page(request), may_change=may_change)
    query = say_narrowing(narrowing)
    values = {
        "grid": grid,
        "narrowing": narrowing,
        "searchable": grid.total > FEW or narrowing.active,
        "states": STATES,
        "environments": list(Environment),
        "query": query,
        "connected": bool(grid.total) or bool(console.installation.accounts.list()),
        "say_counts": say_counts,
        "say_why": say_why,
        "reasons": find_reasons(console, [row.last for row in grid.rows if row.last]),
        "here": f"/?{query}{'&' if query else ''}page={grid.page}",
        "web_server_down": WEB_SERVER_DOWN,
    }
    return render(request, "integrations.html", values)


def read_narrowing(request: Request) -> Narrowing:
    """What the address asks for; what it cannot mean is passed over."""
    asked = request.query_params
    environment = asked.get("environment", "")
    state = asked.get("state", "")
    return Narrowing(
        asked.get("q", "").strip()[:255],
        Environment(environment) if environment in set(Environment) else None,
        state if state in STATES else "",
    )


def say_narrowing(narrowing: Narrowing) -> str:
    """The same for the addresses of other pages of the grid."""
    asked = {"q": narrowing.text, "environment": narrowing.environment or "", "state": narrowing.state}
    return urlencode({name: value for name, value in asked.items() if value})


def read_page(request: Request) -> int:
    """The number of the page asked for; the first when it is none."""
    asked = request.query_params.get("page", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 1


def find_file(request: Request) -> DefsFile:
    """The integration that the address names.

    Raises:
        HTTPException: 404, there is none.
    """
    slug = request.path_params["slug"]
    for file in console_of(request).defs.list():
        if file.slug == slug:
            return file
    raise HTTPException(404, f"There is no integration {slug!r}. It may have been deleted or renamed.")


def enable(request: Request) -> Response:
    """Put an integration on the schedule."""
    return _switch(request, enabled=True)


def disable(request: Request) -> Response:
    """Take an integration off the schedule."""
    return _switch(request, enabled=False)


def _switch(request: Request, *, enabled: bool) -> Response:
    file = find_file(request)
    changed = console_of(request).defs.set_enabled(file.slug, enabled)
    environment = changed.spec.environment if changed.spec else None
    note(request, Action.ENABLED if enabled else Action.DISABLED, slug=file.slug, environment=environment)
    name = changed.spec.name if changed.spec else file.slug
    said = f"{name} is on the schedule." if enabled else f"{name} is off the schedule; it still runs by Run Now."
    reloaded = reload_code(console_of(request))
    return redirect(request, "/", f"{said} {reloaded.text}", "success" if reloaded.done else "warning")


def confirm_delete(request: Request) -> Response:
    """Ask before an integration is deleted."""
    return render(request, "delete.html", {"file": find_file(request)})


def delete(request: Request) -> Response:
    """Delete the file that was shown; the history stays in the log."""
    file = find_file(request)
    console_of(request).defs.delete(file.slug, content_hash=form_of(request).get("content_hash"))
    note(request, Action.DELETED, slug=file.slug, environment=file.spec.environment if file.spec else None)
    reloaded = reload_code(console_of(request))
    name = file.spec.name if file.spec else file.slug
    text = f"{name} is deleted. What it did stays in the log. {reloaded.text}"
    return redirect(request, "/", text, "success" if reloaded.done else "warning")


PAGE = Page(
    nav=(Link("Integrations", "/"),),
    routes=(
        view("/", show_integrations),
        change("/integrations/{slug}/enable", enable),
        change("/integrations/{slug}/disable", disable),
        view("/integrations/{slug}/delete", confirm_delete),
        change("/integrations/{slug}/delete", delete),
    ),
)
