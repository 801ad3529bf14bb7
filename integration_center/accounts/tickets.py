"""Tickets that carry the start of a sign-in from one host name of the console to the other. Each works once."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select

from integration_center.database.engine import writing
from integration_center.database.tables import connect_tickets
from integration_center.integration.spec import Environment

LIFETIME = timedelta(minutes=1)
TICKET_BYTES = 32


@dataclass(frozen=True)
class ConnectTickets:
    """The tickets in our database, which stores only their hashes.

    Args:
        engine: our database.
    """

    engine: Engine

    def issue(self, user: str, environment: Environment) -> str:
        """Issue a ticket to a user who starts to connect an environment."""
        ticket, now = secrets.token_urlsafe(TICKET_BYTES), datetime.now(UTC)
        values = {
            "ticket_hash": _hash(ticket),
            "user": user,
            "environment": environment.value,
            "expires_at": now + LIFETIME,
        }
        with writing(self.engine) as connection:
            connection.execute(delete(connect_tickets).where(connect_tickets.c.expires_at <= now))
            connection.execute(insert(connect_tickets).values(**values))
        return ticket

    def take(self, ticket: str, user: str) -> Environment | None:
        """Take a ticket. It cannot be used again, even if another user presented it.

        Returns:
            The environment of the ticket; None when the ticket is unknown, used, too old or another user's.
        """
        # The lookup uses a hash, so the time it takes reveals nothing about the ticket.
        this = connect_tickets.c.ticket_hash == _hash(ticket)
        with writing(self.engine) as connection:
            row = connection.execute(select(connect_tickets).where(this).with_for_update()).one_or_none()
            connection.execute(delete(connect_tickets).where(this))
        if row is None or row.user != user or row.expires_at <= datetime.now(UTC):
            return None
        return Environment(row.environment)


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()
