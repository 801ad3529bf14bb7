"""The time by which sign-ins, sessions and refusals are judged; tests set their own."""

from datetime import UTC, datetime


def read_clock() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
