"""Dagster's table of runs, of which a process asks once what stays as it is.

For each run that it queues, Dagster asks the database four times which columns its tables have, and four times whether
a snapshot is stored. In samples of a tick on PostgreSQL, the first were a sixth of the daemon's time. It also builds
the statements again by which it looks whether the run was queued before, and reads the run four times.
"""

import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus, JobBucket, RunRecord, RunsFilter, TagBucket
from dagster._core.storage.runs import SqlRunStorage  # not public, as all of a storage class
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable, SnapshotsTable
from dagster._core.storage.runs.sql_run_storage import SnapshotType
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster._time import get_current_datetime, utc_datetime_from_naive
from dagster_shared.serdes import deserialize_value, serialize_value
from sqlalchemy import RowMapping, bindparam, select
from sqlalchemy.exc import IntegrityError

from integration_center.pipeline.snapshot_texts import keep_texts, write_snapshot

SNAPSHOT_SECONDS = 60.0
"""How long a snapshot counts as stored: another process may delete all runs, by `dagster run wipe`."""
FIND_SNAPSHOT = select(SnapshotsTable.c.snapshot_id).where(SnapshotsTable.c.snapshot_id == bindparam("wanted"))
"""Built once: to build a statement takes as long as to execute it."""
STORE_SNAPSHOT = SnapshotsTable.insert()
INSERT_RUN, INSERT_TAGS = RunsTable.insert(), RunTagsTable.insert()
CHANGE_RUN = (
    RunsTable.update()
    .where(RunsTable.c.run_id == bindparam("changed"))
    .values({name: bindparam(name) for name in ("run_body", "status", "update_timestamp")})
)
FIND_RUN_KEY = (
    select(RunTagsTable.c.run_id)
    .where(RunTagsTable.c.key == RUN_KEY_TAG, RunTagsTable.c.value == bindparam("wanted"))
    .limit(1)
)
FIND_RUN = select(
    *(RunsTable.c[name] for name in ("id", "run_body", "status", "create_timestamp", "update_timestamp")),
    *(RunsTable.c[name] for name in ("start_time", "end_time")),
).where(RunsTable.c.run_id == bindparam("wanted"))


