"""The audit log: who connected, changed, ran or signed in, from where, and when. It never has a secret or a value."""

import getpass
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from integration_center.database.engine import insert_if_absent, reading, upsert, writing
from integration_center.database.tables import accounts, audit
from integration_center.integration.spec import Environment

KEPT = timedelta(days=365)
COMMAND_LINE = "command line"
"""The `where` of a user at a terminal of this machine."""
MAX_DETAIL, MAX_SLUG = 500, 255
RUN_KEY = ("run_id", "slug")


class Action(StrEnum):
    """What was done, in the words of the audit page."""

    SIGNED_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    SIGNED_OUT = "signed out"
    REFUSED = "refused"
    ADDED_ACCOUNT = "added account"
    REMOVED_ACCOUNT = "removed account"
    CONNECTED = "connected"
    CONNECTION_REFUSED = "connection refused"
    DISCONNECTED = "disconnected"
    ROTATED_KEY = "rotated key"
    FORGOT_REPORT = "deleted stored report"
    FORGOT_PERSON = "erased a person"
    CREATED = "created"
    CHANGED = "changed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"
    RAN = "ran"
    PLANNED = "planned"
    UNDID = "undid"
    RETRIED = "tried again"
    RELEASED = "released"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    GRANTED = "changed permission set"
    CREATED_FIELDS = "created fields"
    STOPPED = "stopped everything"
    RESUMED = "resumed"
    ENDED_SESSION = "ended session"
    CHANGED_ROLE = "changed role"
    DOWNLOADED = "downloaded"
    PROMOTED = "promoted"


EDITS = frozenset({Action.CREATED, Action.CHANGED, Action.ENABLED, Action.DISABLED, Action.DELETED})
"""The actions that change the file of an integration."""


