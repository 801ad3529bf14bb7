"""The log of syncs: one line per run and integration, opened by update_set and closed by push.

A run's own status in Dagster is not an integration's, because one run may carry several; this log is what every
listing reads.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    String,
    Values,
    and_,
    column,
    delete,
    func,
    or_,
    select,
    update,
)

from integration_center.database.engine import reading, upsert, writing
from integration_center.database.sync_records import (
    UNDO_OF,
    Counts,
    RecentSyncs,
    SyncPicture,
    SyncRecord,
    SyncStatus,
    build_record,
)
from integration_center.database.tables import accounts, sync_progress, syncs
from integration_center.errors import PlanMissing
from integration_center.integration.spec import Environment
from integration_center.sync.outcomes import BROKEN, MAY_BE_WRITTEN, WRITTEN
from integration_center.wording.plain_text import join_lines

KEY = ("run_id", "slug")


class SyncLog:
    """Reads and writes the log. Every write may be repeated (a retried step) without a second line."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(
        self,
        run_id: str,
        slug: str,
        *,
        name: str,
        environment: Environment | None,
        report: str,
        object: str,
        partition_start: date,
        partition_end: date,
        triggered_by: str,
        org_id: str | None = None,
    ) -> SyncRecord:
        """Begin a line, or begin it again when the step is retried; the start stays that of the first try."""
        values: dict[str, Any] = {
            "run_id": run_id,
            "slug": slug,
            "name": name,
            "environment": environment.value if environment else None,
            "org_id": org_id,
            "report": report,
            "object": object,
            "partition_start": partition_start,
            "partition_end": partition_end,
            "status": SyncStatus.RUNNING.value,
            "started_at": datetime.now(UTC),
            "ended_at": None,
            "counts": {},
            "pushed": False,
            "held": None,
            "error": None,
            "api_calls": 0,
            "triggered_by": triggered_by,
        }
        with writing(self._engine) as connection:
            known = connection.execute(select(syncs).where(_is(run_id, slug)).with_for_update()).one_or_none()
            if known is not None:
                values |= {"started_at": known.started_at, "counts": known.counts, "pushed": known.pushed}
                values |= {"org_id": org_id or known.org_id, "api_calls": known.api_calls}
            upsert(connection, syncs, KEY, values)
        return self._require(run_id, slug)

    def planned(
        self,
        run_id: str,
        slug: str,
        *,
        plan_id: str,
        counts: Counts,
        org_id: str,
        read_at: datetime,
        describe_hash: str,
        api_calls: int,
        held: str | None = None,
    ) -> SyncRecord:
        """Note the plan. `api_calls` are those used so far in this sync.

        Raises:
            PlanMissing: the line was never opened.
        """
        changes = {
            "plan_id": plan_id,
            "applied_at": None,
            "counts": _plain(counts),
            "org_id": org_id,
            "read_at": read_at,
            "describe_hash": describe_hash,
            "api_calls": api_calls,
            "held": held,
        }
        with writing(self._engine) as connection:
            connection.execute(update(syncs).where(_is(run_id, slug)).values(**changes))
        return self._require(run_id, slug)

    def apply(self, run_id: str, slug: str) -> bool:
        """Mark the plan as applied, before its first write; False when it was applied before, so nobody pushes twice.

        Raises:
            PlanMissing: the line was never opened.
        """
        statement = (
            update(syncs)
            .where(_is(run_id, slug), syncs.c.applied_at.is_(None), syncs.c.plan_id.is_not(None))
            .values(applied_at=datetime.now(UTC), pushed=True)
        )
        with writing(self._engine) as connection:
            if connection.execute(statement).rowcount == 1:
                return True
        self._require(run_id, slug)
        return False

    def add_calls(self, run_id: str, slug: str, api_calls: int) -> None:
        """Add API calls to those noted so far."""
        statement = update(syncs).where(_is(run_id, slug)).values(api_calls=syncs.c.api_calls + api_calls)
        with writing(self._engine) as connection:
            connection.execute(statement)

    def latest_push(self, slug: str, plan_id: str) -> SyncRecord | None:
        """The line of the newest run that began to push a plan: its own run, or one that re-executes it."""
        statement = (
            select(syncs)
            .where(syncs.c.slug == slug, syncs.c.plan_id == plan_id, syncs.c.applied_at.is_not(None))
            .order_by(syncs.c.id.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else build_record(row)

    def note_progress(self, run_id: str, slug: str, done: int, total: int) -> None:
        """Note how many records of a push are done, of how many."""
        values = {"run_id": run_id, "slug": slug, "done": done, "total": total}
        with writing(self._engine) as connection:
            upsert(connection, sync_progress, KEY, values)

    def progress(self, run_id: str, slug: str) -> tuple[int, int] | None:
        """How many records of a push were done at last, of how many; None before its first answer."""
        this = (sync_progress.c.run_id == run_id) & (sync_progress.c.slug == slug)
        with reading(self._engine) as connection:
            row = connection.execute(select(sync_progress).where(this)).one_or_none()
        return None if row is None else (row.done, row.total)

    def close(
        self,
        run_id: str,
        slug: str,
        *,
        status: SyncStatus,
        counts: Counts | None = None,
        error: str | None = None,
        api_calls: int | None = None,
    ) -> SyncRecord:
        """End a line; without `counts` or `api_calls` those noted before stay. Its progress is forgotten.

        Raises:
            PlanMissing: the line was never opened.
        """
        with writing(self._engine) as connection:
            known = connection.execute(select(syncs).where(_is(run_id, slug)).with_for_update()).one_or_none()
            if known is None:
                raise _missing(run_id, slug)
            final = _plain(known.counts if counts is None else counts)
            changes = {
                "status": status.value,
                "ended_at": datetime.now(UTC),
                "counts": final,
                "pushed": known.pushed or _reached_org(status, final),
                "error": None if error is None else join_lines(error),
                "api_calls": known.api_calls if api_calls is None else api_calls,
            }
            connection.execute(update(syncs).where(_is(run_id, slug)).values(**changes))
            this = (sync_progress.c.run_id == run_id) & (sync_progress.c.slug == slug)
            connection.execute(delete(sync_progress).where(this))
        return self._require(run_id, slug)

    def amend(self, run_id: str, slug: str, *, counts: Counts, error: str) -> None:
        """Correct the counts of a line by what a later run has learned; a line still open fails with `error`."""
        with writing(self._engine) as connection:
            connection.execute(update(syncs).where(_is(run_id, slug)).values(counts=_plain(counts)))
        self.fail_open(run_id, slug, error)

    def fail_open(self, run_id: str, slug: str, error: str) -> bool:
        """Fail a line whose run ended without closing it; whether it was still open."""
        with writing(self._engine) as connection:
            statement = (
                update(syncs)
                .where(_is(run_id, slug), syncs.c.status == SyncStatus.RUNNING.value)
                .values(status=SyncStatus.FAILED.value, ended_at=datetime.now(UTC), error=join_lines(error))
            )
            return connection.execute(statement).rowcount == 1

    def get(self, run_id: str, slug: str) -> SyncRecord | None:
        """One line, or None."""
        with reading(self._engine) as connection:
            row = connection.execute(select(syncs).where(_is(run_id, slug))).one_or_none()
        return None if row is None else build_record(row)

    def known(self, run_ids: Collection[str]) -> set[tuple[str, str]]:
        """Run id and slug of all lines of some runs."""
        with reading(self._engine) as connection:
            statement = select(syncs.c.run_id, syncs.c.slug).where(syncs.c.run_id.in_(run_ids))
            return {(run_id, slug) for run_id, slug in connection.execute(statement)}

    def of_run(self, run_id: str) -> tuple[SyncRecord, ...]:
        """The lines of the runs whose id begins with `run_id`, in the order they were opened."""
        statement = select(syncs).where(syncs.c.run_id.startswith(run_id, autoescape=True)).order_by(syncs.c.id)
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(statement)))

    def history(
        self, slug: str | None = None, *, environment: Environment | None = None, limit: int = 50
    ) -> tuple[SyncRecord, ...]:
        """The newest lines first."""
        statement = select(syncs).order_by(syncs.c.started_at.desc(), syncs.c.id.desc()).limit(limit)
        if slug is not None:
            statement = statement.where(syncs.c.slug == slug)
        if environment is not None:
            statement = statement.where(syncs.c.environment == environment.value)
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(statement)))

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

    def last_statuses(self, slugs: Collection[str]) -> Mapping[str, SyncStatus]:
        """The status of each integration's newest line, in one query; those that never ran are left out."""
        with reading(self._engine) as connection:
            found = connection.execute(_newest(slugs, 1, syncs.c.slug, syncs.c.status))
            return {slug: SyncStatus(status) for slug, status in found}

    def running(self) -> tuple[SyncRecord, ...]:
        """The lines still open, the oldest first."""
        statement = select(syncs).where(syncs.c.status == SyncStatus.RUNNING.value).order_by(syncs.c.id)
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(statement)))

    def pushed(self, slug: str, org_id: str) -> tuple[SyncRecord, ...]:
        """The syncs of an integration that wrote to an org, or may have, or found nothing to write; newest first."""
        statement = (
            select(syncs)
            .where(syncs.c.slug == slug, syncs.c.org_id == org_id, syncs.c.pushed.is_(True))
            .order_by(syncs.c.id.desc())
        )
        with reading(self._engine) as connection:
            return tuple(map(build_record, connection.execute(statement)))

    def last_completed_day(self, slug: str, environment: Environment) -> date | None:
        """The last day of the newest days that completed in the org connected now; undos do not count."""
        statement = (
            select(func.max(syncs.c.partition_end))
            .join(accounts, accounts.c.org_id == syncs.c.org_id)
            .where(
                syncs.c.slug == slug,
                accounts.c.environment == environment.value,
                syncs.c.pushed.is_(True),
                syncs.c.status == SyncStatus.COMPLETED.value,
                ~syncs.c.triggered_by.startswith(UNDO_OF),
            )
        )
        with reading(self._engine) as connection:
            last: date | None = connection.execute(statement).scalar_one()
        return last

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
        with reading(self._engine) as connection:
            newest: date | None = connection.execute(statement).scalar_one()
        return newest

    def _require(self, run_id: str, slug: str) -> SyncRecord:
        record = self.get(run_id, slug)
        if record is None:
            raise _missing(run_id, slug)
        return record


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


def _is(run_id: str, slug: str) -> ColumnElement[bool]:
    return and_(syncs.c.run_id == run_id, syncs.c.slug == slug)


def _missing(run_id: str, slug: str) -> PlanMissing:
    return PlanMissing(f"run {run_id} has no sync of integration {slug!r}; materialize update_set and push together")


def _plain(counts: Counts) -> dict[str, dict[str, int]]:
    return {side: {str(outcome): int(n) for outcome, n in tally.items()} for side, tally in counts.items()}


def _reached_org(status: SyncStatus, counts: Counts) -> bool:
    lines = counts.get("lines", {})
    if any(lines.get(outcome, 0) for outcome in MAY_BE_WRITTEN):
        return True
    return status is SyncStatus.COMPLETED and not lines.get("planned", 0)