class KnownRuns(SqlRunStorage):
    """A table of runs that remembers what it has found: no version of Dagster takes a column or an index away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        keep_texts()
        self._found: set[str] = set()
        self._stored: set[str] = set()
        self._stored_since = time.monotonic()
        self._last_read: tuple[str, DagsterRun] | None = None
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]

    def has_run_stats_index_cols(self) -> bool:
        """Whether the table has columns for the start and the end of a run."""
        if "run_stats" not in self._found and super().has_run_stats_index_cols():
            self._found.add("run_stats")
        return "run_stats" in self._found

    def has_backfill_id_column(self) -> bool:
        """Whether the table has a column for the backfill of a run."""
        if "backfill_id" not in self._found and super().has_backfill_id_column():
            self._found.add("backfill_id")
        return "backfill_id" in self._found

    def get_runs(
        self,
        filters: RunsFilter | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        bucket_by: JobBucket | TagBucket | None = None,
        ascending: bool = False,
    ) -> Sequence[DagsterRun]:
        """List runs. Most of the keys that the scheduler asks for are of no run yet, which one look at an index says.

        Dagster's question takes the longer, the more runs its schedule has.
        """
        key = filters.tags.get(RUN_KEY_TAG) if filters else None
        if isinstance(key, str):
            with self.connect() as connection:
                if connection.scalar(FIND_RUN_KEY, {"wanted": key}) is None:
                    return []
        return super().get_runs(filters, cursor, limit, bucket_by, ascending)

    def get_run_records(
        self,
        filters: RunsFilter | None = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,
        cursor: str | None = None,
        bucket_by: JobBucket | TagBucket | None = None,
    ) -> Sequence[RunRecord]:
        """List runs with the times of each; see `_find_row` for one that is asked for by its id."""
        ids = filters.run_ids if filters else None
        if not ids or len(ids) > 1 or cursor or filters != RunsFilter(ids) or not self.has_run_stats_index_cols():
            return super().get_run_records(filters, limit, order_by, ascending, cursor, bucket_by)
        row = self._find_row(ids[0])
        if row is None:
            return []
        return [
            RunRecord(
                storage_id=row["id"],
                dagster_run=self._row_to_run(row),
                create_timestamp=utc_datetime_from_naive(row["create_timestamp"]),
                update_timestamp=utc_datetime_from_naive(row["update_timestamp"]),
                start_time=row["start_time"],
                end_time=row["end_time"],
            )
        ]

    def _get_run_insertion_values(
        self, dagster_run: DagsterRun, run_creation_time: datetime | None = None
    ) -> dict[str, Any]:
        values = super()._get_run_insertion_values(dagster_run, run_creation_time)
        self._last_read = values["run_body"], dagster_run
        return values

    def _core_add_run(self, col_values: dict[str, Any], tags: Mapping[str, str]) -> None:
        named = [{"run_id": col_values["run_id"], "key": key, "value": value} for key, value in tags.items()]
        with self.connect() as connection:
            try:
                connection.execute(INSERT_RUN, col_values)
            except IntegrityError as error:
                raise DagsterRunAlreadyExists from error
            if named:
                connection.execute(INSERT_TAGS, named)

    def handle_run_event(self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None) -> None:
        """Note what an event makes of a run, of most events in Dagster's way."""
        if event.event_type is not DagsterEventType.PIPELINE_ENQUEUED:
            super().handle_run_event(run_id, event, update_timestamp)
            return
        run = self._get_run_by_id(run_id)
        if run is None:
            return
        queued = run.with_status(DagsterRunStatus.QUEUED)
        body, moment = serialize_value(queued), update_timestamp or get_current_datetime()
        with self.connect() as connection:
            connection.execute(
                CHANGE_RUN,
                {"changed": run_id, "run_body": body, "status": queued.status.value, "update_timestamp": moment},
            )
        self._last_read = body, queued

    def _get_run_by_id(self, run_id: str) -> DagsterRun | None:
        if not self.has_run_stats_index_cols():
            return super()._get_run_by_id(run_id)
        row = self._find_row(run_id)
        return self._row_to_run(row) if row else None

    def _find_row(self, run_id: str) -> RowMapping | None:
        with self.connect() as connection:
            return connection.execute(FIND_RUN, {"wanted": run_id}).mappings().first()

    def _row_to_run(self, row: Mapping[Any, Any]) -> DagsterRun:
        """Read a run, or take the one that was read from, or written as, the same text just before."""
        body = row["run_body"]
        last = self._last_read
        if last is None or last[0] != body:
            last = self._last_read = body, deserialize_value(body, DagsterRun)
        return last[1].with_status(DagsterRunStatus(row["status"]))

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Whether a plan is stored, without reading it: the runs of each day have the plans of the day before."""
        return self._has_snapshot_id(execution_plan_snapshot_id)

    def add_execution_plan_snapshot(self, execution_plan_snapshot: ExecutionPlanSnapshot) -> str:
        """Store a plan under the name that its text gives it."""
        name, text = write_snapshot(execution_plan_snapshot)
        return self._store(name, text, SnapshotType.EXECUTION_PLAN)

    def _has_snapshot_id(self, snapshot_id: str) -> bool:
        if time.monotonic() - self._stored_since > SNAPSHOT_SECONDS:
            self._forget_snapshots()
        if snapshot_id not in self._stored:
            with self.connect() as connection:
                if connection.scalar(FIND_SNAPSHOT, {"wanted": snapshot_id}):
                    self._stored.add(snapshot_id)
        return snapshot_id in self._stored

    def _add_snapshot(self, snapshot_id: str, snapshot_obj: Any, snapshot_type: SnapshotType) -> str:
        _, text = write_snapshot(snapshot_obj)
        return self._store(snapshot_id, text, snapshot_type)

    def _store(self, name: str, text: str, kind: SnapshotType) -> str:
        body = zlib.compress(text.encode(), zlib.Z_BEST_SPEED)
        with self.connect() as connection, suppress(IntegrityError):  # another process stored it meanwhile
            connection.execute(
                STORE_SNAPSHOT, {"snapshot_id": name, "snapshot_body": body, "snapshot_type": kind.value}
            )
        self._stored.add(name)
        return name

    def wipe(self) -> None:
        """Delete all runs and snapshots."""
        super().wipe()
        self._forget_snapshots()

    def _forget_snapshots(self) -> None:
        self._stored.clear()
        self._stored_since = time.monotonic()