class Concerned(TypedDict, total=False):
    """What an action concerned; see `AuditLog.record`."""

    environment: Environment | None
    slug: str | None
    detail: str | None
    org_id: str | None
    run_id: str | None


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        at: the time, UTC.
        who: a console user, the operating-system user of the command line, or a schedule or similar.
        where: the network address, `COMMAND_LINE`, or Dagster.
        environment: the environment of the account or integration.
        slug: the integration concerned, if any.
        detail: a sentence for people; None when the action says everything.
        org_id: the org that was connected in `environment` at that time; None without an org.
        run_id: the run that the action started, if any.
        times: how often it happened within 15 minutes. Only refusals are counted more than once.
    """

    at: datetime
    who: str
    where: str
    action: Action
    environment: Environment | None
    slug: str | None
    detail: str | None
    org_id: str | None = None
    run_id: str | None = None
    times: int = 1


class AuditLog:
    """The audit log in our database.

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
        org_id: str | None = None,
        run_id: str | None = None,
    ) -> None:
        """Record an action, at the present time. The entry of a run replaces the entry that the run made itself.

        Args:
            action: what was done.
            who: the console user or the operating-system user.
            where: the network address, or `COMMAND_LINE`.
            environment: the environment of the account or integration.
            slug: the slug of the integration.
            detail: further information, without a secret, key or record value; cut at `MAX_DETAIL` characters.
            org_id: the org. If it is left out, the org connected in `environment`, unless a connection was refused.
            run_id: the run that the action started.

        Raises:
            ConfigurationError, TransientError: the database cannot be written.
        """
        entry = AuditEntry(datetime.now(UTC), who, where, action, environment, slug, detail, org_id, run_id)
        with writing(self._engine) as connection:
            values = _build_values(connection, entry)
            if run_id is None:
                connection.execute(insert(audit).values(**values))
            else:
                upsert(connection, audit, RUN_KEY, values)

    def record_command(self, action: Action, **concerned: Unpack[Concerned]) -> None:
        """Record what the operating-system user did on the command line; see `record`."""
        self.record(action, who=getpass.getuser(), where=COMMAND_LINE, **concerned)

    def record_run_once(self, entry: AuditEntry) -> bool:
        """Record a run, unless the integration already has an entry for it, and return whether it was recorded.

        Args:
            entry: the entry, with `run_id` and `slug`.

        Raises:
            ConfigurationError, TransientError: the database cannot be written.
        """
        with writing(self._engine) as connection:
            return insert_if_absent(connection, audit, _build_values(connection, entry))

    def has_run(self, run_id: str, slug: str) -> bool:
        """Return whether the integration has an entry for the run."""
        statement = select(audit.c.id).where(audit.c.run_id == run_id, audit.c.slug == slug)
        with reading(self._engine) as connection:
            return connection.execute(statement).one_or_none() is not None

    def of_run(self, run_id: str, slug: str) -> AuditEntry | None:
        """Return the entry of an integration's run; None when there is none any more."""
        statement = select(audit).where(audit.c.run_id == run_id, audit.c.slug == slug)
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _build_entry(row)

    def of_runs(self, run_ids: Collection[str]) -> Mapping[tuple[str, str], AuditEntry]:
        """Return the entries of some runs, by run and slug."""
        statement = select(audit).where(audit.c.run_id.in_([*run_ids]), audit.c.slug.is_not(None))
        with reading(self._engine) as connection:
            return {(row.run_id, row.slug): _build_entry(row) for row in connection.execute(statement)}

    def list(
        self,
        *,
        limit: int = 100,
        offset: int = 0,
        slug: str | None = None,
        actions: Collection[Action] | None = None,
        who: str = "",
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> Sequence[AuditEntry]:
        """List entries, the newest first.

        Args:
            limit: the largest number of entries.
            offset: the number of newer entries to skip.
            slug: only list entries of this integration.
            actions: only list these actions.
            who: only list entries of users whose name contains this text, in any case.
            since: only list entries of this time and later, UTC.
            before: only list entries of earlier times, UTC.
        """
        statement = select(audit).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit).offset(offset)
        if slug is not None:
            statement = statement.where(audit.c.slug == slug)
        if actions is not None:
            statement = statement.where(audit.c.action.in_(action.value for action in actions))
        if who:
            statement = statement.where(audit.c.who.icontains(who, autoescape=True))
        if since is not None:
            statement = statement.where(audit.c.at >= since)
        if before is not None:
            statement = statement.where(audit.c.at < before)
        with reading(self._engine) as connection:
            return tuple(map(_build_entry, connection.execute(statement)))

    def list_slugs(self) -> Sequence[str]:
        """List the integrations that have entries, also those that are deleted, in the order of their slugs."""
        statement = select(audit.c.slug).where(audit.c.slug.is_not(None)).distinct().order_by(audit.c.slug)
        with reading(self._engine) as connection:
            return tuple(connection.execute(statement).scalars())

    def delete_old(self, now: datetime) -> int:
        """Delete the entries that are older than `KEPT` at `now`, and return their number."""
        with writing(self._engine) as connection:
            return connection.execute(delete(audit).where(audit.c.at < now - KEPT)).rowcount


def _build_values(connection: Connection, entry: AuditEntry) -> dict[str, Any]:
    """Build the row of an entry, with the org that is connected in its environment."""
    org_id = entry.org_id
    if org_id is None and entry.environment is not None and entry.action is not Action.CONNECTION_REFUSED:
        connected = select(accounts.c.org_id).where(accounts.c.environment == entry.environment.value)
        org_id = connection.execute(connected).scalar_one_or_none()
    return {
        "at": entry.at,
        "who": _clean(entry.who),
        "place": _clean(entry.where),
        "action": entry.action.value,
        "environment": entry.environment.value if entry.environment else None,
        "slug": _clean(entry.slug)[:MAX_SLUG] if entry.slug else None,
        "detail": _clean(entry.detail)[:MAX_DETAIL] if entry.detail else None,
        "org_id": org_id,
        "run_id": entry.run_id,
    }


def _clean(text: str) -> str:
    """Replace control characters, because the tags and config of a run come from the person who launched it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _build_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        at=row.at,
        who=row.who,
        where=row.place,
        action=Action(row.action),
        environment=Environment(row.environment) if row.environment else None,
        slug=row.slug,
        detail=row.detail,
        org_id=row.org_id,
        run_id=row.run_id,
        times=row.times or 1,
    )
