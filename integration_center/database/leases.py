"""The lock on one object of one org: taken before the org is read, held to the end of push.

Dagster's pools make a queue wait, but a run started outside the queue would not; this lease holds whatever started
the run. It has an owner and an expiry, which the owner's process renews with each beat, so a lost host never blocks an
object for good. On the same host the next run need not wait for the expiry, since the lease names the owner's process.

Each lease has a number, higher than that of any lease on the object before. A run that lost its lease while it was
stopped, or cut off from the network, finds that out before it writes anything more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, select, update

from integration_center.database.engine import build_insert, insert_if_absent, read_clock, reading, writing
from integration_center.database.processes import BETWEEN_STEPS, is_gone, this_process
from integration_center.database.tables import fences, leases
from integration_center.database.workers import GONE_AFTER
from integration_center.errors import LeaseLost, ObjectBusy

HANDED_ON = timedelta(minutes=10)
"""How long a lease waits for the next step of its run, where each step has a process of its own."""


@dataclass(frozen=True)
class Hold:
    """A run's hold on an object, as its lease says."""

    engine: Engine
    org_id: str
    object: str
    run_id: str

    def require(self) -> None:
        """Check that the run still holds the object.

        Raises:
            LeaseLost: another run has taken over.
        """
        with reading(self.engine) as connection:
            self.read_fence(connection)

    def read_fence(self, connection: Connection) -> int | None:
        """Return the number of the lease, which stays the run's until the transaction ends.

        Raises:
            LeaseLost: another run has taken over.
        """
        own = select(leases.c.fence).where(_is(self.org_id, self.object), leases.c.run_id == self.run_id)
        row = connection.execute(own.with_for_update(read=True)).one_or_none()
        if row is None:
            raise lost(self.object)
        fence: int | None = row.fence
        return fence


class Leases:
    """Leases on (org id, object), an object's name without regard to case.

    Args:
        engine: our database.
        time_to_live: how long a lease holds without a beat of its owner's process.
    """

    def __init__(self, engine: Engine, *, time_to_live: timedelta = GONE_AFTER) -> None:
        self._engine = engine
        self._time_to_live = time_to_live

    def take(self, org_id: str, object: str, run_id: str, *, is_finished: Callable[[str], bool | None]) -> str | None:
        """Acquire the lease for `run_id`, or renew it if `run_id` already holds it.

        Args:
            org_id: the 18-character org id.
            object: the object's API name.
            run_id: the run that wants it.
            is_finished: whether the named run has ended; None when nobody knows.

        Returns:
            The run whose process is gone and that has lost the lease by it, if that is so.

        Raises:
            ObjectBusy: another run, still going, owns it; of two that ask at once, one wins.
        """
        if self._insert(org_id, object, run_id):
            return None
        with reading(self._engine) as connection:
            owner = connection.execute(select(leases).where(_is(org_id, object))).one_or_none()
            now = read_clock(connection)
        if owner is None:
            if self._insert(org_id, object, run_id):
                return None
            raise _busy(object, "another run")
        finished = owner.run_id == run_id or is_finished(owner.run_id) is True
        gone = not finished and (owner.expires_at <= now or is_gone(owner.process))
        if not (finished or gone):
            raise _busy(object, f"run {owner.run_id}")
        # Only the lease that was looked at is taken over: a quicker run has changed it.
        seen = and_(leases.c.run_id == owner.run_id, leases.c.expires_at == owner.expires_at)
        if not self._claim(org_id, object, run_id, seen, is_new=owner.run_id != run_id or owner.fence is None):
            raise _busy(object, "another run")
        return owner.run_id if gone else None

    def renew(self, org_id: str, object: str, run_id: str) -> None:
        """Hold the lease for another while; call it from time to time in a long push.

        Raises:
            LeaseLost: the lease was lost to another run, so this one must not write any more.
        """
        if not self._claim(org_id, object, run_id, leases.c.run_id == run_id, is_new=False):
            raise lost(object)

    def release(self, org_id: str, object: str, run_id: str) -> None:
        """Give the lease up; nothing happens when the run does not own it."""
        with writing(self._engine) as connection:
            connection.execute(delete(leases).where(_is(org_id, object), leases.c.run_id == run_id))

    def hand_on(self, run_id: str) -> None:
        """Keep what this process holds for `run_id` until the next step of that run, in another process, renews it."""
        with writing(self._engine) as connection:
            held = update(leases).where(leases.c.run_id == run_id, leases.c.process == this_process())
            connection.execute(held.values(process=BETWEEN_STEPS, expires_at=read_clock(connection) + HANDED_ON))

    def hold(self, org_id: str, object: str, run_id: str) -> Hold:
        """Return the hold of a run on an object, whether it has one or not."""
        return Hold(self._engine, org_id, object, run_id)

    def _insert(self, org_id: str, object: str, run_id: str) -> bool:
        with writing(self._engine) as connection:
            now = read_clock(connection)
            values = {
                "org_id": org_id,
                "object": object.lower(),
                "run_id": run_id,
                "process": this_process(),
                "expires_at": now + self._time_to_live,
                "taken_at": now,
                "fence": _next_fence(connection, org_id, object),
            }
            return insert_if_absent(connection, leases, values)

    def _claim(self, org_id: str, object: str, run_id: str, while_: ColumnElement[bool], *, is_new: bool) -> bool:
        with writing(self._engine) as connection:
            now = read_clock(connection)
            owner = {"run_id": run_id, "process": this_process(), "expires_at": now + self._time_to_live}
            if is_new:
                owner |= {"fence": _next_fence(connection, org_id, object), "taken_at": now}
            statement = update(leases).where(_is(org_id, object), while_).values(**owner)
            return connection.execute(statement).rowcount == 1


def lost(object: str) -> LeaseLost:
    """Return the error of a run that no longer holds an object."""
    return LeaseLost(
        f"{object} was taken over by another run, because this run's process did not answer for a while. This run"
        " writes nothing more; the other run finds out what it had written"
    )


def _next_fence(connection: Connection, org_id: str, object: str) -> int:
    """Count the leases on an object; the number is never used twice."""
    key = {"org_id": org_id, "object": object.lower()}
    counted = build_insert(connection.dialect.name, fences).values(**key, number=1)
    counted = counted.on_conflict_do_update(index_elements=list(key), set_={"number": fences.c.number + 1})
    return int(connection.execute(counted.returning(fences.c.number)).scalar_one())


def _is(org_id: str, object: str) -> ColumnElement[bool]:
    return and_(leases.c.org_id == org_id, leases.c.object == object.lower())


def _busy(object: str, owner: str) -> ObjectBusy:
    return ObjectBusy(f"{object} is being synced by {owner}; wait until that one has ended, then run again")
