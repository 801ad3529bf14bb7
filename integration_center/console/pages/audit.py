"""The audit log, for operators."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.shell.context import console_of
from integration_center.console.shell.page import Link, Page, view
from integration_center.console.shell.rendering import render
from integration_center.console.shell.users import Role

PAGE_LENGTH = 100


def show_audit(request: Request) -> Response:
    """Who did what, the newest first, a page at a time."""
    given = request.query_params.get("page", "1")
    number = int(given) if given.isdecimal() and 0 < len(given) < 7 else 1
    number = max(number, 1)
    audit = console_of(request).installation.audit
    entries = audit.list(limit=PAGE_LENGTH + 1, offset=(number - 1) * PAGE_LENGTH)
    values = {"entries": entries[:PAGE_LENGTH], "number": number, "more": len(entries) > PAGE_LENGTH}
    return render(request, "audit.html", values)


PAGE = Page(nav=(Link("Audit", "/audit", Role.OPERATOR),), routes=(view("/audit", show_audit, role=Role.OPERATOR),))
