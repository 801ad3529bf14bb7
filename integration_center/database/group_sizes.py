"""How many records of an object an org saved in one transaction, where larger groups ran into limits."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from integration_center.database.engine import reading, upsert, writing
from integration_center.database.tables import group_sizes

KEPT_FOR = timedelta(days=7)
"""After that, large groups are tried once more: what limited them may have passed, or been improved."""


class GroupSizes:
    """Sizes by org and object, an object's name without regard to case.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, org_id: str, object: str) -> int | None:
        """The size that worked lately; None when nothing is known."""
        statement = select(group_sizes.c.size).where(
            group_sizes.c.org_id == org_id,
            group_sizes.c.object == object.lower(),
            group_sizes.c.noted_at > datetime.now(UTC) - KEPT_FOR,
        )
        with reading(self._engine) as connection:
            return connection.execute(statement).scalar_one_or_none()

    def note(self, org_id: str, object: str, size: int) -> None:
        """Remember the size that worked."""
        values = {"org_id": org_id, "object": object.lower(), "size": size, "noted_at": datetime.now(UTC)}
        with writing(self._engine) as connection:
            upsert(connection, group_sizes, ("org_id", "object"), values)
