"""Record refused attempts in the audit log, without letting a stranger fill the disk."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from integration_center.access.attempts import network_of
from integration_center.access.audit import MAX_DETAIL, Action
from integration_center.access.clock import read_clock
from integration_center.database.engine import writing
from integration_center.database.tables import audit

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
ENTRIES_A_DAY = 200
"""The most entries per day, for each user, and for all strangers together. Further attempts are counted in one entry
per window."""
COUNTED = 10_000
"""The highest count of an entry. Beyond it nothing is written, even in a flood of requests."""
NOBODY = "(unknown user)"
"""The `who` of an attempt without a known user. A typed name is not recorded, because it may be a password."""
MANY_PLACES = "many addresses"
BEYOND = "further attempts, too many to note each"
REFUSALS = (Action.REFUSED.value, Action.SIGN_IN_REFUSED.value)


@dataclass(frozen=True)
class RefusedAttempt:
    """An attempt that was refused.

    Attributes:
        who: the user who is signed in, whose name was typed or whom the sign-in service named, else `NOBODY`.
        detail: what was refused and why, without any text that the other side chose.
        alone: whether each attempt gets its own entry, as far as `ENTRIES_A_DAY` allows.
    """

    action: Action
    who: str
    detail: str
    alone: bool = False


@dataclass(frozen=True)
class RefusedAttempts:
    """The refusals in the audit log. A refusal that repeats within `WINDOW` is counted in its first entry.

    Args:
        engine: our database.
        clock: returns the time, UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock

    def record(self, refusal: RefusedAttempt, address: str) -> None:
        """Record a refusal.

        Args:
            refusal: what was refused.
            address: where the attempt came from. For an IPv6 address its network is recorded, because one household has
                the whole network.

        Raises:
            ConfigurationError, TransientError: the database cannot be written.
        """
        now = self.clock()
        values: dict[str, Any] = {
            "who": refusal.who,
            "place": network_of(address),
            "action": refusal.action.value,
            "detail": refusal.detail[:MAX_DETAIL],
        }
        with writing(self.engine) as connection:
            if not refusal.alone and _count_again(connection, values, now):
                return
            if _count_entries(connection, refusal.who, now) >= ENTRIES_A_DAY:
                values |= {"place": MANY_PLACES, "action": Action.REFUSED.value, "detail": BEYOND}
                if _count_again(connection, values, now):
                    return
            connection.execute(insert(audit).values(**values, at=now, times=1))


def _count_again(connection: Connection, values: dict[str, Any], now: datetime) -> bool:
    """Count an attempt in an entry with the same values within the window. Return False when there is no such entry."""
    same = [audit.c[name] == value for name, value in values.items()]
    newest = select(audit.c.id, audit.c.times).where(audit.c.at > now - WINDOW, *same).order_by(audit.c.id.desc())
    found = connection.execute(newest.limit(1)).one_or_none()
    if found is None:
        return False
    if found.times < COUNTED:
        connection.execute(update(audit).where(audit.c.id == found.id).values(times=audit.c.times + 1))
    return True


def _count_entries(connection: Connection, who: str, now: datetime) -> int:
    lately = audit.c.at > now - DAY
    statement = select(func.count()).where(lately, audit.c.who == who, audit.c.action.in_(REFUSALS))
    count: int = connection.execute(statement).scalar_one()
    return count
