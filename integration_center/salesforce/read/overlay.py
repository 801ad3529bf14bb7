"""Brings the records of a snapshot up to date: with what a push wrote since, and with what the org says has changed."""

import polars as pl

from integration_center.salesforce.read.snapshot import DELETED, STAMP, Span
from integration_center.sync.columns import AFTER, CHANGED


def lay_writes(records: pl.DataFrame, writes: pl.DataFrame, span: Span) -> pl.DataFrame:
    """The records with what was written to them since.

    Args:
        records: the Records frame of the snapshot.
        writes: `Id`, and per field F `after.F` and `changed.F`.
        span: when they were stamped; the rows bear its end, for each one's own moment is not known.
    """
    beside = records.select("Id").join(
        writes.with_columns(pl.lit(True).alias("written")), on="Id", how="left", maintain_order="left"
    )
    names = [name.removeprefix(AFTER) for name in writes.columns if name.startswith(AFTER)]
    return records.with_columns(
        pl.when(beside["written"]).then(pl.lit(span.last)).otherwise(STAMP).cast(records.schema[STAMP]).alias(STAMP),
        *(pl.when(beside[CHANGED + name]).then(beside[AFTER + name]).otherwise(name).alias(name) for name in names),
    )


def overlay(records: pl.DataFrame, changes: pl.DataFrame, touched: pl.Series) -> pl.DataFrame:
    """`records` brought up to date.

    Args:
        records: the Records frame of the snapshot, an Id once, in the order of Ids.
        changes: the same columns and `IsDeleted`, of the rows that changed since and meet the condition, if there is
            one; an Id read twice counts as read last.
        touched: Ids of all rows that changed since. Those that are not among the changes no longer meet the condition.

    Returns:
        The Records frame without the deleted ones, in the order of Ids. Losers of a merge are deleted, records
        restored are changed.
    """
    changes = changes.unique("Id", keep="last", maintain_order=True)
    there = changes.filter(pl.col(DELETED).not_().fill_null(True)).select(records.columns)
    named = pl.concat([changes["Id"], touched]).unique()
    changed = records["Id"].is_in(named.implode())
    held = records.filter(changed)
    if held.height == there.height and held.equals(there.sort("Id")):
        return records  # rows of the overlap come again, most often as they were
    both = pl.concat([records, there], rechunk=False)
    number = pl.int_range(pl.len(), dtype=pl.UInt32).alias("number")
    stands = pl.concat([~changed, pl.repeat(True, there.height, eager=True)])
    order = both.select("Id", number).filter(stands).sort("Id")["number"]
    return both.select(pl.all().gather(order))
