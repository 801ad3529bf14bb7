"""Access tokens, refresh tokens, and what becomes of them.

Refresh tokens are kept in the store, so that a connection survives a restart of the emulator; access tokens are not.
Source of the rules: the OAuth pages of Salesforce Help (refresh-token rotation, five approvals, session timeout).
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from salesforce_emulator.org.store import Store

MAX_APPROVALS = 5
_TABLE = (
    "CREATE TABLE IF NOT EXISTS _refresh_tokens "
    "(token TEXT PRIMARY KEY, approval TEXT NOT NULL, scope TEXT NOT NULL, state TEXT NOT NULL, number INTEGER)"
)


@dataclass
class Session:
    """One access token.

    Attributes:
        approval: the refresh token's approval it came from, or None.
        last_used: the session times out this long after it was last used.
    """

    token: str
    approval: str | None
    scope: str
    issued: datetime
    last_used: datetime


@dataclass(frozen=True)
class Issued:
    """The outcome of a token request."""

    session: Session
    refresh_token: str | None


class Sessions:
    """The tokens of one org's API user.

    Args:
        lifetime: how long a session lives after its last use.
        rotation: whether each refresh gives a new refresh token and kills the old one.
    """

    def __init__(self, store: Store, org_id: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._org_id15 = org_id[:15]
        self._now = now
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        self.lifetime = timedelta(hours=2)
        self.rotation = False
        with store.writing() as connection:
            connection.execute(_TABLE)

    def issue(self, scope: str, *, with_refresh: bool) -> Issued:
        """Make a new session, and a new approval with a refresh token if asked."""
        with self._lock:
            approval = secrets.token_hex(8) if with_refresh else None
            refresh_token = self._add_refresh_token(approval, scope) if approval else None
            if approval:
                self._limit_approvals()
            return Issued(self._open(scope, approval), refresh_token)

    def refresh(self, refresh_token: str) -> Issued | None:
        """Make a new session from a refresh token; None when it is dead.

        With rotation, a token that was rotated out is a replay: the approval's living tokens die with it.
        """
        with self._lock:
            found = self._store.rows(
                "SELECT approval, scope, state FROM _refresh_tokens WHERE token = ?", (refresh_token,)
            )
            if not found:
                return None
            approval, scope, state = found[0]
            if state != "alive":
                if state == "rotated":
                    self._end_approval(approval)
                return None
            renewed = None
            if self.rotation:
                self._set_state("token", refresh_token, "rotated")
                renewed = self._add_refresh_token(approval, scope)
            return Issued(self._open(scope, approval), renewed)

    def find(self, token: str) -> Session | None:
        """Return the living session of an access token and note its use."""
        with self._lock:
            session = self._sessions.get(token)
            if session is None:
                return None
            now = self._now()
            if now - session.last_used > self.lifetime:
                del self._sessions[token]
                return None
            session.last_used = max(session.last_used, now)
            return session

    def find_refresh(self, token: str) -> str | None:
        """Return the scope of a living refresh token."""
        found = self._store.value("SELECT scope FROM _refresh_tokens WHERE token = ? AND state = 'alive'", (token,))
        return None if found is None else str(found)

    def revoke(self, token: str) -> bool:
        """End one session by its access token, or all of an approval by its refresh token; False when dead already."""
        with self._lock:
            if self._sessions.pop(token, None) is not None:
                return True
            approval = self._store.value(
                "SELECT approval FROM _refresh_tokens WHERE token = ? AND state = 'alive'", (token,)
            )
            if approval is None:
                return False
            self._end_approval(approval)
            return True

    def expire_access(self) -> None:
        """End all sessions now; refresh tokens live on."""
        with self._lock:
            self._sessions.clear()

    def revoke_all(self) -> None:
        """End all sessions and refresh tokens, as an administrator can."""
        with self._lock:
            self._sessions.clear()
            with self._store.writing() as connection:
                connection.execute("UPDATE _refresh_tokens SET state = 'revoked'")

    def _open(self, scope: str, approval: str | None) -> Session:
        now = self._now()
        # Opaque tokens carry "!" and ".", which clients must not trip over.
        token = f"{self._org_id15}!AQ{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(16)}"
        session = Session(token, approval, scope, now, now)
        self._sessions[token] = session
        return session

    def _add_refresh_token(self, approval: str, scope: str) -> str:
        token = f"5Aep861{secrets.token_urlsafe(48)}"
        with self._store.writing() as connection:
            connection.execute(
                "INSERT INTO _refresh_tokens SELECT ?, ?, ?, 'alive', COALESCE(MAX(number), 0) + 1 "
                "FROM _refresh_tokens",
                (token, approval, scope),
            )
        return token

    def _limit_approvals(self) -> None:
        """A sixth approval silently ends the oldest."""
        living = self._store.rows(
            "SELECT approval FROM _refresh_tokens WHERE state = 'alive' ORDER BY number DESC LIMIT -1 OFFSET ?",
            (MAX_APPROVALS,),
        )
        for (approval,) in living:
            self._end_approval(approval)

    def _end_approval(self, approval: str) -> None:
        self._set_state("approval", approval, "revoked")
        self._sessions = {key: item for key, item in self._sessions.items() if item.approval != approval}

    def _set_state(self, column: str, value: str, state: str) -> None:
        with self._store.writing() as connection:
            connection.execute(f"UPDATE _refresh_tokens SET state = ? WHERE {column} = ?", (state, value))  # noqa: S608
