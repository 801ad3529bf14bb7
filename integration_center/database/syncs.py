"""The log of syncs: one line per run and integration, opened by update_set and closed by push.

A run's own status in Dagster is not an integration's, because one run may carry several; this log is what every
listing reads.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, or_, select, update

from integration_center.database.engine import reading, upsert, writing
from integration_center.database.sync_reading import SyncReading, is_line
from integration_center.database.sync_records import Counts, SyncRecord, SyncStatus
from integration_center.database.tables import step_progress, sync_progress, syncs
from integration_center.errors import PlanMissing
from integration_center.integration.spec import Environment
from integration_center.sync.outcomes import MAY_BE_WRITTEN, Outcome
from integration_center.sync.refusals import REFUSED
from integration_center.wording.remedies import Said, say

KEY = ("run_id", "slug")


class SyncLog(SyncReading):
    """Reads and writes the log. Every write may be repeated (a retried step) without a second line."""

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
            known = connection.execute(select(syncs).where(is_line(run_id, slug)).with_for_update()).one_or_none()
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
            connection.execute(update(syncs).where(is_line(run_id, slug)).values(**changes))
        return self._require(run_id, slug)

    def apply(self, run_id: str, slug: str) -> bool:
        """Mark the plan as applied, before its first write; False when it was applied before, so nobody pushes twice.

        Raises:
            PlanMissing: the line was never opened.
        """
        statement = (
            update(syncs)
            .where(is_line(run_id, slug), syncs.c.applied_at.is_(None), syncs.c.plan_id.is_not(None))
            .values(applied_at=datetime.now(UTC), pushed=True)
        )
        with writing(self._engine) as connection:
            if connection.execute(statement).rowcount == 1:
                return True
        self._require(run_id, slug)
        return False

    def add_calls(self, run_id: str, slug: str, api_calls: int) -> None:
        """Add API calls to those noted so far."""
        statement = update(syncs).where(is_line(run_id, slug)).values(api_calls=syncs.c.api_calls + api_calls)
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
        return next(iter(self._read(statement)), None)

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
        error: str | Said | None = None,
        api_calls: int | None = None,
    ) -> SyncRecord:
        """End a line; without `counts` or `api_calls` those noted before stay. Its progress is forgotten.

        Raises:
            PlanMissing: the line was never opened.
        """
        with writing(self._engine) as connection:
            known = connection.execute(select(syncs).where(is_line(run_id, slug)).with_for_update()).one_or_none()
            if known is None:
                raise _missing(run_id, slug)
            final = known.counts if counts is None else _correct(known.counts, counts)
            changes = {
                "status": status.value,
                "ended_at": datetime.now(UTC),
                "counts": final,
                "pushed": known.pushed or _reached_org(status, final),
                "error": None if error is None else say(error).store(),
                "api_calls": known.api_calls if api_calls is None else api_calls,
            }
            connection.execute(update(syncs).where(is_line(run_id, slug)).values(**changes))
            _forget_progress(connection, run_id, slug)
        return self._require(run_id, slug)

    def recount(self, run_id: str, slug: str, *, counts: Counts) -> None:
        """Correct the counts of a line."""
        with writing(self._engine) as connection:
            known = connection.execute(select(syncs.c.counts).where(is_line(run_id, slug)).with_for_update()).scalar()
            connection.execute(update(syncs).where(is_line(run_id, slug)).values(counts=_correct(known or {}, counts)))

    def amend(self, run_id: str, slug: str, *, counts: Counts, error: str | Said) -> None:
        """Correct the counts of a line by what a later run has learned; a line still open fails with `error`.

        A line that ended as Failed with results that were not known gets `error`, too: its own counted these.
        """
        before = self.get(run_id, slug)
        self.recount(run_id, slug, counts=counts)
        self.fail_open(run_id, slug, error)
        if before and before.status is SyncStatus.FAILED and before.lines.get(Outcome.UNKNOWN):
            with writing(self._engine) as connection:
                connection.execute(update(syncs).where(is_line(run_id, slug)).values(error=say(error).store()))

    def reject(self, run_id: str, slug: str, error: str | Said) -> None:
        """Note that the plan of a line was rejected, so that it can no longer be released."""
        changes = {"status": SyncStatus.FAILED.value, "held": None, "error": say(error).store()}
        with writing(self._engine) as connection:
            connection.execute(update(syncs).where(is_line(run_id, slug)).values(**changes))

    def fail_open(self, run_id: str, slug: str, error: str | Said, *, tried_again: bool = False) -> bool:
        """Fail a line whose run ended without closing it; whether it was still open.

        Args:
            run_id: the run.
            slug: the integration.
            error: why it failed.
            tried_again: whether the step may be tried again. Then what the steps before it have noted stays.
        """
        with writing(self._engine) as connection:
            statement = (
                update(syncs)
                .where(is_line(run_id, slug), syncs.c.status == SyncStatus.RUNNING.value)
                .values(status=SyncStatus.FAILED.value, ended_at=datetime.now(UTC), error=say(error).store())
            )
            was_open = connection.execute(statement).rowcount == 1
            _forget_progress(connection, run_id, slug, with_report=not tried_again)
            return was_open

    def _require(self, run_id: str, slug: str) -> SyncRecord:
        record = self.get(run_id, slug)
        if record is None:
            raise _missing(run_id, slug)
        return record


def _missing(run_id: str, slug: str) -> PlanMissing:
    return PlanMissing(f"run {run_id} has no sync of integration {slug!r}; materialize update_set and push together")


def _forget_progress(connection: Connection, run_id: str, slug: str, *, with_report: bool = True) -> None:
    """Forget how far a line had come that is closed now; the step of its report, too, unless the run has open lines."""
    connection.execute(delete(sync_progress).where(sync_progress.c.run_id == run_id, sync_progress.c.slug == slug))
    done = step_progress.c.slug == slug
    if with_report:
        is_open = exists().where(syncs.c.run_id == run_id, syncs.c.status == SyncStatus.RUNNING.value)
        done = or_(done, step_progress.c.slug.is_(None) & ~is_open)
    connection.execute(delete(step_progress).where(step_progress.c.run_id == run_id, done))


def _correct(known: Counts, counts: Counts) -> dict[str, Mapping[str, int]]:
    """Replace the counts of a line. What two limits were checked against stays; what was refused may be less."""
    return {**{side: tally for side, tally in known.items() if side != REFUSED}, **_plain(counts)}


def _plain(counts: Counts) -> dict[str, dict[str, int]]:
    return {side: {str(outcome): int(n) for outcome, n in tally.items()} for side, tally in counts.items()}


def _reached_org(status: SyncStatus, counts: Counts) -> bool:
    lines = counts.get("lines", {})
    if any(lines.get(outcome, 0) for outcome in MAY_BE_WRITTEN):
        return True
    return status is SyncStatus.COMPLETED and not lines.get("planned", 0)
