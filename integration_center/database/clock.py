"""The time by the database's clock: hosts that share a database need not agree on theirs."""

from datetime import UTC, datetime

from sqlalchemy import Connection, text


def read_clock(connection: Connection) -> datetime:
    """Read the time now. A SQLite file is used by one host, so the host's clock is the database's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)
