"""The doctor: how everything is, and what to do."""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.users import Role
from integration_center.console.lookups import wait_for
from integration_center.console.naming import Names, find_names
from integration_center.console.shell.context import console_of
from integration_center.console.shell.page import Link, Page, view
from integration_center.console.shell.rendering import attach, render
from integration_center.pipeline.doctor.bundle import build_bundle
from integration_center.pipeline.doctor.examination import examine
from integration_center.pipeline.doctor.findings import Checked, State

KEPT = 60.0
KEY = ("doctor",)
PAGES = {"accounts": Link("Accounts", "/accounts"), "alerts": Link("Alerts", "/alerts")}
"""The pages that do what a command does, which the advice for the terminal names."""
MACHINE = {"versions", "settings"}
"""What is said of the machine, with its paths and libraries: for support, so in its file, and here only when wrong."""


def show_doctor(request: Request) -> Response:
    """Show what the doctor found, and progress until it is there."""
    console = console_of(request)
    if "again" in request.query_params:
        console.lookups.forget(*KEY)

    def work(tell: Callable[[str], None]) -> list[Checked]:
        found = []
        for each in examine(console.interactive, datetime.now(UTC)):
            found.append(each)
            tell(f"Looked at {each.area}")
        return found

    answer = console.lookups.ask(KEY, work, kept=KEPT)
    ready = wait_for([answer])
    found = [each for each in answer.get() if each.area not in MACHINE or each.state is not State.OK] if ready else []
    files = console_of(request).defs.list() if ready else []
    worst_first = sorted(found, key=lambda each: (*State,).index(each.state), reverse=True)
    values = {
        "ready": ready,
        "step": answer.step,
        "found": worst_first,
        "pages": PAGES,
        "names": find_names(console, [file.spec for file in files if file.spec], files) if ready else Names(),
        "problems": sum(each.state is State.PROBLEM for each in found),
        "warnings": sum(each.state is State.WARNING for each in found),
    }
    return render(request, "doctor.html", values)


def download_bundle(request: Request) -> Response:
    """Send what support needs, without secrets and personal data."""
    installation = console_of(request).interactive
    now = datetime.now(UTC)
    content = build_bundle(installation, list(examine(installation, now)))
    return Response(content, media_type="application/zip", headers=attach(f"integration-center-{now:%Y-%m-%d}.zip"))


PAGE = Page(
    nav=(Link("Doctor", "/doctor", Role.OPERATOR),),
    routes=(
        view("/doctor", show_doctor, role=Role.OPERATOR),
        view("/doctor/bundle.zip", download_bundle, role=Role.OPERATOR),
    ),
)
