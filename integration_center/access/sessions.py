"""Keep the sessions of signed-in users in our database, which stores only a hash of the browser's cookie."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, insert, or_, select, update

from integration_center.access.clock import read_clock
from integration_center.access.users import User
from integration_center.database.engine import reading, writing
from integration_center.database.tables import console_sessions

IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=12)
SEEN_STEP = timedelta(minutes=1)
"""How often a session's last use is written. Otherwise every page would write to the database."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class ConsoleSessions:
    """The sessions of signed-in users.

    Args:
        engine: our database.
        clock: returns the time, UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock

    def begin(self, user: User) -> str:
        """Begin a session, and return the token for the cookie. The database only stores a hash of the token."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self.clock()
        values = {
            "token_hash": _hash(token),
            "user": user.name,
            "credential": user.credential,
            "signed_in_at": now,
            "seen_at": now,
        }
        ended = or_(console_sessions.c.seen_at <= now - IDLE, console_sessions.c.signed_in_at <= now - LIFETIME)
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(ended))
            connection.execute(insert(console_sessions).values(**values))
        return token

    def find(self, token: str, users: Mapping[str, User], *, renew: bool = True) -> User | None:
        """Find the user whose session `token` is; None when the session has ended.

        A session ends after `IDLE` without a page, after `LIFETIME`, and when its user was removed or got another
        password or role.

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
        user = users.get(row.user.lower())
        if user is None or user.credential != row.credential:
            return None
        if renew and row.seen_at <= now - SEEN_STEP:
            with writing(self.engine) as connection:
                connection.execute(update(console_sessions).where(this).values(seen_at=now))
        return user

    def end(self, token: str) -> None:
        """End a session. Do nothing when it has already ended."""
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(console_sessions.c.token_hash == _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
