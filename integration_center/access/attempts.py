"""Limit failed sign-ins. The counts are in our database, so that a restart does not reset them.

Failures of the last 15 minutes are counted in three ways: per user and address, per address, and per user from all
addresses. The first limit stops guessing, and never locks out the user at another address. The last limit is so high
that a single address reaches its own limit long before. It does not apply to an address from which the user signed in
recently, so that somebody who guesses from many other addresses cannot lock the user out.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, or_, select, text

from integration_center.access.clock import read_clock
from integration_center.database.engine import upsert, writing
from integration_center.database.tables import sign_in_failures, sign_in_places
from integration_center.errors import RateLimited
from integration_center.wording.sentences import count

WINDOW = timedelta(minutes=15)
FROM_ADDRESS_AS_USER = 5
FROM_ADDRESS = 20
AS_USER = 100
KNOWN_FOR = timedelta(days=30)
PLACES = 20
"""How many of a user's latest addresses are remembered."""
MAX_NAME = 64
NO_ADDRESS = "no address"


@dataclass(frozen=True)
class Attempts:
    """The recent failed sign-ins.

    Args:
        engine: our database.
        clock: returns the time, UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock

    def admit(self, name: str, address: str) -> None:
        """Admit an attempt before its password is checked, and count it as failed until `forget` is called.

        The attempt is counted first, so that the limit also applies to many attempts at the same time.

        Args:
            name: the user name as typed.
            address: the network address of the attempt.

        Raises:
            RateLimited: too many recent attempts failed. `retry_after` has the seconds to wait.
        """
        now, user, network = self.clock(), _fold(name), network_of(address)
        as_user, here = sign_in_failures.c.user == user, sign_in_failures.c.address == network
        limits = [(and_(as_user, here), FROM_ADDRESS_AS_USER), (here, FROM_ADDRESS)]
        with writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # writers in SQLite always wait for each other
                connection.execute(text(f"LOCK TABLE {sign_in_failures.name} IN SHARE ROW EXCLUSIVE MODE"))
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.at <= now - WINDOW))
            if not _is_known(connection, user, network, now):
                limits.append((as_user, AS_USER))
            wait = max(_find_wait(connection, which, limit, now) for which, limit in limits)
            if wait <= timedelta(0):
                connection.execute(insert(sign_in_failures).values(user=user, address=network, at=now))
        if wait > timedelta(0):
            minutes = -(-wait // timedelta(minutes=1))
            raise RateLimited(
                f"too many sign-ins failed; try again in {count(minutes, 'minute')}",
                retry_after=-(-wait // timedelta(seconds=1)),
            )

    def forget(self, name: str, address: str) -> None:
        """Forget the user's failures from this address, after a successful sign-in.

        Failures of other users from this address still count. Otherwise, knowing one password would allow more guesses
        at the others.
        """
        this = and_(sign_in_failures.c.user == _fold(name), sign_in_failures.c.address == network_of(address))
        with writing(self.engine) as connection:
            connection.execute(delete(sign_in_failures).where(this))

    def remember(self, name: str, address: str) -> None:
        """Remember this address as one of the user's, after a successful sign-in."""
        now, user, network = self.clock(), _fold(name), network_of(address)
        if network == NO_ADDRESS:  # everybody without a known address shares it
            return
        mine = sign_in_places.c.user == user
        latest = select(sign_in_places.c.address).where(mine).order_by(sign_in_places.c.at.desc()).limit(PLACES)
        with writing(self.engine) as connection:
            upsert(connection, sign_in_places, ("user", "address"), {"user": user, "address": network, "at": now})
            kept = connection.execute(latest).scalars().all()
            out = or_(sign_in_places.c.at <= now - KNOWN_FOR, and_(mine, sign_in_places.c.address.not_in(kept)))
            connection.execute(delete(sign_in_places).where(out))


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the first 64 bits of an IPv6 address (one household).

    All texts that are not addresses count as one. Otherwise, anybody could reset the limit behind a proxy that passes
    on any text.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NO_ADDRESS
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _is_known(connection: Connection, user: str, network: str, now: datetime) -> bool:
    """Return whether the user signed in from this network recently."""
    this = and_(sign_in_places.c.user == user, sign_in_places.c.address == network)
    statement = select(sign_in_places.c.at).where(this, sign_in_places.c.at > now - KNOWN_FOR)
    return connection.execute(statement).one_or_none() is not None


def _find_wait(connection: Connection, which: ColumnElement[bool], limit: int, now: datetime) -> timedelta:
    """Return how long it takes until fewer than `limit` of these failures are in the window."""
    statement = (
        select(sign_in_failures.c.at)
        .where(which, sign_in_failures.c.at > now - WINDOW)
        .order_by(sign_in_failures.c.at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    oldest_that_counts: datetime | None = connection.execute(statement).scalar_one_or_none()
    return timedelta(0) if oldest_that_counts is None else oldest_that_counts + WINDOW - now


def _fold(name: str) -> str:
    return name.strip().lower()[:MAX_NAME]
