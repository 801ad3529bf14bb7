"""Figures of an installation for monitoring: runs by status, leases and their ages, API calls that are left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, func, select

from integration_center.database.engine import read_clock, reading, upsert, writing
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import api_calls, leases, syncs


@dataclass(frozen=True)
class LeaseAge:
    """How long a run has held an object of an org."""

    org_id: str
    object: str
    age: timedelta


@dataclass(frozen=True)
class CallsLeft:
    """The API calls that an org had left when it was last asked, of those that it allows in 24 hours."""

    org_id: str
    remaining: int
    maximum: int


class Figures:
    """What is counted in our database.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count_syncs(self) -> Mapping[SyncStatus, int]:
        """Count the lines of the log by status; each status is there."""
        statement = select(syncs.c.status, func.count()).group_by(syncs.c.status)
        with reading(self._engine) as connection:
            found = {SyncStatus(status): count for status, count in connection.execute(statement)}
        return {status: found.get(status, 0) for status in SyncStatus}

    def list_leases(self) -> Sequence[LeaseAge]:
        """List the leases that runs hold."""
        with reading(self._engine) as connection:
            now = read_clock(connection)
            held = connection.execute(select(leases).where(leases.c.expires_at > now)).all()
        return [LeaseAge(row.org_id, row.object, now - (row.taken_at or now)) for row in held]

    def note_calls_left(self, org_id: str, remaining: int, maximum: int) -> None:
        """Note what an org said of its API calls."""
        with writing(self._engine) as connection:
            values = {
                "org_id": org_id,
                "remaining": remaining,
                "maximum": maximum,
                "noted_at": read_clock(connection),
            }
            upsert(connection, api_calls, ("org_id",), values)

    def list_calls_left(self) -> Sequence[CallsLeft]:
        """List what the orgs said of their API calls."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(api_calls)).all()
        return [CallsLeft(row.org_id, row.remaining, row.maximum) for row in rows]
