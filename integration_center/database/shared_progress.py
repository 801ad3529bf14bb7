"""How far the steps of runs have come, for the hosts on which the runs do not work.

The host of a run reads the files of `store/run_progress.py`, which are newer. What is here goes when the run ends.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, or_, select

from integration_center.database.engine import has_other_hosts, read_clock, reading, upsert, writing
from integration_center.database.sync_reading import is_line
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import step_progress, syncs
from integration_center.store.run_progress import CONTENT, StepProgress

KEY = ("run_id", "step")
LEFT_AFTER = timedelta(hours=1)
"""What a run without an open line in the log noted longer ago than this was left by a run that was killed."""


class SharedProgress:
    """The progress of the runs of all hosts.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def has_readers(self) -> bool:
        """Whether other hosts can read it."""
        return has_other_hosts(self._engine)

    def note(self, run_id: str, step: str, progress: StepProgress) -> None:
        """Note how far a step has come. Of a step whose line in the log is closed, nothing is noted any more."""
        values = {
            "run_id": run_id,
            "step": step,
            "slug": progress.slug,
            "content": CONTENT.dump_python(progress, mode="json"),
        }
        with writing(self._engine) as connection:
            if progress.ended and progress.slug and not _is_open(connection, run_id, progress.slug):
                connection.execute(delete(step_progress).where(_is_step(run_id, step)))
                return
            upsert(connection, step_progress, KEY, values | {"noted_at": read_clock(connection)})

    def forget(self, run_id: str, step: str) -> None:
        """Forget a step that failed before its integration had a line in the log."""
        with writing(self._engine) as connection:
            connection.execute(delete(step_progress).where(_is_step(run_id, step)))

    def forget_left(self) -> None:
        """Forget what killed runs left."""
        at_work = select(syncs.c.run_id).where(syncs.c.status == SyncStatus.RUNNING.value)
        with writing(self._engine) as connection:
            old = step_progress.c.noted_at <= read_clock(connection) - LEFT_AFTER
            connection.execute(delete(step_progress).where(old, step_progress.c.run_id.not_in(at_work)))

    def read(self, run_id: str, slug: str) -> Sequence[StepProgress]:
        """Return how far the steps of a run have come, without those of other integrations, the first step first."""
        mine = or_(step_progress.c.slug.is_(None), step_progress.c.slug == slug)
        with reading(self._engine) as connection:
            rows = connection.execute(select(step_progress).where(step_progress.c.run_id == run_id, mine)).all()
            now = read_clock(connection) if rows else None
        # The clock of the run's host may differ from ours, so only the age of a note is taken.
        found = [_build(row.content, datetime.now(UTC) - (now - row.noted_at)) for row in rows if now]
        return sorted(filter(None, found), key=lambda step: step.began_at)


def _is_open(connection: Connection, run_id: str, slug: str) -> bool:
    """Whether the line of a run is still open."""
    status = connection.execute(select(syncs.c.status).where(is_line(run_id, slug))).scalar_one_or_none()
    return status == SyncStatus.RUNNING


def _is_step(run_id: str, step: str) -> ColumnElement[bool]:
    return (step_progress.c.run_id == run_id) & (step_progress.c.step == step)


def _build(content: object, noted_at: datetime) -> StepProgress | None:
    """Read a note; None for one of a newer program that this one does not understand."""
    try:
        return replace(CONTENT.validate_python(content), noted_at=noted_at)
    except ValueError:
        return None
