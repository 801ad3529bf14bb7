"""Keep the sessions of signed-in users in our database, which stores only a hash of the browser's cookie."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, insert, or_, select, update

from integration_center.access.clock import read_clock
from integration_center.access.identities import Method
from integration_center.access.people import People
from integration_center.access.users import ROLES, Role, User
from integration_center.database.engine import reading, writing
from integration_center.database.tables import console_people, console_sessions
from integration_center.settings import SignInSettings

IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=12)
CHECKED_AGAIN = timedelta(hours=1)
"""After this time a provider or proxy has to confirm somebody again: it may have removed the person, or a group."""
SEEN_STEP = timedelta(minutes=1)
"""How often a session's last use is written. Otherwise every page would write to the database."""
TOKEN_BYTES = 32
BROWSER_LENGTH = 200


@dataclass(frozen=True)
class Origin:
    """How and from where somebody signed in.

    Attributes:
        person_id: in `console_people`.
        address: the network address.
        browser: what the browser calls itself.
        by_group: whether groups gave the role, which then lasts as long as the session.
    """

    person_id: str
    address: str
    browser: str = ""
    by_group: bool = False


@dataclass(frozen=True)
class OpenSession:
    """A session that has not ended.

    Attributes:
        id: names the session; nobody can use the session with it.
        user: the name of the person.
        role_by_group: the role that groups gave; None where the role is read from elsewhere.
    """

    id: str
    user: str
    method: Method
    signed_in_at: datetime
    seen_at: datetime
    address: str
    browser: str
    role_by_group: Role | None = None


@dataclass(frozen=True)
class ConsoleSessions:
    """The sessions of signed-in users.

    Args:
        engine: our database.
        clock: returns the time, UTC.
        settings: which ways of signing in there are now; without them none is ruled out.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock
    settings: SignInSettings | None = None

    def begin(self, user: User, origin: Origin | None = None) -> str:
        """Begin a session, and return the token for the cookie. The database only stores a hash of the token.

        Args:
            user: who signed in. Of a provider or proxy, the role that the groups gave.
            origin: how and from where.
        """
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self.clock()
        values = {
            "token_hash": _hash(token),
            "user": user.name,
            "credential": user.credential,
            "signed_in_at": now,
            "seen_at": now,
            **_describe_origin(user, origin),
        }
        ended = or_(console_sessions.c.seen_at <= now - IDLE, console_sessions.c.signed_in_at <= now - LIFETIME)
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(ended))
            connection.execute(insert(console_sessions).values(**values))
        return token

    def find(self, token: str, users: Mapping[str, User], *, renew: bool = True) -> User | None:
        """Find the user whose session `token` is; None when the session has ended.

        A session ends after `IDLE` without a page, after `LIFETIME`, and when its user was removed or got another
        password or role. One by a provider or proxy ends after `CHECKED_AGAIN`, and when that way of signing in is
        switched off, or no group gives its role any more.

        Args:
            token: the token from the cookie.
            users: the current users, from `read_users`.
            renew: whether the user is active. False when a page refreshes itself.
        """
        now = self.clock()
        # The lookup uses a hash, so the time it takes reveals nothing about the token.
        this = console_sessions.c.token_hash == _hash(token)
        with reading(self.engine) as connection:
            row = connection.execute(select(console_sessions).where(this)).one_or_none()
        if row is None or row.seen_at <= now - IDLE or row.signed_in_at <= now - LIFETIME:
            return None
        user = self._identify(row, users)
        if user is None:
            return None
        if renew and row.seen_at <= now - SEEN_STEP:
            with writing(self.engine) as connection:
                connection.execute(update(console_sessions).where(this).values(seen_at=now))
        return user

    def list(self, now: datetime | None = None) -> Sequence[OpenSession]:
        """List the sessions that have not ended, the most recently used first."""
        at = now or self.clock()
        open_ones = and_(console_sessions.c.seen_at > at - IDLE, console_sessions.c.signed_in_at > at - LIFETIME)
        known = console_sessions.outerjoin(console_people, console_people.c.id == console_sessions.c.person)
        columns = (*console_sessions.c, console_people.c.method)
        statement = select(*columns).select_from(known).where(open_ones).order_by(console_sessions.c.seen_at.desc())
        with reading(self.engine) as connection:
            return tuple(map(_build_session, connection.execute(statement)))

    def end_one(self, session_id: str) -> None:
        """End the session that `list` shows under this id."""
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(console_sessions.c.token_hash == session_id))

    def _identify(self, row: Row[Any], users: Mapping[str, User]) -> User | None:
        """Find who a session belongs to, with the role of now; None when the person may not come in any more."""
        person = People(self.engine).find(row.person) if row.person else None
        if row.person and person is None:
            return None  # an admin has forgotten the person
        listed = users.get(row.user.lower())
        if person is None or person.method is Method.PASSWORD:
            if listed is None or listed.credential != row.credential:
                return None
            return replace(listed, role=person.role) if person and person.role else listed
        if listed is not None:
            return None  # the file of users gives the name to somebody else
        if self.clock() - row.signed_in_at >= CHECKED_AGAIN or not self._still_comes_in(person.method, row.role):
            return None
        role = ROLES.get(row.role or "") or person.role or Role.VIEWER
        return User(person.name, role, "")

    def _still_comes_in(self, method: Method, role_by_group: str | None) -> bool:
        """Whether somebody could sign in by a method now, and get the role that a group gave."""
        settings = self.settings
        if settings is None:
            return True
        there = settings.has_provider if method is Method.PROVIDER else settings.has_signing_proxy
        given = {part.partition("=")[0].strip() for part in settings.group_roles.split(";") if part.strip()}
        return there and (role_by_group in given if role_by_group else not given)

    def end(self, token: str) -> None:
        """End a session. Do nothing when it has already ended."""
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(console_sessions.c.token_hash == _hash(token)))


def _describe_origin(user: User, origin: Origin | None) -> dict[str, object]:
    if origin is None:
        return {}
    return {
        "person": origin.person_id,
        "address": origin.address,
        "browser": "".join(each for each in origin.browser[:BROWSER_LENGTH] if each.isprintable()),
        "role": user.role.title if origin.by_group else None,
    }


def _build_session(row: Row[Any]) -> OpenSession:
    method = Method(row.method) if row.method else Method.PASSWORD
    return OpenSession(
        row.token_hash,
        row.user,
        method,
        row.signed_in_at,
        row.seen_at,
        row.address or "",
        row.browser or "",
        ROLES.get(row.role or ""),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
