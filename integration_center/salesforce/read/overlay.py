"""Update the records of a snapshot with what a push wrote since, and with what changed in the org."""

import polars as pl

from integration_center.salesforce.read.snapshot import DELETED, STAMP, Span
from integration_center.sync.columns import AFTER, CHANGED


def lay_writes(records: pl.DataFrame, places: pl.Series, writes: pl.LazyFrame, span: Span) -> None:
    """Update the records with later writes of our own, in place: a second copy of them takes too much memory.

    Args:
        records: the Records frame of the snapshot.
        places: the line of `writes` for each record; null for one that was not written.
        writes: per field F `after.F` and `changed.F`. One field after another is read.
        span: when the writes were stamped. The updated rows get the end of the span, because the exact time of each
            write is not known.
    """
    stamp = pl.when(places.is_not_null()).then(pl.lit(span.last)).otherwise(STAMP).cast(records.schema[STAMP])
    _replace(records, STAMP, stamp)
    for name in writes.collect_schema().names():
        if name.startswith(AFTER):
            field = name.removeprefix(AFTER)
            # In one piece, because to look up texts in pieces takes twenty times as long.
            written = writes.select(name, CHANGED + field).collect(engine="streaming").rechunk()
            written = written.select(pl.all().gather(places))
            value = pl.when(written[CHANGED + field]).then(written[name]).otherwise(field)
            _replace(records, field, value)


def _replace(records: pl.DataFrame, name: str, value: pl.Expr) -> None:
    records.replace_column(records.get_column_index(name), records.select(value.alias(name)).to_series())


def overlay(records: pl.DataFrame, changes: pl.DataFrame, touched: pl.Series) -> pl.DataFrame:
    """Update the records of a snapshot with the rows that changed since.

    Args:
        records: the Records frame of the snapshot, each Id once, in the order of Ids.
        changes: the same columns and `IsDeleted`, for the rows that changed since and meet the condition, if there is
            one. If an Id was read twice, the last row counts.
        touched: the Ids of all rows that changed since. A row that is not in `changes` no longer meets the condition.

    Returns:
        The Records frame without deleted records, in the order of Ids. The losers of a merge count as deleted, and
        restored records as changed.
    """
    if changes.is_empty() and touched.is_empty():
        return records
    changes = changes.unique("Id", keep="last", maintain_order=True)
    there = changes.filter(pl.col(DELETED).not_().fill_null(True)).select(records.columns)
    named = pl.concat([changes["Id"], touched]).unique()
    changed = records["Id"].is_in(named.implode())
    held = records.filter(changed)
    if held.height == there.height and held.equals(there.sort("Id")):
        return records  # rows of the overlap come again, usually unchanged
    both = pl.concat([records, there], rechunk=False)
    number = pl.int_range(pl.len(), dtype=pl.UInt32).alias("number")
    remains = pl.concat([~changed, pl.repeat(True, there.height, eager=True)])
    order = both.select("Id", number).filter(remains).sort("Id")["number"]
    # One column after another in one piece: to look up texts in pieces takes twenty times as long, and all columns at
    # once take the memory of the records.
    return pl.DataFrame([column.rechunk().gather(order) for column in both])
