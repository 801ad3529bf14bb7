"""Serves the Dagster UI to people on this machine, and to no page of another site.

Dagster 1.13 runs GraphQL mutations on GET and on any POST, and checks neither Host nor Origin: any page that a person
opens could start a run. This is Dagster's own web server with the console's shield before it.

Started by `integration-center up` as `python -m integration_center.pipeline.instance.dagster_ui --port PORT`.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY, RefusedAttempt
from integration_center.database.engine import build_engine
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.webserver import find_workspace
from integration_center.settings import Settings, read_settings
from integration_center.web.limits import build_server_config, run_server
from integration_center.web.refused_requests import RefusedRequests, find_reason, note_reason
from integration_center.web.shield import LOOPBACK_NAMES, READS, Door, Refusal, Shield, is_from_elsewhere

FRAMES = "frame-ancestors 'self'"
HOST = "127.0.0.1"
"""The Dagster UI has no sign-in, so it listens to this machine only."""
REFUSED = frozenset({403, 405, 415, 421})
"""The statuses with which the shield and `ChangesByJson` refuse."""
JSON = "application/json"
CHANGING = ("mutation", "subscription")
"""The words by which GraphQL begins what is no query. Nothing can stand for a letter of them."""
POLL_MILLISECONDS = 2_000
"""How often the UI asks for new data; Dagster's own default."""
STATEMENT_MILLISECONDS, POOL_SECONDS, POOL_OVERFLOW = 15_000, 3_600, 20
"""What Dagster's own command sets for the databases of a web server."""


class ChangesByJson:
    """ASGI middleware: what changes something comes by POST with JSON, and from no other site.

    A page of another site can send a GET, a form or plain text without asking; JSON it may not, and its browser names
    the site it comes from.

    Args:
        app: what comes after.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = find_hidden_change(scope) if scope["type"] == "http" else None
        if refusal is not None:
            note_reason(scope, refusal)
            await PlainTextResponse(refusal.text, status_code=refusal.status)(scope, receive, send)
            return
        with suppress(ClientDisconnect):  # nobody waits for the answer to a request that did not arrive as a whole
            await self.app(scope, receive, send)


def find_hidden_change(scope: Scope) -> Refusal | None:
    """Judge an HTTP request by what it would change; None when it may go on."""
    headers = Headers(scope=scope)
    if scope["method"] in READS:
        queries = QueryParams(scope["query_string"]).getlist("query")
        if any(map(may_change, queries)):
            return Refusal(405, f"Send what changes something by POST with the content type {JSON}.")
        return None
    if is_from_elsewhere(headers):
        return Refusal(403, "The request did not come from this Dagster UI.")
    if [kind.partition(";")[0].strip().lower() for kind in headers.getlist("content-type")] != [JSON]:
        return Refusal(415, f"Send what changes something with the content type {JSON}.")
    return None


def may_change(query: str) -> bool:
    """Whether a GraphQL document may hold anything but queries.

    How deep a document may nest depends on the stack, so that Dagster may parse one that cannot be parsed here.
    """
    if not any(word in query for word in CHANGING):
        return False
    try:
        document = parse(query, no_location=True)
    except GraphQLError:
        return True
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return any(node.operation is not OperationType.QUERY for node in operations)


class ShieldedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's web server, behind the shield.

    Args:
        process_context: of its workspace.
        door: where it is reached.
        engine: our database, whose audit log takes what is refused.
    """

    def __init__(self, process_context: Any, door: Door, engine: Engine) -> None:
        self._door = door
        self._engine = engine
        super().__init__(process_context, live_data_poll_rate=POLL_MILLISECONDS)

    def make_csp_header(self, nonce: str) -> str:
        """Dagster's own policy for its pages, which says nothing of frames."""
        return f"{super().make_csp_header(nonce).strip().rstrip(';')}; {FRAMES}"

    def build_middleware(self) -> list[Middleware]:
        """The shield comes first, except for the note of what it refuses."""
        return [
            Middleware(RefusedRequests, engine=self._engine, describe=describe_refusal, statuses=REFUSED),
            Middleware(Shield, door=self._door, on_refusal=note_reason),
            Middleware(ChangesByJson),
            *super().build_middleware(),
        ]


def describe_refusal(request: HTTPConnection, status: int) -> RefusedAttempt:
    """Describe for the audit log what the Dagster UI refused; it has no users."""
    kind = "WebSocket" if request.scope["type"] == "websocket" else "request"
    return RefusedAttempt(Action.REFUSED, NOBODY, f"{kind} to the Dagster UI: {find_reason(request, status)}")


def build_door(settings: Settings) -> Door:
    """Where the Dagster UI is reached: under this machine's names, and those that the settings name for a proxy."""
    return Door(
        "Dagster UI",
        hosts=LOOPBACK_NAMES | settings.dagster_host_names,
        forwarded=bool(settings.dagster_host_names),
        forwarded_advice=(
            "The Dagster UI has no sign-in: put a proxy with sign-in before it, and name the proxy's host in"
            " INTEGRATION_CENTER_DAGSTER_HOSTS."
        ),
        headers={
            "x-frame-options": "SAMEORIGIN",
            "content-security-policy": FRAMES,
            "cross-origin-opener-policy": "same-origin",
        },
    )


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    yield


def serve(settings: Settings, port: int) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    configure_loggers(formatter="json" if settings.log_format == "json" else "colored", log_level="INFO")
    setup_interrupt_handlers()
    target = WorkspaceFileTarget(paths=[str(find_workspace(settings))])
    with open_instance(settings) as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_SECONDS, POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, target, version=__version__) as workspace:
            server = ShieldedWebserver(workspace, build_door(settings), build_engine(settings.database))
            app = server.create_asgi_app(lifespan=_lifespan)
            with suppress(KeyboardInterrupt):  # uvicorn raises the signal again that ended it
                run_server(build_server_config(app, HOST, port))


def main() -> None:
    """Read the port, and serve."""
    parser = argparse.ArgumentParser(prog="integration_center.pipeline.instance.dagster_ui", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(read_settings(), parser.parse_args().port)


if __name__ == "__main__":
    main()
