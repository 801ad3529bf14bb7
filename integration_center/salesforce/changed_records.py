"""Reads what changed of an object's records since a snapshot, and lays it over the snapshot."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from integration_center.errors import LimitExceeded, OrgError, SchemaMismatch
from integration_center.salesforce.faults import IncompleteRead
from integration_center.salesforce.query import Query, count_rows, follow_pages, read_first_page, read_first_pages
from integration_center.salesforce.records import (
    NOT_OFFERED,
    Selection,
    fetch_bulk,
    frame_pages,
    is_bulk_refusal,
)
from integration_center.salesforce.snapshot import (
    DELETED,
    OVERLAP,
    STAMP,
    SnapshotInfo,
    SnapshotKeeper,
    find_watermark,
    overlay,
)
from integration_center.salesforce.soql import build_select
from integration_center.salesforce.strategies import (
    Estimate,
    Way,
    WayClosed,
    choose,
    estimate_bulk,
    estimate_changes_bulk,
    estimate_changes_rest,
    estimate_rest,
    explain,
)

logger = logging.getLogger(__name__)

LOOKS = 2
"""Records that come or go while the first look is under way make its count differ; the second one is short."""


def read_changes(
    selection: Selection, keeper: SnapshotKeeper, info: SnapshotInfo, keys: Estimate | None
) -> pl.DataFrame:
    """The records as they are now, by the snapshot and the rows stamped since; the snapshot then holds them, too.

    The first page of the changes and the `COUNT()` of all records come in one call. The count is the proof: where the
    records that the snapshot now has are not so many, some change left no trace (a hard delete, a purged recycle bin).

    Args:
        selection: what is read; without a condition.
        keeper: of the snapshot.
        info: what stands beside it.
        keys: what a list of keys would cost, where there is one.

    Raises:
        WayClosed: it takes a full read to be sure, or another way costs less now that the changes are counted.
    """
    records = keeper.read()
    if records is None or records.height != info.count or tuple(records.columns) != selection.columns:
        raise WayClosed("the snapshot is damaged")
    for _ in range(LOOKS):
        org_time, our_time = selection.session.usage.org_time or info.read_at, datetime.now(UTC)
        try:
            changes, total = _fetch(selection, info.watermark - OVERLAP, keys)
        except LimitExceeded:
            raise
        except (OrgError, IncompleteRead) as error:
            raise WayClosed(str(error)) from error
        records = overlay(records, changes)
        stamps = (records[STAMP].max(), changes[STAMP].max())
        newest = max((stamp for stamp in stamps if isinstance(stamp, datetime)), default=None)
        info = replace(
            info,
            watermark=find_watermark(newest, org_time, info.read_at),
            read_at=org_time,
            our_time=our_time,
            count=records.height,
        )
        if records.height == total:
            logger.info("%s of %s records changed since the last read", f"{changes.height:,}", f"{total:,}")
            if changes.height:  # else the older watermark brings nothing more, and the file can stay as it is
                keeper.save(info, records)
            return records
        logger.info("the org counts %s records, the snapshot with its changes %s", f"{total:,}", f"{records.height:,}")
    raise WayClosed(f"the org counts {total:,} records, the snapshot with its changes {records.height:,}")


def _fetch(selection: Selection, since: datetime, keys: Estimate | None) -> tuple[pl.DataFrame, int]:
    """The rows stamped since, those in the recycle bin too, and the number of all records that are not in it."""
    schema, session, fields = selection.schema, selection.session, len(selection.columns)
    columns = (*selection.columns, DELETED)
    soql = build_select(columns, schema.name, f"{STAMP} >= {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    first, total = _ask(selection, soql)
    changed = int(first["totalSize"])

    def go_on_by_rest() -> pl.DataFrame:
        return frame_pages(follow_pages(session, first), columns, schema)

    if first["done"]:
        return go_on_by_rest(), total
    ways = [
        estimate_changes_rest(changed, fields),
        estimate_changes_bulk(changed, fields),
        estimate_rest(total, fields),
        estimate_bulk(total, fields),
        *([keys] if keys else []),
    ]
    chosen = choose(ways)
    if chosen.way not in (Way.CHANGES_REST, Way.CHANGES_BULK):
        raise WayClosed(f"{changed:,} of {total:,} records changed", records=total)
    logger.info("%s records changed: %s", f"{changed:,}", explain(schema.name, chosen, ways, {}))
    if chosen.way is Way.CHANGES_BULK:
        try:
            return fetch_bulk(selection, soql, columns, with_deleted=True), total
        except OrgError as error:
            if not is_bulk_refusal(error):
                raise
            logger.info("Bulk cannot read the changes (%s): going on by REST", error)
            first = read_first_page(
                session, Query(soql, with_deleted=True)
            )  # its cursor may have been closed meanwhile
    return go_on_by_rest(), total


def _ask(selection: Selection, soql: str) -> tuple[dict[str, Any], int]:
    """The first page of the changes, and the count of all records after it: in one call where the org allows that."""
    count = build_select(["COUNT()"], selection.schema.name)
    try:
        first, counted = read_first_pages(selection.session, [Query(soql, with_deleted=True), Query(count)])
        return first, int(counted["totalSize"])
    except OrgError as error:
        if isinstance(error, SchemaMismatch) or error.status not in NOT_OFFERED | {400}:
            raise
        logger.info("changes and count do not go into one call (%s): asking for one after the other", error)
    first = read_first_page(selection.session, Query(soql, with_deleted=True))
    return first, count_rows(selection.session, count)
