"""Describes for the audit log what the console refused, and to whom."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request

from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY, RefusedAttempt
from integration_center.console.shell.context import Console
from integration_center.errors import ConfigurationError
from integration_center.web.refused_requests import find_reason


@dataclass(frozen=True)
class ConsoleRefusals:
    """What the console's refused requests were."""

    console: Console

    def describe(self, request: HTTPConnection, status: int) -> RefusedAttempt:
        """Describe a refused request, as its page did or by its route; of the address only what our routes say."""
        described: RefusedAttempt | None = getattr(request.state, "refusal", None)
        if described is not None:
            return described
        return RefusedAttempt(
            Action.REFUSED, self._find_name(request), f"{name_route(request)}: {find_reason(request, status)}"
        )

    def _find_name(self, request: HTTPConnection) -> str:
        """Who is signed in; without sign-in everybody is the operating-system user."""
        if not hasattr(request.state, "session"):  # refused before its cookie was read
            return NOBODY
        try:
            user = (
                request.state.user if hasattr(request.state, "user") else self.console.identify(Request(request.scope))
            )
        except ConfigurationError:  # a list of users that cannot be used; the log has it already
            return NOBODY
        return user.name if user else NOBODY


def name_route(request: HTTPConnection) -> str:
    """`POST /integrations/{slug}/run` of a request for one of our pages; of any other only the method."""
    method = request.scope.get("method")
    named = method if method in {"GET", "HEAD", "POST"} else "request"
    path: str | None = getattr(request.state, "route", None)
    return f"{named} {path}" if path else named
