"""Who is signed in: sessions in our database, known only by a hash of what the browser's cookie holds."""

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
"""A look notes itself only so often, or each page would write."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class ConsoleSessions:
    """The sessions of signed-in users.

    Args:
        engine: our database.
        clock: the time, UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock

    def begin(self, user: User) -> str:
        """Begin a session; what the cookie is to hold. It is told here once, and stored as a hash."""
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
        """The user whose session `token` is; None when it has ended.

        A session ends after `IDLE` without a page, after `LIFETIME`, and when its user was taken out or got another
        password or role.

        Args:
            token: from the cookie.
            users: from `read_users`, as they are now.
            renew: whether this is a sign of life; not where a page brings itself up to date.
        """
        now = self.clock()
        # Looked up by its hash, so the time the search takes tells nothing about the token.
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
        """End a session; nothing happens when it has ended."""
        with writing(self.engine) as connection:
            connection.execute(delete(console_sessions).where(console_sessions.c.token_hash == _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
