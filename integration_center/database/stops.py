"""The stop of everything: while one is in force, no run reads or writes an org, and no schedule starts any."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select, update

from integration_center.database.engine import insert_if_absent, reading, writing
from integration_center.database.tables import stops
from integration_center.errors import Stopped

IN_FORCE = "in force"
LONGEST_REASON = 300
NO_REASON = "no reason was given"


@dataclass(frozen=True)
class Stop:
    """A stop that is in force.

    Attributes:
        at: since when, UTC.
        by: who stopped everything.
        reason: why, in one line.
    """

    at: datetime
    by: str
    reason: str

    @property
    def sentence(self) -> str:
        """Say who stopped everything, when and why."""
        return f"Everything was stopped by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC: {self.reason}"


class Stops:
    """Reads and writes the stop.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self) -> Stop | None:
        """Find the stop that is in force; None when there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(select(stops).where(stops.c.open_key == IN_FORCE)).one_or_none()
        return None if row is None else Stop(row.stopped_at, row.stopped_by, row.reason)

    def begin(self, who: str, reason: str) -> bool:
        """Put a stop in force, and return whether none was in force before."""
        said = " ".join(reason.split())[:LONGEST_REASON] or NO_REASON
        values = {"open_key": IN_FORCE, "stopped_at": datetime.now(UTC), "stopped_by": who, "reason": said}
        with writing(self._engine) as connection:
            return insert_if_absent(connection, stops, values)

    def lift(self, who: str) -> bool:
        """Lift the stop, and return whether one was in force."""
        lifted = {"open_key": None, "lifted_at": datetime.now(UTC), "lifted_by": who}
        with writing(self._engine) as connection:
            return connection.execute(update(stops).where(stops.c.open_key == IN_FORCE).values(**lifted)).rowcount == 1

    def since(self, moment: datetime) -> Stop | None:
        """Find the newest stop that began after a moment, whether it is in force or was lifted; None when none did."""
        newest = select(stops).where(stops.c.stopped_at > moment).order_by(stops.c.id.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(newest).one_or_none()
        return None if row is None else Stop(row.stopped_at, row.stopped_by, row.reason)

    def require_none(self, since: datetime | None = None) -> None:
        """Check that nothing is stopped, and that nothing was since a moment.

        Args:
            since: when the run that asks was made. A stop that came later ends it, also once the stop is lifted.

        Raises:
            Stopped: a stop is in force, or was.
        """
        if stop := self.find():
            raise Stopped(
                f"{stop.sentence}. Nothing runs until an admin resumes", command="run: integration-center resume"
            )
        if since is not None and (stop := self.since(since)):
            raise Stopped(f"{stop.sentence}. This run was made before the stop, so it ends; run it again")
