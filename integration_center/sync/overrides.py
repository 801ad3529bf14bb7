"""Fields that the org itself keeps changing back.

When a flow or trigger of the org rewrites what we send, every run would send it again, for ever. A value is therefore
sent once more after the org changed it, and then left to the org until the report brings another one.
"""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.columns import AFTER, CHANGED
from integration_center.sync.outcomes import OUTCOME, Outcome

ORG_OVERRIDES = "org_overrides"
SENDS = 2
"""How often one value is sent in a row: first, and once more."""


def respect_overrides(lines: pl.DataFrame, earlier: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Leave alone the fields whose value was written in each of the last two writes, and changed by the org since.

    Args:
        lines: a plan.
        earlier: ledgers of the same integration and org, newest first, complete.

    Returns:
        `lines`; a planned line that has nothing left to send is `unchanged`, with a reason that begins with
        `org_overrides` and names the fields.
    """
    fields = [name.removeprefix(CHANGED) for name in lines.columns if name.startswith(CHANGED)]
    overridden: list[str] = []
    for name in fields:
        written = _last_writes(earlier, name, lines.schema[AFTER + name])
        if written is None:
            continue
        mark = f"overridden.{name}"
        lines = lines.join(written.rename({"last": mark}), on="record_id", how="left", maintain_order="left")
        same = pl.col(mark).is_not_null() & pl.col(mark).struct.field("value").eq_missing(pl.col(AFTER + name))
        lines = lines.with_columns(
            (same & pl.col(CHANGED + name) & (pl.col("outcome") == Outcome.PLANNED)).alias(mark)
        ).with_columns((pl.col(CHANGED + name) & ~pl.col(mark)).alias(CHANGED + name))
        overridden.append(name)
    if not overridden:
        return lines
    marks = {name: pl.col(f"overridden.{name}") for name in overridden}
    left = pl.any_horizontal(CHANGED + name for name in fields)
    named = pl.concat_str(
        [pl.when(mark).then(pl.lit(name)) for name, mark in marks.items()], separator=", ", ignore_nulls=True
    )
    touched = pl.any_horizontal(marks.values())
    return lines.with_columns(
        pl.when(touched & ~left).then(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(touched)
        .then(pl.concat_str(pl.lit(f"{ORG_OVERRIDES}: the org changes back "), named))
        .otherwise("reason")
        .alias("reason"),
    ).drop(f"overridden.{name}" for name in overridden)


def _last_writes(earlier: Sequence[pl.DataFrame], name: str, dtype: pl.DataType) -> pl.DataFrame | None:
    """The records whose last two writes of the field sent one value: `record_id`, and `last`, a struct of `value`.

    The struct tells a value that was cleared (null in it) from a record that is not there (null itself).
    """
    writes = [
        ledger.filter((pl.col("outcome") == Outcome.UPDATED) & pl.col(CHANGED + name)).select(
            "record_id", pl.col(AFTER + name).alias("value")
        )
        for ledger in earlier
        if CHANGED + name in ledger.columns and ledger.schema[AFTER + name] == dtype
    ]
    if len(writes) < SENDS:
        return None
    return (
        pl.concat(writes)
        .group_by("record_id", maintain_order=True)
        .agg(pl.col("value").head(SENDS))
        .filter((pl.col("value").list.len() == SENDS) & (pl.col("value").list.n_unique() == 1))
        .select("record_id", pl.struct(pl.col("value").list.first()).alias("last"))
    )
