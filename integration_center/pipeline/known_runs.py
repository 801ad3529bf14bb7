"""Dagster's table of runs, of which a process asks once what stays as it is.

For each run that it queues, Dagster asks the database four times which columns its tables have, and four times whether
a snapshot is stored. In samples of a tick on PostgreSQL, the first were a sixth of the daemon's time.
"""

import time
import zlib
from contextlib import suppress
from typing import Any

from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.runs import SqlRunStorage  # not public, as all of a storage class
from dagster._core.storage.runs.schema import SnapshotsTable
from dagster._core.storage.runs.sql_run_storage import SnapshotType
from dagster_shared.serdes import serialize_value
from dagster_shared.serdes.utils import hash_str
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

SNAPSHOT_SECONDS = 60.0
"""How long a snapshot counts as stored: another process may delete all runs, by `dagster run wipe`."""
FIND_SNAPSHOT = select(SnapshotsTable.c.snapshot_id).where(SnapshotsTable.c.snapshot_id == bindparam("wanted"))
"""Built once: to build a statement takes as long as to execute it."""
STORE_SNAPSHOT = SnapshotsTable.insert()


class KnownRuns(SqlRunStorage):
    """A table of runs that remembers what it has found: no version of Dagster takes a column or an index away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._found: set[str] = set()
        self._stored: set[str] = set()
        self._stored_since = time.monotonic()
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

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Whether a plan is stored, without reading it: the runs of each day have the plans of the day before."""
        return self._has_snapshot_id(execution_plan_snapshot_id)

    def add_execution_plan_snapshot(self, execution_plan_snapshot: ExecutionPlanSnapshot) -> str:
        """Store a plan under the name that its text gives it. Dagster's own class writes the text once for each."""
        text = serialize_value(execution_plan_snapshot)
        return self._store(hash_str(text), text, SnapshotType.EXECUTION_PLAN)

    def _has_snapshot_id(self, snapshot_id: str) -> bool:
        if time.monotonic() - self._stored_since > SNAPSHOT_SECONDS:
            self._forget_snapshots()
        if snapshot_id not in self._stored:
            with self.connect() as connection:
                if connection.scalar(FIND_SNAPSHOT, {"wanted": snapshot_id}):
                    self._stored.add(snapshot_id)
        return snapshot_id in self._stored

    def _add_snapshot(self, snapshot_id: str, snapshot_obj: Any, snapshot_type: SnapshotType) -> str:
        return self._store(snapshot_id, serialize_value(snapshot_obj), snapshot_type)

    def _store(self, name: str, text: str, kind: SnapshotType) -> str:
        body = zlib.compress(text.encode())
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
