"""The lock on one object of one org: taken before the org is read, held to the end of push.

Dagster's pools make a queue wait, but a run started outside the queue would not; this lease holds whatever started
the run. It has an owner and an expiry, so a crashed run never blocks its object for good; and since it names the
owner's process, the next run on the same host need not wait for the expiry.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, delete, select, update

from integration_center.database.engine import insert_if_absent, reading, writing
from integration_center.database.processes import is_gone, this_process
from integration_center.database.tables import leases
from integration_center.errors import ObjectBusy

TIME_TO_LIVE = timedelta(minutes=30)


class Leases:
    """Leases on (org id, object), an object's name without regard to case.

    Args:
        engine: our database.
        time_to_live: how long a lease holds without `renew`.
    """

    def __init__(self, engine: Engine, *, time_to_live: timedelta = TIME_TO_LIVE) -> None:
        self._engine = engine
        self._time_to_live = time_to_live

    def take(self, org_id: str, object: str, run_id: str, *, is_finished: Callable[[str], bool | None]) -> str | None:
        """Make `run_id` the owner; taking what the run owns already renews it.

        Args:
            org_id: the 18-character org id.
            object: the object's API name.
            run_id: the run that wants it.
            is_finished: whether the named run has ended; None when nobody knows.

        Returns:
            The run whose process was killed and that has lost the lease by it, if that is so.

        Raises:
            ObjectBusy: another run, still going, owns it; of two that ask at once, one wins.
        """
        if self._insert(org_id, object, run_id):
            return None
        with reading(self._engine) as connection:
            owner = connection.execute(select(leases).where(_is(org_id, object))).one_or_none()
        if owner is None:
            if self._insert(org_id, object, run_id):
                return None
            raise _busy(object, "another run")
        finished = owner.run_id == run_id or is_finished(owner.run_id) is True
        killed = not finished and is_gone(owner.process)
        if not (finished or killed or owner.expires_at <= datetime.now(UTC)):
            raise _busy(object, f"run {owner.run_id}")
        # Only the lease that was looked at is taken over: whoever was quicker has changed it.
        seen = and_(leases.c.run_id == owner.run_id, leases.c.expires_at == owner.expires_at)
        if not self._claim(org_id, object, run_id, seen):
            raise _busy(object, "another run")
        return owner.run_id if killed else None

    def renew(self, org_id: str, object: str, run_id: str) -> None:
        """Hold the lease for another while; call it from time to time in a long push.

        Raises:
            ObjectBusy: the lease was lost to another run, so this one must not write any more.
        """
        if not self._claim(org_id, object, run_id, leases.c.run_id == run_id):
            raise _busy(object, "another run, which took over after this one's lease had expired")

    def release(self, org_id: str, object: str, run_id: str) -> None:
        """Give the lease up; nothing happens when the run does not own it."""
        with writing(self._engine) as connection:
            connection.execute(delete(leases).where(_is(org_id, object), leases.c.run_id == run_id))

    def owner(self, org_id: str, object: str) -> str | None:
        """The run that holds the lease now, or None."""
        statement = select(leases.c.run_id).where(_is(org_id, object), leases.c.expires_at > datetime.now(UTC))
        with reading(self._engine) as connection:
            run_id: str | None = connection.execute(statement).scalar_one_or_none()
        return run_id

    def _insert(self, org_id: str, object: str, run_id: str) -> bool:
        values = {
            "org_id": org_id,
            "object": object.lower(),
            "run_id": run_id,
            "process": this_process(),
            "expires_at": datetime.now(UTC) + self._time_to_live,
        }
        with writing(self._engine) as connection:
            return insert_if_absent(connection, leases, values)

    def _claim(self, org_id: str, object: str, run_id: str, while_: ColumnElement[bool]) -> bool:
        expires_at = datetime.now(UTC) + self._time_to_live
        owner = {"run_id": run_id, "process": this_process(), "expires_at": expires_at}
        statement = update(leases).where(_is(org_id, object), while_).values(**owner)
        with writing(self._engine) as connection:
            return connection.execute(statement).rowcount == 1


def _is(org_id: str, object: str) -> ColumnElement[bool]:
    return and_(leases.c.org_id == org_id, leases.c.object == object.lower())


def _busy(object: str, owner: str) -> ObjectBusy:
    return ObjectBusy(f"{object} is being synced by {owner}; wait until that one has ended, then run again")
