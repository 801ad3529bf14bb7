"""What a run that is queued announces, written to Dagster's history at once.

Dagster announces each asset and each check of a run by an event of its own: 14 for an integration. It hands them over
together where `DAGSTER_EVENT_BATCH_SIZE` is set, and then writes each in up to three transactions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # not public, as all below
    AssetCheckEvaluationPlanned,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import Connection

PLANNED = frozenset({DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED})

TOGETHER = {"DAGSTER_EVENT_BATCH_SIZE": "100"}
"""What lets Dagster hand over together what a run announces, in the environment of its daemon and its web server."""

INSERT_EVENTS = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
INSERT_CHECKS = AssetCheckExecutionsTable.insert()

Row = Mapping[str, Any]


def are_announced(events: Sequence[EventLogEntry]) -> bool:
    """Whether some events announce assets and checks of one run."""
    return {event.dagster_event_type for event in events} <= PLANNED and len({event.run_id for event in events}) == 1


def build_rows(store: SqlEventLogStorage, events: Sequence[EventLogEntry]) -> Sequence[Row]:
    """Build the rows of some events, which stay in this order."""
    return [store._event_to_row(event) for event in events]


def store_announced(
    store: SqlEventLogStorage, connection: Connection, events: Sequence[EventLogEntry], rows: Sequence[Row]
) -> None:
    """Store events that announce assets and checks where all runs can be asked for them.

    Args:
        store: Dagster's own class, which knows what it keeps of an asset.
        connection: in a transaction, or one on which each statement commits at once.
        events: of one run, see `are_announced`.
        rows: those of `events`.
    """
    inserted = connection.execute(INSERT_EVENTS, rows)
    checks: list[Row] = []
    for event, row, number in zip(events, rows, inserted.scalars(), strict=True):
        if event.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            store._store_asset_event(connection, event, number)
        else:
            checks += build_check_rows(event, row, number)
    if checks:
        connection.execute(INSERT_CHECKS, checks)


def build_check_rows(event: EventLogEntry, row: Row, number: int) -> Sequence[Row]:
    """Build what is kept of one check that is announced: a row for each partition."""
    planned = event.get_dagster_event().event_specific_data
    if not isinstance(planned, AssetCheckEvaluationPlanned):
        raise TypeError(f"{event.dagster_event_type} holds {type(planned).__name__}")
    partitions = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
    return [
        {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "partition": partition,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": number,
        }
        for partition in partitions
    ]
