"""The people who use the console: their roles and their sessions."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.identities import Method, make_person_id
from integration_center.access.people import People
from integration_center.access.sessions import ConsoleSessions
from integration_center.access.users import ROLES, Role
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.page import Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.users import SESSION_TOKEN, users_of

PEOPLE, SESSIONS = "/admin/people", "/sessions"
BY_GROUP, NOT_NOW = "by their groups", "by their groups at the next sign-in"
MOST_SHOWN, LONGEST_SEARCH = 75, 64
YOURSELF = "your own; another admin can change it"


@dataclass(frozen=True)
class ListedPerson:
    """A person on the page.

    Attributes:
        role: the role that counts now.
        fixed: why the role cannot be changed here; empty when it can.
        known: whether the person has signed in or was given a role.
    """

    id: str
    name: str
    method: Method
    role: Role
    signed_in_at: datetime | None
    sessions: int
    fixed: str
    known: bool


def show_sessions(request: Request) -> Response:
    """The sessions of the user; of an admin, those of everybody."""
    user, sessions = user_of(request), ConsoleSessions(console_of(request).installation.engine).list()
    mine = [each for each in sessions if user.is_admin or each.user.lower() == user.name.lower()]
    values = {"sessions": mine[:MOST_SHOWN], "more": max(len(mine) - MOST_SHOWN, 0), "own": _find_own_id(request)}
    return render(request, "sessions.html", values)


def end_session(request: Request) -> Response:
    """End a session of the user; an admin ends any."""
    user, sessions = user_of(request), ConsoleSessions(console_of(request).installation.engine)
    session = next((each for each in sessions.list() if each.id == request.path_params["session"]), None)
    if session is None:
        return redirect(request, SESSIONS, "That session has ended already.")
    if not user.is_admin and session.user.lower() != user.name.lower():
        raise HTTPException(403, "Only an admin may end the session of somebody else.")
    sessions.end_one(session.id)
    note(request, Action.ENDED_SESSION, detail=f"of {session.user}, from {session.address or 'an unknown address'}")
    return redirect(request, SESSIONS, f"The session of {session.user} is ended.")


def show_people(request: Request) -> Response:
    """Everybody who may use the console, with their roles."""
    settings = console_of(request).installation.settings
    text = request.query_params.get("q", "").strip()[:LONGEST_SEARCH]
    people = [each for each in list_people(request) if text.lower() in each.name.lower()]
    values = {
        "people": people[:MOST_SHOWN],
        "more": max(len(people) - MOST_SHOWN, 0),
        "text": text,
        "roles": [*ROLES],
        "by_group": bool(settings.group_roles),
    }
    return render(request, "people.html", values)


def list_people(request: Request) -> list[ListedPerson]:
    """List the users of the file, and all others who have signed in."""
    installation, me = console_of(request).installation, user_of(request).name.lower()
    known = {person.id: person for person in People(installation.engine).list()}
    sessions = ConsoleSessions(installation.engine).list()
    counts = Counter(session.user.lower() for session in sessions)
    by_group = {each.user.lower(): each.role_by_group for each in reversed(sessions) if each.role_by_group}
    listed = []
    for user in users_of(installation).values():
        person_id = make_person_id(Method.PASSWORD, user.name.lower())
        person = known.pop(person_id, None)
        role = person.role if person and person.role else user.role
        fixed = f"{role.title} ({YOURSELF})" if user.name.lower() == me else ""
        at = person.signed_in_at if person else None
        count = counts[user.name.lower()]
        listed.append(ListedPerson(person_id, user.name, Method.PASSWORD, role, at, count, fixed, person is not None))
    for person in known.values():
        if person.method is Method.PASSWORD:
            continue  # taken out of the file
        role = person.role or Role.VIEWER
        if installation.settings.group_roles:
            given = by_group.get(person.name.lower())
            role, fixed = given or role, f"{given.title}, {BY_GROUP}" if given else NOT_NOW
        else:
            fixed = f"{role.title} ({YOURSELF})" if person.name.lower() == me else ""
        count = counts[person.name.lower()]
        listed.append(
            ListedPerson(person.id, person.name, person.method, role, person.signed_in_at, count, fixed, True)
        )
    return sorted(listed, key=lambda each: each.name.lower())


def give_role(request: Request) -> Response:
    """Give a person another role."""
    role = ROLES.get(str(form_of(request).get("role", "")))
    if role is None:
        return redirect(request, PEOPLE, "Choose a role.", "warning")
    person = _find_person(request)
    if person.fixed:
        raise HTTPException(403, f"The role of {person.name} is not given here: {person.fixed}.")
    people = People(console_of(request).installation.engine)
    if person.method is Method.PASSWORD:
        people.give_user_role(person.name, role)
    else:
        people.give_role(person.id, role)
    note(request, Action.CHANGED_ROLE, detail=f"of {person.name}: {person.role.title} → {role.title}")
    return redirect(request, PEOPLE, f"{person.name} is {role.title} from the next page on.")


def forget_person(request: Request) -> Response:
    """End all sessions of a person, and forget the role that was given here."""
    person = _find_person(request)
    if person.name.lower() == user_of(request).name.lower():
        raise HTTPException(403, "Another admin has to do that for you.")
    People(console_of(request).installation.engine).forget(person.id)
    note(request, Action.CHANGED_ROLE, detail=f"of {person.name}: signed out, and the role given here is taken back")
    return redirect(request, PEOPLE, f"{person.name} is signed out, and the role given here is taken back.")


def _find_person(request: Request) -> ListedPerson:
    found = next((each for each in list_people(request) if each.id == request.path_params["person"]), None)
    if found is None:
        raise HTTPException(404, "There is no such person any more.")
    return found


def _find_own_id(request: Request) -> str:
    return hashlib.sha256(request.state.session.get(SESSION_TOKEN, "").encode()).hexdigest()


PAGE = Page(
    routes=(
        view(SESSIONS, show_sessions),
        change("/sessions/{session}/end", end_session, role=Role.VIEWER),
        view(PEOPLE, show_people, role=Role.ADMIN),
        change("/admin/people/{person}/role", give_role, role=Role.ADMIN),
        change("/admin/people/{person}/forget", forget_person, role=Role.ADMIN),
    )
)
