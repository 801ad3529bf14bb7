"""Notes in the audit log what a web server of ours refused: another role, site or host, or too many sign-ins."""

import logging
from collections.abc import Callable, Collection

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_center.access.refused_attempts import RefusedAttempt, RefusedAttempts
from integration_center.errors import IntegrationCenterError
from integration_center.web.shield import Refusal

logger = logging.getLogger(__name__)

REASONS = {
    403: "came from another site, or without the right to do it",
    413: "sent too much",
    415: "sent something else than a form",
    421: "asked for this server under a name that is not its own",
    429: "came too often",
}
"""What is said of a refusal, by the status of its answer, where nothing has said more."""
HANDSHAKE_REFUSED = 403
"""The status of a WebSocket that is closed before it was accepted."""

Describe = Callable[[HTTPConnection, int], RefusedAttempt]


def note_reason(scope: Scope, refusal: Refusal) -> None:
    """Keep the reason of a refusal for the audit log."""
    scope.setdefault("state", {})["refused_because"] = refusal.text


def find_reason(request: HTTPConnection, status: int) -> str:
    """Find why a request was refused."""
    reason: str = getattr(request.state, "refused_because", None) or REASONS.get(status, f"was answered with {status}")
    return reason


class RefusedRequests:
    """ASGI middleware: notes each refused request and WebSocket, before its answer is sent.

    Args:
        app: what comes after.
        engine: our database.
        describe: says what was refused, from the request and the status of its answer. Runs in a thread.
        statuses: of the answers that are noted.
    """

    def __init__(
        self, app: ASGIApp, engine: Engine, describe: Describe, statuses: Collection[int] = frozenset(REASONS)
    ) -> None:
        self.app = app
        self.engine = engine
        self.describe = describe
        self.statuses = statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        accepted = False

        async def note_and_send(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            status: int = message["status"] if message["type"] == "http.response.start" else 0
            if message["type"] == "websocket.close" and not accepted:
                status = HANDSHAKE_REFUSED
            if status in self.statuses:
                await run_in_threadpool(self._note, HTTPConnection(scope), status)
            await send(message)

        await self.app(scope, receive, note_and_send)

    def _note(self, request: HTTPConnection, status: int) -> None:
        """Note one refusal. The answer is the same when that fails: a full disk must open nothing."""
        try:
            address = request.client.host if request.client else ""
            RefusedAttempts(self.engine).record(self.describe(request, status), address)
        except IntegrationCenterError as error:
            logger.error("a refused request is missing in the audit log: %s", error)
