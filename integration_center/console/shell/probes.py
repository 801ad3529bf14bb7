"""What machines ask the console: whether it lives, whether it is ready, and its figures.

A probe of Kubernetes names the pod's address as host, and signs in nowhere, so this comes before the shield.
"""

import hmac

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from integration_center.console.metrics import write_metrics
from integration_center.console.shell.context import Console
from integration_center.database.engine import reading
from integration_center.database.revision import read_revision, require_current
from integration_center.errors import IntegrationCenterError
from integration_center.pipeline.instance.webserver import find_webserver
from integration_center.web.shield import LOOPBACK_NAMES, host_name, is_forwarded

LIVE, READY, METRICS = "/health/live", "/health/ready", "/metrics"
PROBE_SECONDS = 3.0
"""How long Dagster may take to answer."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
NO_TOKEN = "Set INTEGRATION_CENTER_METRICS_TOKEN, and let Prometheus send it as bearer token.\n"  # noqa: S105


class Probes:
    """ASGI middleware: answers `/health/live`, `/health/ready` and `/metrics`, and passes on all else.

    Args:
        app: what comes after.
        console: what is asked about.
    """

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self.app = app
        self.console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] not in {LIVE, READY, METRICS}:
            await self.app(scope, receive, send)
            return
        response = await self._answer(scope)
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        request = Request(scope)
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("", status_code=405, headers={"allow": "GET, HEAD"})
        if scope["path"] == LIVE:
            return PlainTextResponse("ok")
        if scope["path"] == READY:
            parts = await run_in_threadpool(check_parts, self.console)
            return JSONResponse(parts, status_code=200 if all(parts.values()) else 503)
        token = self.console.installation.settings.metrics_token.get_secret_value()
        if token and not is_bearer(request, token):
            return PlainTextResponse("", status_code=401, headers={"www-authenticate": "Bearer"})
        if not token and not is_from_here(request):
            return PlainTextResponse(NO_TOKEN, status_code=403)
        return Response(await run_in_threadpool(write_metrics, self.console), media_type=PROMETHEUS)


def check_parts(console: Console) -> dict[str, bool]:
    """Check what the console needs: its database, its storage, and Dagster."""
    return {"database": has_database(console), "storage": has_storage(console), "dagster": has_dagster(console)}


def has_database(console: Console) -> bool:
    """Whether the database answers, with the tables of this version."""
    engine = console.installation.engine
    try:
        with reading(engine) as connection:
            revision = read_revision(connection)
        if revision is not None:
            require_current(revision, engine)
    except IntegrationCenterError:
        return False
    return revision is not None


def has_storage(console: Console) -> bool:
    """Whether frames can be stored."""
    return console.installation.frames.objects.answers()


def has_dagster(console: Console) -> bool:
    """Whether Dagster's web server answers with integrations."""
    return find_webserver(console.installation.settings, timeout=PROBE_SECONDS) is not None


def is_bearer(request: Request, token: str) -> bool:
    """Whether a request has the token."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def is_from_here(request: Request) -> bool:
    """Whether a request comes from a program on this machine, and not through a proxy."""
    headers = Headers(scope=request.scope)
    local = request.client is not None and request.client.host in LOOPBACK
    return local and host_name(headers.get("host", "")) in LOOPBACK_NAMES and not is_forwarded(request.scope, headers)
