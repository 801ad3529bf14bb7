"""What the pages work with, made once when the console starts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import Request

from integration_center.console.users import Identify, User, local_operator
from integration_center.installation import Installation
from integration_center.launching import Webserver, find_webserver


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Console:
    """One running console.

    Attributes:
        installation: its stored state.
        identify: finds the user of a request.
        now: the clock, UTC.
    """

    installation: Installation
    identify: Identify = local_operator
    now: Callable[[], datetime] = field(default=_now)

    def find_dagster(self) -> Webserver | None:
        """The Dagster webserver of this installation; None while it is down."""
        return find_webserver(self.installation.settings)


def console_of(request: Request) -> Console:
    """The console that answers this request."""
    console: Console = request.app.state.console
    return console


def user_of(request: Request) -> User:
    """Who sent this request; only for pages that need a user."""
    user: User = request.state.user
    return user
