"""The limit on failed sign-ins, kept in our database so that a restart does not forget it.

Three counts over the last quarter of an hour: of one user from one address, of one address, and of one user from
everywhere. The first stops guessing and never locks anybody out elsewhere; the last is so high that one address is
stopped by its own count long before. It does not hold for an address from which the user signed in lately: whoever
guesses from many others must not be able to lock the user out.
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

WINDOW = timedelta(minutes=15)
FROM_ADDRESS_AS_USER = 5
FROM_ADDRESS = 20
AS_USER = 100
KNOWN_FOR = timedelta(days=30)
PLACES = 20
"""So many addresses of one user are remembered, the latest ones."""
MAX_NAME = 64
NO_ADDRESS = "no address"


@dataclass(frozen=True)
class Attempts:
    """The failed sign-ins of late.

    Args:
        engine: our database.
        clock: the time, UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = read_clock

    def admit(self, name: str, address: str) -> None:
        """Call before a password is looked at: counts the attempt as failed until `forget` says otherwise.

        Counted first, so that a volley of attempts at once is held to the limit too.

        Args:
            name: as typed.
            address: where from.

        Raises:
            RateLimited: too many failed of late; says when to come back, in seconds.
        """
        now, user, network = self.clock(), _fold(name), network_of(address)
        as_user, here = sign_in_failures.c.user == user, sign_in_failures.c.address == network
        limits = [(and_(as_user, here), FROM_ADDRESS_AS_USER), (here, FROM_ADDRESS)]
        with writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # SQLite's writers wait for each other in any case
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
                f"too many sign-ins failed; try again in {minutes} minute{'' if minutes == 1 else 's'}",
                retry_after=-(-wait // timedelta(seconds=1)),
            )

    def forget(self, name: str, address: str) -> None:
        """Forget the user's failures from this address, once a sign-in worked.

        Those of other users from there do count on, so that knowing one password buys no guesses at the others.
        """
        this = and_(sign_in_failures.c.user == _fold(name), sign_in_failures.c.address == network_of(address))
        with writing(self.engine) as connection:
            connection.execute(delete(sign_in_failures).where(this))

    def remember(self, name: str, address: str) -> None:
        """Remember this address as one of the user's, once a sign-in worked."""
        now, user, network = self.clock(), _fold(name), network_of(address)
        if network == NO_ADDRESS:  # it stands for everybody whose address is not known
            return
        mine = sign_in_places.c.user == user
        latest = select(sign_in_places.c.address).where(mine).order_by(sign_in_places.c.at.desc()).limit(PLACES)
        with writing(self.engine) as connection:
            upsert(connection, sign_in_places, ("user", "address"), {"user": user, "address": network, "at": now})
            kept = connection.execute(latest).scalars().all()
            out = or_(sign_in_places.c.at <= now - KNOWN_FOR, and_(mine, sign_in_places.c.address.not_in(kept)))
            connection.execute(delete(sign_in_places).where(out))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that one household gets.

    All that is no address counts as one, or a proxy that passes on what it is told would let anybody begin anew.
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
    """Whether the user signed in from there lately."""
    this = and_(sign_in_places.c.user == user, sign_in_places.c.address == network)
    statement = select(sign_in_places.c.at).where(this, sign_in_places.c.at > now - KNOWN_FOR)
    return connection.execute(statement).one_or_none() is not None


def _find_wait(connection: Connection, which: ColumnElement[bool], limit: int, now: datetime) -> timedelta:
    """How long until fewer than `limit` of these failures are left in the window."""
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
