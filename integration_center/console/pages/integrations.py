"""The front page: all integrations, and what their menus do to their files."""

from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.attention import SHOWN
from integration_center.console.dagster import reload_code, start
from integration_center.console.grid import SORTS, STATES, Narrowing, build_grid
from integration_center.console.labels import make_readable
from integration_center.console.lookups import wait_for
from integration_center.console.naming import find_names
from integration_center.console.obstacles import WEB_SERVER_DOWN
from integration_center.console.pages.elsewhere import list_elsewhere
from integration_center.console.pages.reports import ask_for_reports
from integration_center.console.pages.sample import find_place
from integration_center.console.plain_words import say_error
from integration_center.console.results import sentence
from integration_center.console.shell.context import Console, console_of, note, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, read_page, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.sessions import Tone
from integration_center.console.surroundings import look_around
from integration_center.console.wizard.drafts import DraftStore
from integration_center.errors import IntegrationCenterError
from integration_center.insights.source import last_full_day
from integration_center.integration_files.reading import DefsFile

MOST_AT_ONCE = 100
"""Integrations that one press starts or switches."""
STEPS_SECONDS = 0.4
"""Seconds for which the page waits for the reports."""


def show_integrations(request: Request) -> Response:
    """The grid."""
    console = console_of(request)
    narrowing = read_narrowing(request)
    files = console.defs.list()
    around = look_around(console, files)
    may_change = user_of(request).may_change
    grid = build_grid(console, files, around, narrowing, read_page(request), may_change=may_change)
    query = say_narrowing(narrowing)
    just_saved = request.query_params.get("saved", "")
    saved = next((file for file in files if file.slug == just_saved and file.spec and not file.problem), None)
    values = {
        "grid": grid,
        "elsewhere": list_elsewhere(console, around.engine),
        "saved": saved if may_change else None,
        "narrowing": narrowing,
        "states": STATES,
        "environments": console.installation.accounts.names.list(),
        "query": query,
        "address": lambda **changes: say_narrowing(replace(narrowing, **changes)),
        "connected": bool(grid.total) or bool(console.installation.accounts.list()),
        "offers_sample": may_change and not grid.total and find_place(console) is not None,
        "attention": grid.attention[:SHOWN],
        "names": find_names(console, [file.spec for file in files if file.spec and file.problem], files, patience=0),
        "readable": make_readable,
        "here": f"/?{query}{'&' if query else ''}page={grid.page}",
        "web_server_down": WEB_SERVER_DOWN,
        "steps": None if grid.total else find_first_steps(console),
        "drafts": DraftStore(console.installation.engine).list(user_of(request).name) if may_change else (),
    }
    return render(request, "integrations.html", values)


def read_narrowing(request: Request) -> Narrowing:
    """What the address asks for; what it cannot mean is passed over."""
    asked = request.query_params
    state, sort = asked.get("state", ""), asked.get("sort", "")
    return Narrowing(
        asked.get("q", "").strip()[:255],
        console_of(request).installation.accounts.names.find(asked.get("environment", "")),
        state if state in STATES else "",
        asked.get("report", "")[:255],
        asked.get("object", "")[:255],
        sort if sort in SORTS else "name",
    )


def say_narrowing(narrowing: Narrowing) -> str:
    """The same for the addresses of other pages of the grid."""
    asked = {
        "q": narrowing.text,
        "environment": narrowing.environment or "",
        "state": narrowing.state,
        "report": narrowing.report,
        "object": narrowing.object,
        "sort": "" if narrowing.sort == "name" else narrowing.sort,
    }
    return urlencode({name: value for name, value in asked.items() if value})


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
    changed = _switch_file(request, file, enabled=enabled)
    name = changed.title
    said = f"{name} is on the schedule." if enabled else f"{name} is off the schedule; it still runs by Run Now."
    reloaded = reload_code(console_of(request))
    tone: Tone = "success" if reloaded.done else "warning"
    return redirect(request, read_back(request), f"{said} {reloaded.text}".strip(), tone)


