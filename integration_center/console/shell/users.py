"""Who uses the console, and what they may do."""

import getpass
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from integration_center.access import users as access
from integration_center.access.sessions import ConsoleSessions
from integration_center.access.users import Role
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation

logger = logging.getLogger(__name__)

SESSION_TOKEN = "signed_in"  # noqa: S105 - the name under which the browser's session holds it
CHECK = "/auth/check"
"""Where a proxy asks whether somebody is signed in; see `pages.door`."""
BY_ITSELF = "x-by-itself"
"""The header of a request that a page made to bring itself up to date: nobody need be there any more."""


@dataclass(frozen=True)
class User:
    """Who sent a request.

    Attributes:
        name: as logs show it: a console user, or the operating-system user of this machine.
        signed_in: whether there is a sign-in that can be ended.
    """

    name: str
    role: Role
    signed_in: bool = False

    @property
    def may_change(self) -> bool:
        """Whether the user may connect, change and run."""
        return self.role >= Role.OPERATOR

    @property
    def is_admin(self) -> bool:
        """Whether the user may stop everything, give roles and end sessions."""
        return self.role >= Role.ADMIN


Identify = Callable[[Request], User | None]
"""Finds the user of a request; None when somebody has to sign in first. May read the database: it runs in a thread."""


def local_operator(request: Request) -> User:
    """Everybody is the operating-system user: right only on loopback, where no sign-in is set up."""
    return User(getpass.getuser(), Role.ADMIN)


def users_of(installation: Installation) -> Mapping[str, access.User]:
    """The users who may sign in; empty when sign-in is not set up.

    Raises:
        ConfigurationError: the list cannot be used. What is wrong goes to the log only: strangers read this.
    """
    try:
        return access.read_users(installation.settings)
    except ConfigurationError as error:
        logger.error("nobody can sign in: %s", error)
        raise ConfigurationError("the list of users cannot be used; the console's own log says why") from None


def is_by_itself(request: Request) -> bool:
    """Whether a page asks by itself, so that nobody need be there: the Dagster UI asks for news every two seconds."""
    if request.url.path != CHECK:
        return BY_ITSELF in request.headers
    asked = request.headers.get("x-original-uri") or request.headers.get("x-forwarded-uri") or ""
    return asked.partition("?")[0].rstrip("/").endswith("/graphql")


def build_identify(installation: Installation) -> Identify:
    """How the console finds its users: by their sessions, where sign-in is set up."""
    sessions = ConsoleSessions(installation.engine, settings=installation.settings)

    def identify(request: Request) -> User | None:
        users = users_of(installation)
        if not installation.settings.has_sign_in:
            return local_operator(request)
        renew = not is_by_itself(request)
        user = sessions.find(request.state.session.get(SESSION_TOKEN, ""), users, renew=renew)
        return User(user.name, user.role, signed_in=True) if user else None

    return identify
