"""Notes in the audit log what the console refused: another role, another site, another host, too many sign-ins."""

import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY, Refusal, RefusedAttempts
from integration_center.console.context import Console, address_of
from integration_center.errors import ConfigurationError, IntegrationCenterError

logger = logging.getLogger(__name__)

NOTED = {
    403: "came from another site, or without the right to do it",
    413: "sent too much",
    415: "sent something else than a form",
    421: "asked for the console under a name that is not its own",
    429: "came too often",
}
"""The answers that are noted, and what is said of them where no page has said more."""


class RefusedRequests:
    """ASGI middleware: notes each refused request, before its answer is sent.

    Args:
        app: what comes after.
        console: whose audit log it is.
    """

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self.app = app
        self.console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in NOTED:
                await run_in_threadpool(self._note, Request(scope), message["status"])
            await send(message)

        await self.app(scope, receive, note_and_send)

    def _note(self, request: Request, status: int) -> None:
        """Note one refusal. The answer is the same when that fails: a full disk must open nothing."""
        try:
            refusal = getattr(request.state, "refusal", None) or self._describe(request, status)
            RefusedAttempts(self.console.installation.engine).record(refusal, address_of(request))
        except IntegrationCenterError as error:
            logger.error("a refused request is missing in the audit log: %s", error)

    def _describe(self, request: Request, status: int) -> Refusal:
        """What is known of a refusal that no page has described. Of the address only what our own routes say."""
        said = getattr(request.state, "refused_because", None) or NOTED[status]
        return Refusal(Action.REFUSED, self._find_name(request), f"{name_route(request)}: {said}")

    def _find_name(self, request: Request) -> str:
        """Who is signed in; without sign-in everybody is the operating-system user."""
        if not hasattr(request.state, "session"):  # refused before its cookie was read
            return NOBODY
        try:
            user = request.state.user if hasattr(request.state, "user") else self.console.identify(request)
        except ConfigurationError:  # a list of users that cannot be used, of which the log tells already
            return NOBODY
        return user.name if user else NOBODY


def name_route(request: Request) -> str:
    """`POST /integrations/{slug}/run` of a request for one of our pages; of any other only the method."""
    method = request.method if request.method in {"GET", "HEAD", "POST"} else "request"
    path: str | None = getattr(request.state, "route", None)
    return f"{method} {path}" if path else method