def _switch_file(request: Request, file: DefsFile, *, enabled: bool) -> DefsFile:
    changed = console_of(request).defs.set_enabled(file.slug, enabled, by=user_of(request).name)
    action = Action.ENABLED if enabled else Action.DISABLED
    note(request, action, slug=file.slug, environment=changed.environment)
    return changed


def read_back(request: Request) -> str:
    """Where a change was asked for, so that its answer is shown there: a page of an integration, else the grid."""
    back = form_of(request).get("back", "")
    return back if back.startswith("/integrations/") else "/"


def change_several(request: Request) -> Response:
    """Run, enable or disable the chosen integrations; what one refuses stops none of the others."""
    form = form_of(request)
    chosen = set(form.getlist("slug")[:MOST_AT_ONCE])
    console = console_of(request)
    files = [file for file in console.defs.list() if file.slug in chosen]
    go = form.get("go", "")
    if not files or go not in ("run", "enable", "disable"):
        return redirect(request, "/", "Choose at least one integration first.", "warning")
    done, refused = [], []
    for file in files:
        name = file.title
        try:
            if go == "run":
                start(request, file, last_full_day(console.now()), push=True)
            else:
                _switch_file(request, file, enabled=go == "enable")
            done.append(name)
        except IntegrationCenterError as error:
            refused.append(f"{name}: {sentence(say_error(error))}")
    said = {"run": "started", "enable": "on the schedule", "disable": "off the schedule"}[go]
    text = [f"{', '.join(done)} {'is' if len(done) == 1 else 'are'} {said}."] if done else []
    if go != "run" and done:
        text.append(reload_code(console).text)
    lines = "\n".join([" ".join(text).strip(), *refused]).strip()
    return redirect(request, "/", lines, "warning" if refused else "success")


def confirm_delete(request: Request) -> Response:
    """Ask before an integration is deleted."""
    return render(request, "delete.html", {"file": find_file(request)})


def delete(request: Request) -> Response:
    """Delete the file that was shown; the history stays in the log."""
    file = find_file(request)
    shown = form_of(request).get("content_hash")
    console_of(request).defs.delete(file.slug, content_hash=shown, by=user_of(request).name)
    note(request, Action.DELETED, slug=file.slug, environment=file.environment)
    reloaded = reload_code(console_of(request))
    name = file.title
    text = f"{name} is deleted. What it did stays in the log. {reloaded.text}".strip()
    return redirect(request, "/", text, "success" if reloaded.done else "warning")


@dataclass(frozen=True)
class FirstSteps:
    """What is done already.

    Attributes:
        accounts: the connected environments.
        report: a report with data, and its newest day; None where none has any, or where that is not known yet.
    """

    accounts: tuple[str, ...] = ()
    report: tuple[str, date] | None = None


def find_first_steps(console: Console) -> FirstSteps:
    """Find out which steps are done; asks for the reports in the background, and waits a moment."""
    accounts = tuple(account.environment.title for account in console.installation.accounts.list())
    asked = ask_for_reports(console)
    if not wait_for([asked], STEPS_SECONDS):
        return FirstSteps(accounts)
    try:
        reports, _ = asked.get()
    except IntegrationCenterError:  # the page of the reports says why
        return FirstSteps(accounts)
    found = [(each.newest, each.info.name) for each in reports if each.newest and not each.problem]
    newest = max(found, default=None)
    return FirstSteps(accounts, (newest[1], newest[0]) if newest else None)


PAGE = Page(
    nav=(Link("Integrations", "/"),),
    routes=(
        view("/", show_integrations),
        change("/integrations", change_several),
        change("/integrations/{slug}/enable", enable),
        change("/integrations/{slug}/disable", disable),
        view("/integrations/{slug}/delete", confirm_delete, role=Role.OPERATOR),
        change("/integrations/{slug}/delete", delete),
    ),
)
