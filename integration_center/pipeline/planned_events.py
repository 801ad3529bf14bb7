"""What a run that is queued announces, written to Dagster's history at once.

Dagster announces each asset and each check of a run by an event of its own: 14 for an integration. It hands them over
together where `DAGSTER_EVENT_BATCH_SIZE` is set, and then writes each in up to three transactions.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # not public, as all below
    AssetCheckEvaluationPlanned,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import AssetKeyTable, SqlEventLogStorage, SqlEventLogStorageTable
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster_shared.record import copy
from dagster_shared.serdes import serialize_value
from sqlalchemy import Connection, Dialect, Executable, bindparam, text

from integration_center.database.engine import build_insert

PLANNED = frozenset({DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED})

TOGETHER = {"DAGSTER_EVENT_BATCH_SIZE": "100"}
"""What lets Dagster hand over together what a run announces, in the environment of its daemon and its web server."""

INSERT = SqlEventLogStorageTable.insert()
"""Built once, as all below: to build a statement takes as long as to execute it."""
INSERT_EVENTS = INSERT.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
INSERT_CHECKS = AssetCheckExecutionsTable.insert()
NO_DAYS = '"partitions_subset": null'
"""How Dagster writes of an event that its run has no partition."""

Row = Mapping[str, Any]


def are_announced(events: Sequence[EventLogEntry]) -> bool:
    """Whether some events announce assets and checks of one run."""
    return {event.dagster_event_type for event in events} <= PLANNED and len({event.run_id for event in events}) == 1


def build_rows(store: SqlEventLogStorage, events: Sequence[EventLogEntry]) -> Sequence[Row]:
    """Build the rows of some events of one run, which stay in this order.

    The days of the run are half of what each of its checks announces, and the same in all: they are written once.
    """
    rows: list[Row] = []
    written, said = None, ""
    for event in events:
        days = find_days(event)
        if days is None:
            rows.append(store._event_to_row(event))
            continue
        if days != written:
            written, said = days, f'"partitions_subset": {serialize_value(days)}'
        row = store._event_to_row(leave_out_days(event))
        rows.append({**row, "event": row["event"].replace(NO_DAYS, said)})
    return rows


def find_days(event: EventLogEntry) -> Any:
    """Find the partitions that a check announces; None where it announces none."""
    planned = event.get_dagster_event().event_specific_data
    return planned.partitions_subset if isinstance(planned, AssetCheckEvaluationPlanned) else None


def leave_out_days(event: EventLogEntry) -> EventLogEntry:
    """Copy an event of a check without its partitions."""
    said = event.get_dagster_event()
    planned: Any = said.event_specific_data
    return event._replace(dagster_event=said._replace(event_specific_data=copy(planned, partitions_subset=None)))


def store_announced(
    store: SqlEventLogStorage,
    connection: Connection,
    events: Sequence[EventLogEntry],
    rows: Sequence[Row],
    *,
    with_times: bool,
) -> None:
    """Store events that announce assets and checks where all runs can be asked for them.

    Args:
        store: Dagster's own class, which knows what it keeps of an asset.
        connection: in a transaction, or one on which each statement commits at once.
        events: of one run, see `are_announced`.
        rows: those of `events`.
        with_times: whether the table of assets has columns for when something last happened to each.
    """
    inserted = connection.execute(INSERT_EVENTS, rows)
    assets: list[Row] = []
    checks: list[Row] = []
    for event, row, number in zip(events, rows, inserted.scalars(), strict=True):
        if event.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            kept = store._get_asset_entry_values(event, number, with_times)
            assets.append({AssetKeyTable.c.asset_key.name: row["asset_key"], **kept})
        else:
            checks += build_check_rows(event, row, number)
    if assets:
        connection.execute(build_upsert(connection.dialect, tuple(assets[0])), assets)
    if checks:
        connection.execute(INSERT_CHECKS, checks)


@cache
def build_upsert(dialect: Dialect, columns: Sequence[str]) -> Executable:
    """Build the statement that stores what is kept of an asset. Dagster's own tries to insert, and then updates.

    SQLAlchemy does not keep what it has compiled of ON CONFLICT, and would do so for each run: it gets the text.
    """
    insert = build_insert(dialect.name, AssetKeyTable)
    key, *others = columns
    upsert = insert.on_conflict_do_update(index_elements=[key], set_={name: insert.excluded[name] for name in others})
    kind: Any = type(dialect)
    written = str(upsert.compile(dialect=kind(paramstyle="named"), column_keys=list(columns)))
    return text(written).bindparams(*(bindparam(name, type_=AssetKeyTable.c[name].type) for name in columns))


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
