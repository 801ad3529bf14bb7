"""The days whose reports are waited for, so that log and console show what has not begun yet."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, delete, select

from integration_center.database.engine import reading, upsert, writing
from integration_center.database.tables import waiting_days

TRUSTED = timedelta(minutes=10)
"""How old a note may be: the process that waits notes it again twice a minute."""


@dataclass(frozen=True)
class WaitingDay:
    """A day of an integration whose run has not begun yet.

    Attributes:
        day: the UTC day of the report.
        since: when the run was due, UTC.
        until: when it begins at the latest, UTC.
        reason: a sentence: what is waited for.
        noted_at: when this was still so, UTC.
    """

    slug: str
    day: date
    since: datetime
    until: datetime
    reason: str
    noted_at: datetime

    def say(self, say_time: Callable[[datetime], str]) -> str:
        """Say since when it is waited for what, and how long, with times as `say_time` writes them."""
        since, until = say_time(self.since), say_time(self.until)
        return f"waiting for its report since {since}, at the latest until {until}: {self.reason}"


class WaitingDays:
    """Reads and writes what is waited for.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, waiting: WaitingDay) -> None:
        """Note what an integration waits for, in place of what it waited for before."""
        with writing(self._engine) as connection:
            upsert(connection, waiting_days, ("slug",), asdict(waiting))

    def end(self, slug: str) -> None:
        """Note that an integration waits no more."""
        with writing(self._engine) as connection:
            connection.execute(delete(waiting_days).where(waiting_days.c.slug == slug))

    def list(self, now: datetime, slug: str | None = None) -> Sequence[WaitingDay]:
        """List what is waited for at `now`, the longest wait first.

        Args:
            now: the time. What was not noted again lately is left out: nobody waits for it any more.
            slug: only what this integration waits for.
        """
        statement = select(waiting_days).where(waiting_days.c.noted_at >= now - TRUSTED).order_by(waiting_days.c.since)
        if slug is not None:
            statement = statement.where(waiting_days.c.slug == slug)
        with reading(self._engine) as connection:
            return tuple(WaitingDay(**row._mapping) for row in connection.execute(statement))
