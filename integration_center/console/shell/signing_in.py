"""Begins the session of somebody whose sign-in was checked, by whatever way."""

from urllib.parse import urlsplit

from starlette.requests import Request

from integration_center.access.audit import Action
from integration_center.access.identities import Identity, find_role
from integration_center.access.people import People
from integration_center.access.sessions import ConsoleSessions, Origin
from integration_center.access.users import Role, User
from integration_center.console.shell.context import address_of, console_of
from integration_center.console.shell.users import SESSION_TOKEN, users_of
from integration_center.errors import SignInRefused

METHOD = "sign_in_method"
"""The name under which the browser's session holds how somebody signed in."""


def admit(request: Request, identity: Identity) -> None:
    """Begin the session of a person whom a provider or proxy has named.

    Raises:
        SignInRefused: the person's groups have no role, or the name is somebody else's here.
    """
    installation = console_of(request).installation
    role = find_role(identity.groups, installation.settings)
    if identity.name.lower() in users_of(installation):
        raise SignInRefused(
            f"{identity.name} is also in the file of users, so this could be somebody else; ask an admin to take the"
            " name out there"
        )
    person = People(installation.engine).note_sign_in(identity)
    user = User(person.name, role or person.role or Role.VIEWER, "")
    _begin(request, user, person.id, by_group=role is not None)
    request.state.session.set(METHOD, identity.method.value)


def admit_user(request: Request, user: User) -> None:
    """Begin the session of a user of the file, whose password was right."""
    _begin(request, user, People(console_of(request).installation.engine).note_user(user.name), by_group=False)


def _begin(request: Request, user: User, person_id: str, *, by_group: bool) -> None:
    installation, address = console_of(request).installation, address_of(request)
    origin = Origin(person_id, address, request.headers.get("user-agent", ""), by_group)
    request.state.session.renew()  # a new one, whatever session the browser had
    request.state.session.set(SESSION_TOKEN, ConsoleSessions(installation.engine).begin(user, origin))
    installation.audit.record(Action.SIGNED_IN, who=user.name, where=address)


def safe_path(path: str) -> str:
    """`path` when it is a page of ours, else the front page: nobody is sent elsewhere after signing in."""
    try:
        parts = urlsplit(path)
    except ValueError:  # such as `//[`
        return "/"
    ours = path.startswith("/") and not parts.scheme and not parts.netloc and "\\" not in path and path.isprintable()
    return path if ours and not path.startswith("//") else "/"
