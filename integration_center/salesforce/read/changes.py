"""Read the records that changed since a snapshot, and update the snapshot with them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from integration_center.errors import LimitExceeded, OrgError
from integration_center.files.polars_errors import UNREADABLE
from integration_center.salesforce.client.faults import CutShort, IncompleteRead
from integration_center.salesforce.client.soql import build_select, join_conditions, quote, write_moment
from integration_center.salesforce.read.costs import (
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
from integration_center.salesforce.read.overlay import lay_writes, overlay
from integration_center.salesforce.read.rest import Query, count_rows, follow_pages, read_first_page, read_first_pages
from integration_center.salesforce.read.selection import (
    Selection,
    fetch_bulk,
    frame_pages,
    is_bulk_refusal,
    is_call_refusal,
)
from integration_center.salesforce.read.snapshot import (
    AUTHOR,
    DELETED,
    OVERLAP,
    STAMP,
    OwnWrites,
    SnapshotInfo,
    SnapshotKeeper,
    Span,
    StoredSnapshot,
    find_known_span,
    find_latest,
    find_newest,
    find_watermark,
)
from integration_center.sync.values.distinct import find_places
from integration_center.wording.sentences import count

logger = logging.getLogger(__name__)

MOST_LAID_OVER = 500_000
"""More changed records are not merged into the snapshot: both in memory at once would take too much."""
LOOKS = 2
"""How often to read the changes. Records that come or go during the first read make its count differ, and the second
read is short."""


@dataclass(frozen=True)
class _Changes:
    """What happened in the org since a snapshot.

    Attributes:
        rows: the rows stamped since then that meet the selection's condition, with `IsDeleted`, including rows in the
            recycle bin.
        touched: `Id` and `SystemModstamp` of all rows stamped since then; without a condition, those of `rows`.
        total: the number of records that the selection has now.
    """

    rows: pl.DataFrame
    touched: pl.DataFrame
    total: int


def read_changes(
    selection: Selection, keeper: SnapshotKeeper, info: SnapshotInfo, keys: Estimate | None
) -> pl.DataFrame:
    """Return the current records from the snapshot and the rows stamped since, and save them as the new snapshot.

    The first page of the changes and the `COUNT()` of all records come in one call. The count is the proof: if the
    updated snapshot has another number of records, some change left no trace (a hard delete, a purged recycle bin).

    Args:
        selection: what to read.
        keeper: the keeper of the snapshot.
        info: the information about the snapshot.
        keys: the cost of reading by a list of keys, if that is possible.

    Raises:
        WayClosed: only a full read gives certainty, or another way costs less now that the changes are counted.
    """
    records: pl.DataFrame | None = None
    noted = keeper.find_writes(info)
    own: Sequence[Span] = (*info.own, *([noted.span] if noted else []))
    for _ in range(LOOKS):
        org_time, our_time = selection.session.usage.org_time or info.read_at, datetime.now(UTC)
        since = info.watermark - OVERLAP
        # If the org's clock was moved back into a span, later writes of ours may have stamps in it, too.
        own = tuple(span for span in own if span.last < org_time)
        try:
            changes = _fetch(selection, _build_stamped(since, info, own), keys)
        except LimitExceeded:
            raise
        except (OrgError, IncompleteRead, CutShort) as error:
            raise WayClosed(str(error)) from error
        if records is None:  # only now, because a full read needs the memory that the snapshot takes
            records = _read_snapshot(keeper, noted)
            if records is None or records.height != info.count or tuple(records.columns) != selection.columns:
                raise WayClosed("the snapshot is damaged")
        # Rows of the overlap come again. Rows in the recycle bin are never in a snapshot, so they would look new.
        known = records.lazy().filter(pl.col(STAMP) >= since).select("Id", STAMP)
        living = changes.rows.lazy().filter(pl.col(DELETED).not_())
        new = living.join(known, on=["Id", STAMP], how="anti").select(pl.col(STAMP).min()).collect().item()
        records = overlay(records, changes.rows, changes.touched["Id"])
        newest = find_newest(records, changes.touched)
        watermark = find_watermark(newest, org_time, info, new)
        stamped_at = find_latest(newest, selection.session.usage.stamp_time, info.stamped_at)
        info = replace(
            info,
            watermark=watermark,
            read_at=org_time,
            our_time=our_time,
            count=records.height,
            stamped_at=stamped_at,
            newest=newest,
            known=find_known_span(records, watermark, stamped_at),
            own=tuple(span for span in own if span.last >= watermark - OVERLAP),
        )
        counts = f"the org counts {count(changes.total, 'record')}, the snapshot with its changes {records.height:,}"
        if records.height == changes.total:
            logger.info("%s records changed since the last read", f"{changes.touched.height:,}")
            # Without a change, the next read from the older watermark reads nothing more, so the file can stay.
            if changes.touched.height or noted:
                keeper.save(info, records)
            return records
        logger.info(counts)
    raise WayClosed(counts, records=changes.total)


def _read_snapshot(keeper: SnapshotKeeper, noted: OwnWrites | None) -> pl.DataFrame | None:
    """Read the records of the snapshot, updated with the writes that are noted beside it; None when it is damaged.

    Raises:
        WayClosed: the writes are gone or damaged.
    """
    stored = keeper.open()
    if stored is None or noted is None:
        return stored.read() if stored else None
    damaged = WayClosed("the note of own writes is damaged")
    writes = keeper.scan_writes()
    if writes is None:
        raise damaged
    try:
        # The places are found before the records are read, because both at once take more memory.
        places = _find_written(stored, writes, noted)
        if places is None:
            raise damaged
        records = stored.read()
        if records is not None:
            lay_writes(records, places, writes, noted.span)
    except UNREADABLE as error:
        logger.warning("the note of own writes cannot be read (%s)", type(error).__name__)
        raise damaged from error
    return records


def _find_written(stored: StoredSnapshot, writes: pl.LazyFrame, noted: OwnWrites) -> pl.Series | None:
    """Find the line of the writes for each record of a snapshot; None when one of both is damaged."""
    written = writes.select("Id").collect(engine="streaming").to_series()
    ids = stored.read_ids()
    return None if ids is None or written.count() != noted.rows else find_places(ids, written)


def _build_stamped(since: datetime, info: SnapshotInfo, own: Sequence[Span]) -> str:
    """Build the condition for rows that may have changed: stamped since, except rows that the snapshot surely has."""
    conditions = [f"{STAMP} >= {write_moment(since)}"]
    for span in own:
        author = f"{AUTHOR} != {quote(info.basis.user_id)}"
        conditions.append(f"{author} OR {_outside(span)}")
    if info.known is not None:
        conditions.append(_outside(info.known))
    return join_conditions(*conditions) or conditions[0]


def _outside(span: Span) -> str:
    return f"{STAMP} < {write_moment(span.first)} OR {STAMP} > {write_moment(span.last)}"


def _fetch(selection: Selection, stamped: str, keys: Estimate | None) -> _Changes:
    schema, fields = selection.schema, len(selection.columns)
    wanted = _Wanted(selection, (*selection.columns, DELETED), join_conditions(selection.where, stamped))
    # The touched rows are queried first: if a row changes in between, the later answer has its newer state.
    asked = [_Wanted(selection, ("Id", STAMP), stamped), wanted] if selection.where else [wanted]
    firsts, total = _ask(selection, asked)
    sizes = [int(first["totalSize"]) for first in firsts]
    frames: list[pl.DataFrame] | None = None
    if not all(first["done"] for first in firsts):
        ways = [
            estimate_changes_rest(sizes, fields),
            *([] if selection.where or sizes[0] > MOST_LAID_OVER else [estimate_changes_bulk(sizes[0], fields)]),
            estimate_rest(total, fields),
            estimate_bulk(total, fields),
            *([keys] if keys else []),
        ]
        chosen = choose(ways)
        if chosen.way not in (Way.CHANGES_REST, Way.CHANGES_BULK):
            raise WayClosed(f"{sizes[0]:,} records changed, and there are {total:,}", records=total)
        logger.info("%s records changed: %s", f"{sizes[0]:,}", explain(schema.name, chosen, ways, {}))
        if chosen.way is Way.CHANGES_BULK:
            try:
                frames = [fetch_bulk(selection, wanted.soql, wanted.columns, with_deleted=True)]
            except OrgError as error:
                if not is_bulk_refusal(error):
                    raise
                logger.info("Bulk cannot read the changes (%s): continuing by REST", error)
                firsts = [read_first_page(selection.session, wanted.query)]  # the old cursor may be closed by now
    if frames is None:
        frames = [
            frame_pages(follow_pages(selection.session, first), part.columns, schema)
            for first, part in zip(firsts, asked, strict=True)
        ]
    return _Changes(frames[-1], frames[0].select("Id", STAMP), total)


@dataclass(frozen=True)
class _Wanted:
    """A query for changed rows, including those in the recycle bin."""

    selection: Selection
    columns: tuple[str, ...]
    condition: str | None

    @property
    def soql(self) -> str:
        return build_select(self.columns, self.selection.schema.name, self.condition)

    @property
    def query(self) -> Query:
        return Query(self.soql, with_deleted=True)


def _ask(selection: Selection, asked: Sequence[_Wanted]) -> tuple[list[dict[str, Any]], int]:
    """Read the first pages of the changes, then the count of all records, in one call where the org allows that."""
    session, count = selection.session, Query(selection.count_soql)
    try:
        *firsts, counted = read_first_pages(session, [*(wanted.query for wanted in asked), count])
        return firsts, int(counted["totalSize"])
    except OrgError as error:
        if not is_call_refusal(error):
            raise
        logger.info("the org does not answer changes and count in one call (%s): asking one by one", error)
    firsts = [read_first_page(session, wanted.query) for wanted in asked]
    return firsts, count_rows(session, count.soql)
