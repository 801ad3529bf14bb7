"""The console as an ASGI application."""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from integration_center.console.lookups import ReadOnce
from integration_center.console.pages import PAGES
from integration_center.console.shell.context import Console
from integration_center.console.shell.faults import show_http_error
from integration_center.console.shell.page import Page
from integration_center.console.shell.probes import Probes
from integration_center.console.shell.refused_requests import ConsoleRefusals
from integration_center.console.shell.rendering import asset_url, build_templates
from integration_center.console.shell.security import HEADERS
from integration_center.console.shell.sessions import Sessions
from integration_center.settings import Settings
from integration_center.web.refused_requests import RefusedRequests, note_reason
from integration_center.web.shield import LOOPBACK_NAMES, Door, Shield

NOBODY_SIGNS_IN = "Nobody has to sign in here, so only this machine is answered. Ask the server admin to set up users."
KEPT = "public, max-age=31536000, immutable"


class Assets(StaticFiles):
    """Our static files; their addresses change with their content, so browsers may keep them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """A file, to be kept."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = KEPT
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 404.

        It is not kept where its address is that of another content: in a rolling upgrade, the page may be that of a
        newer console.
        """
        response = await super().get_response(path, scope)
        asked = scope["query_string"].decode("latin-1")
        if response.headers.get("cache-control") == KEPT and asked and asset_url(path) != f"/static/{path}?{asked}":
            response.headers["cache-control"] = "no-store"
        return response


def build_app(console: Console, *, hosts: Collection[str] = (), pages: Sequence[Page] = PAGES) -> Starlette:
    """The console.

    Args:
        console: what its pages work with.
        hosts: names under which it may be asked for, besides those of `known_hosts`.
        pages: what it answers to.

    Raises:
        ConfigurationError: the installation's key cannot be used.
    """
    settings = console.installation.settings
    app = Starlette(
        routes=[
            *(route for page in pages for route in page.routes),
            Route("/health", answer_health),
            Mount("/static", Assets(packages=[("integration_center.console", "static")])),
        ],
        middleware=[
            Middleware(Probes, console=console),
            *build_proxy_trust(settings),
            Middleware(RefusedRequests, engine=console.installation.engine, describe=ConsoleRefusals(console).describe),
            Middleware(Shield, door=build_door(settings, hosts), on_refusal=note_reason),
            Middleware(Sessions, cipher=console.cipher),
            Middleware(ReadOnce),
        ],
        exception_handlers={HTTPException: answer_http_error},
    )
    app.state.console = console
    app.state.templates = build_templates(console.now)
    app.state.nav = tuple(link for page in pages for link in page.nav)
    return app


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What no page answers to."""
    if not isinstance(error, HTTPException):
        raise error
    return show_http_error(request, error)


async def answer_health(request: Request) -> Response:
    """Says that the console runs, to whatever watches it."""
    return PlainTextResponse("ok")


def build_proxy_trust(settings: Settings) -> list[Middleware]:
    """What makes the address and scheme of a request those that a trusted proxy says; nothing without one."""
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies.split(","))]


def build_door(settings: Settings, hosts: Collection[str]) -> Door:
    """Where the console is reached: under this machine's names, `hosts`, and the callback URL's where there are users.

    Without users everybody who reaches it acts as the operator, and a proxy on this machine would let everybody reach
    it: the console then answers nothing that came through one.
    """
    users = settings.has_sign_in
    callback = urlsplit(settings.callback_url).hostname
    names = {*LOOPBACK_NAMES, *hosts, *([callback] if callback and users else [])}
    return Door(
        "console",
        hosts={name.lower() for name in names},
        forwarded=users,
        forwarded_advice=NOBODY_SIGNS_IN,
        headers=HEADERS,
    )
