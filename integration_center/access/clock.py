"""The clock for sign-ins, sessions and refusals. Tests replace it."""

from datetime import UTC, datetime


def read_clock() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)
