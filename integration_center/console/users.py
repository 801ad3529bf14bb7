"""Who uses the console, and what they may do."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from integration_center.access.users import Role

__all__ = ["Identify", "Role", "User", "local_operator"]


@dataclass(frozen=True)
class User:
    """Who sent a request.

    Attributes:
        name: as it stands in logs: a console user, or the operating-system user of this machine.
        signed_in: whether there is a sign-in that can be ended.
    """

    name: str
    role: Role
    signed_in: bool = False

    @property
    def may_change(self) -> bool:
        """Whether the user may connect, change and run."""
        return self.role >= Role.OPERATOR


Identify = Callable[[Request], User | None]
"""Finds the user of a request; None when somebody has to sign in first. May read the database: it runs in a thread."""


def local_operator(request: Request) -> User:
    """Everybody is the operating-system user: right only on loopback, where no sign-in is set up."""
    return User(getpass.getuser(), Role.OPERATOR)
