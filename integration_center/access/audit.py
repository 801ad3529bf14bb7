"""The audit log: who connected, changed, ran or signed in, from where, and when. It never holds a secret or a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, select

from integration_center.database.engine import reading, writing
from integration_center.database.tables import audit
from integration_center.integration import Environment

KEPT = timedelta(days=365)
COMMAND_LINE = "command line"
"""The place of who acts at a terminal of this machine."""
MAX_DETAIL = 500


class Action(StrEnum):
    """What was done, as the page shows it."""

    SIGNED_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    SIGNED_OUT = "signed out"
    CONNECTED = "connected"
    CONNECTION_REFUSED = "connection refused"
    DISCONNECTED = "disconnected"
    CREATED = "created"
    CHANGED = "changed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"
    RAN = "ran"
    PLANNED = "planned"
    UNDID = "undid"


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        at: UTC.
        who: a console user, or the operating-system user of the command line.
        where: the network address, or `COMMAND_LINE`.
        slug: the integration it was done to, if it was one.
        detail: a sentence for people; None when the action says all.
    """

    at: datetime
    who: str
    where: str
    action: Action
    environment: Environment | None
    slug: str | None
    detail: str | None


class AuditLog:
    """Writes and reads the audit log.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(
        self,
        action: Action,
        *,
        who: str,
        where: str,
        environment: Environment | None = None,
        slug: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Note what was done, now.

        Args:
            action: what.
            who: the console user or the operating-system user.
            where: the network address, or `COMMAND_LINE`.
            environment: of the account or integration.
            slug: of the integration.
            detail: what else is worth knowing, without a secret, key or record value; cut at `MAX_DETAIL` characters.

        Raises:
            ConfigurationError, TransientError: the database cannot be written.
        """
        values = {
            "at": datetime.now(UTC),
            "who": who,
            "place": where,
            "action": action.value,
            "environment": environment.value if environment else None,
            "slug": slug,
            "detail": detail[:MAX_DETAIL] if detail else None,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(audit).values(**values))

    def list(self, *, limit: int = 100, offset: int = 0, slug: str | None = None) -> Sequence[AuditEntry]:
        """The newest entries first.

        Args:
            limit: at most so many.
            offset: after so many newer ones.
            slug: only those of this integration.
        """
        statement = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit).offset(offset)
        if slug is not None:
            statement = statement.where(audit.c.slug == slug)
        with reading(self._engine) as connection:
            return tuple(map(_build_entry, connection.execute(statement)))

    def delete_old(self, now: datetime) -> int:
        """Delete what was noted more than `KEPT` before `now`; how many entries those were."""
        with writing(self._engine) as connection:
            return connection.execute(delete(audit).where(audit.c.at < now - KEPT)).rowcount


def _build_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        at=row.at,
        who=row.who,
        where=row.place,
        action=Action(row.action),
        environment=Environment(row.environment) if row.environment else None,
        slug=row.slug,
        detail=row.detail,
    )
