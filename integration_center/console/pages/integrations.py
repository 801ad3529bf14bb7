"""The front page: all integrations."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.page import Link, Page, view
from integration_center.console.rendering import render


def show_integrations(request: Request) -> Response:
    """The grid."""
    return render(request, "integrations.html")


PAGE = Page(nav=(Link("Integrations", "/"),), routes=(view("/", show_integrations),))
