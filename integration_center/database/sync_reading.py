"""What is read of the log of syncs: single lines, pages, pictures, and the days that are done."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, String, Values, column, func, or_, select

from integration_center.database.engine import reading
from integration_center.database.sync_records import (
    RETRY_OF,
    UNDO_OF,
    RecentSyncs,
    SyncPicture,
    SyncRecord,
    SyncStatus,
    build_record,
)
from integration_center.database.tables import accounts, syncs
from integration_center.integration.spec import Environment
from integration_center.sync.outcomes import BROKEN, WRITTEN


class SyncReading:
    """Reads the log. Nothing here changes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, run_id: str, slug: str) -> SyncRecord | None:
        """One line, or None."""
        with reading(self._engine) as connection:
            row = connection.execute(select(syncs).where(is_line(run_id, slug))).one_or_none()
        return None if row is None else build_record(row)

    def known(self, run_ids: Collection[str]) -> set[tuple[str, str]]:
        """Run id and slug of all lines of some runs."""
        with reading(self._engine) as connection:
            statement = select(syncs.c.run_id, syncs.c.slug).where(syncs.c.run_id.in_(run_ids))
            return {(run_id, slug) for run_id, slug in connection.execute(statement)}

    def of_run(self, run_id: str) -> tuple[SyncRecord, ...]:
        """The lines of the runs whose id begins with `run_id`, in the order they were opened."""
        statement = select(syncs).where(syncs.c.run_id.startswith(run_id, autoescape=True)).order_by(syncs.c.id)
        return self._read(statement)

    def of_runs(self, run_ids: Collection[str]) -> Mapping[str, SyncRecord]:
        """A line of each of some runs, by the run's id: of several integrations in one run, the first."""
        statement = select(syncs).where(syncs.c.run_id.in_(run_ids)).order_by(syncs.c.id.desc())
        with reading(self._engine) as connection:
            return {row.run_id: build_record(row) for row in connection.execute(statement)}

    def history(
        self, slug: str | None = None, *, environment: Environment | None = None, limit: int = 50
    ) -> tuple[SyncRecord, ...]:
        """The newest lines first."""
        statement = select(syncs).order_by(syncs.c.started_at.desc(), syncs.c.id.desc()).limit(limit)
        if slug is not None:
            statement = statement.where(syncs.c.slug == slug)
        if environment is not None:
            statement = statement.where(syncs.c.environment == environment.value)
        return self._read(statement)

    def since(self, moment: datetime, slug: str | None = None) -> tuple[SyncRecord, ...]:
        """The lines that began after a moment and made a plan, of one integration or of all, the newest first."""
        conditions = [syncs.c.started_at > moment, syncs.c.plan_id.is_not(None)]
        if slug is not None:
            conditions.append(syncs.c.slug == slug)
        return self._read(select(syncs).where(*conditions).order_by(syncs.c.id.desc()))

    def page(
        self,
        *,
        slug: str | None = None,
        text: str = "",
        environment: Environment | None = None,
        status: SyncStatus | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[tuple[SyncRecord, ...], int]:
        """Some lines, the newest first, and how many there are in all.

        Args:
            slug: only those of this integration.
            text: only those whose name, slug, report or object holds this, no case.
            environment: only those of this one.
            status: only those that have it.
            limit: at most so many.
            offset: after so many newer ones.
        """
        named = (syncs.c.name, syncs.c.slug, syncs.c.report, syncs.c.object)
        conditions = [
            *([syncs.c.slug == slug] if slug is not None else []),
            *([or_(*(each.icontains(text, autoescape=True) for each in named))] if text else []),
            *([syncs.c.environment == environment.value] if environment else []),
            *([syncs.c.status == status.value] if status else []),
        ]
        lines = select(syncs).where(*conditions).order_by(syncs.c.id.desc()).limit(limit).offset(offset)
        count = select(func.count()).select_from(syncs).where(*conditions)
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(lines))), connection.execute(count).scalar_one()

    def recent(self, slugs: Collection[str], each: int) -> Mapping[str, RecentSyncs]:
        """The newest lines of many integrations, in two queries; those that never ran are left out.

        Args:
            slugs: the integrations.
            each: at most so many lines for one.
        """
        rows = syncs.c.counts["rows"]
        broken = [func.coalesce(rows[outcome.value].as_integer(), 0) for outcome in BROKEN]
        written = [func.coalesce(rows[outcome.value].as_integer(), 0) for outcome in WRITTEN]
        sums = (sum(counts[1:], start=counts[0]) for counts in (written, broken))
        columns = (syncs.c.id, syncs.c.slug, syncs.c.status, *sums)
        newest: dict[str, int] = {}
        pictures: dict[str, list[SyncPicture]] = defaultdict(list)
        with reading(self._engine) as connection:
            for number, slug, status, *counts in connection.execute(_newest(slugs, each, *columns)):
                newest.setdefault(slug, number)
                pictures[slug].append(SyncPicture(SyncStatus(status), *counts))
            last = connection.execute(select(syncs).where(syncs.c.id.in_(newest.values())))
            return {row.slug: RecentSyncs(build_record(row), pictures[row.slug]) for row in last}

    def latest(self, slugs: Collection[str], each: int) -> Mapping[str, Sequence[SyncRecord]]:
        """The newest lines of many integrations, the newest first, in one query.

        Args:
            slugs: the integrations.
            each: at most so many lines for one.
        """
        found: dict[str, list[SyncRecord]] = defaultdict(list)
        with reading(self._engine) as connection:
            for row in connection.execute(_newest(slugs, each, *syncs.c)):
                found[row.slug].append(build_record(row))
        return found

    def last(self, slugs: Collection[str]) -> Mapping[str, SyncRecord]:
        """The newest line of each integration, in one query; those that never ran are left out."""
        newest = _newest(slugs, 1, syncs.c.id).order_by(None)
        with reading(self._engine) as connection:
            found = connection.execute(select(syncs).where(syncs.c.id.in_(newest)))
            return {row.slug: build_record(row) for row in found}

    def running(self) -> tuple[SyncRecord, ...]:
        """The lines still open, the oldest first."""
        statement = select(syncs).where(syncs.c.status == SyncStatus.RUNNING.value).order_by(syncs.c.id)
        return self._read(statement)

    def pushed(self, slug: str, org_id: str) -> tuple[SyncRecord, ...]:
        """The syncs of an integration that wrote to an org, or may have, or found nothing to write; newest first."""
        statement = (
            select(syncs)
            .where(syncs.c.slug == slug, syncs.c.org_id == org_id, syncs.c.pushed.is_(True))
            .order_by(syncs.c.id.desc())
        )
        return self._read(statement)

    def last_completed_day(self, slug: str, environment: Environment) -> date | None:
        """The last day of the newest days that completed in the org connected now; undos and retries do not count."""
        statement = (
            select(func.max(syncs.c.partition_end))
            .join(accounts, accounts.c.org_id == syncs.c.org_id)
            .where(
                syncs.c.slug == slug,
                accounts.c.environment == environment.value,
                syncs.c.pushed.is_(True),
                syncs.c.status == SyncStatus.COMPLETED.value,
                ~syncs.c.triggered_by.startswith(UNDO_OF),
                ~syncs.c.triggered_by.startswith(RETRY_OF),
            )
        )
        return self._read_day(statement)

    def newest_pushed_day(self, slug: str, *, environment: Environment | None = None) -> date | None:
        """The newest day whose data the org connected now holds, or may hold in part.

        A day counts when its sync completed with nothing left merely planned, when its plan was applied, or when at
        least one line was written or may have been. What was pushed to an org that has been replaced since (a sandbox
        refresh) does not count for its successor.

        Args:
            slug: the integration.
            environment: the one it writes to; without it, any that is connected.
        """
        connected = select(accounts.c.org_id)
        if environment is not None:
            connected = connected.where(accounts.c.environment == environment.value)
        statement = select(func.max(syncs.c.partition_end)).where(
            syncs.c.slug == slug, syncs.c.pushed.is_(True), syncs.c.org_id.in_(connected)
        )
        return self._read_day(statement)

    def newest_planned_day(self, slug: str, environment: Environment) -> date | None:
        """The newest day for which an integration has made a plan, whatever became of it; undos and retries do not."""
        statement = select(func.max(syncs.c.partition_end)).where(
            syncs.c.slug == slug,
            syncs.c.environment == environment.value,
            syncs.c.plan_id.is_not(None),
            ~syncs.c.triggered_by.startswith(UNDO_OF),
            ~syncs.c.triggered_by.startswith(RETRY_OF),
        )
        return self._read_day(statement)

    def _read(self, statement: Select[Any]) -> tuple[SyncRecord, ...]:
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(statement)))

    def _read_day(self, statement: Select[Any]) -> date | None:
        with reading(self._engine) as connection:
            day: date | None = connection.execute(statement).scalar_one()
        return day


def _newest(slugs: Collection[str], each: int, *columns: Any) -> Select[Any]:
    """The newest lines of each integration, the newest first; found by the index of slug and id alone."""
    wanted = Values(column("slug", String), name="wanted").data([(slug,) for slug in sorted(slugs) or [""]]).cte()
    others = syncs.alias("others")
    # Lines are numbered as they are opened. Where there are fewer than `each`, all are wanted.
    oldest = (
        select(others.c.id)
        .where(others.c.slug == wanted.c.slug)
        .order_by(others.c.id.desc())
        .limit(1)
        .offset(each - 1)
        .scalar_subquery()
    )
    return (
        select(*columns)
        .join(wanted, syncs.c.slug == wanted.c.slug)
        .where(syncs.c.id >= func.coalesce(oldest, 0))
        .order_by(syncs.c.id.desc())
    )


def is_line(run_id: str, slug: str) -> ColumnElement[bool]:
    """The condition that finds one line."""
    return (syncs.c.run_id == run_id) & (syncs.c.slug == slug)
