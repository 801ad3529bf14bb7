"""What admins do: stop everything, and resume."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.pages.log import find_starting_runs
from integration_center.console.shell.context import address_of, console_of, note, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import attach, redirect, render
from integration_center.pipeline.administration.security_overview import write_overview
from integration_center.pipeline.administration.stop_all import resume, stop_all
from integration_center.pipeline.runs.deadline import Errand

NOTHING = "Nothing is stopped."
LIFTED = "The stop is lifted. Connect the accounts again; schedules start at their next time."


def show_admin(request: Request) -> Response:
    """The tasks of an admin."""
    return render(request, "admin.html")


def confirm_stop(request: Request) -> Response:
    """What a stop would do; while one is in force, how to lift it."""
    console = console_of(request)
    starting = {name for _, name in find_starting_runs(console, None)}
    running = sorted({sync.name or sync.slug for sync in console.installation.syncs.running()} | starting)
    values = {"accounts": console.installation.accounts.list(), "running": running}
    return render(request, "stop.html", values)


def begin_stop(request: Request) -> Response:
    """Stop everything, and show what was stopped."""
    installation = console_of(request).installation
    reason = str(form_of(request).get("reason", ""))
    done = stop_all(installation, who=user_of(request).name, where=address_of(request), reason=reason)
    Errand("late revocations", done.await_late_revocations).begin()  # the audit log says what became of them
    request.state.stop = done.stop
    return render(request, "stopped.html", {"done": done})


def end_stop(request: Request) -> Response:
    """Lift the stop."""
    lifted = resume(console_of(request).installation, who=user_of(request).name, where=address_of(request))
    return redirect(request, "/accounts" if lifted else "/admin", LIFTED if lifted else NOTHING)


def download_overview(request: Request) -> Response:
    """The page for a security review, as a file."""
    console = console_of(request)
    content = write_overview(console.installation, console.now())
    note(request, Action.DOWNLOADED, detail="the security overview")
    name = f"security-overview-{console.now():%Y-%m-%d}.md"
    return PlainTextResponse(content, media_type="text/markdown; charset=utf-8", headers=attach(name))


PAGE = Page(
    nav=(Link("Admin", "/admin", Role.ADMIN),),
    routes=(
        view("/admin", show_admin, role=Role.ADMIN),
        view("/admin/stop", confirm_stop, role=Role.ADMIN),
        change("/admin/stop", begin_stop, role=Role.ADMIN),
        change("/admin/resume", end_stop, role=Role.ADMIN),
        view("/admin/security-overview", download_overview, role=Role.ADMIN),
    ),
)
