"""Which run holds an object, for tests of the leases."""

from sqlalchemy import Engine, select

from integration_center.database.engine import read_clock, reading
from integration_center.database.tables import leases


def find_owner(engine: Engine, org_id: str, object_name: str) -> str | None:
    """The run that holds the lease now, or None."""
    statement = select(leases.c.run_id).where(leases.c.org_id == org_id, leases.c.object == object_name.lower())
    with reading(engine) as connection:
        run_id: str | None = connection.execute(
            statement.where(leases.c.expires_at > read_clock(connection))
        ).scalar_one_or_none()
    return run_id
