"""Leave alone the fields that the org itself keeps changing back.

When a flow or trigger of the org rewrites a value that we send, every run would send the value again, forever. So a
value is sent once more after the org changed it, and is then left to the org until the report has another value. The
run's ledger shows that a field was left to the org: `changed` is false although the values differ. Later runs read this
from the newest ledger, so the ledgers of the two earlier writes may be deleted.
"""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.changes import is_equal
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, OUTCOME
from integration_center.sync.marking import list_mapped, name_marked
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectField, SObjectSchema

ORG_OVERRIDES = "org_overrides"
SENDS = 2
"""How often one value is sent in a row: once, and once more."""


def respect_overrides(lines: pl.DataFrame, earlier: Sequence[pl.DataFrame], schema: SObjectSchema) -> pl.DataFrame:
    """Do not send a field whose last two writes sent the same value, and which the org changed again each time.

    Args:
        lines: a plan.
        earlier: complete ledgers of the same integration and org, newest first. Lines that neither wrote a record nor
            left a field to the org (`is_memorable`) may be missing.
        schema: the object as describe reports it.

    Returns:
        `lines`. A planned line that has nothing left to send is `unchanged`, with a reason that begins with
        `org_overrides` and names the fields.
    """
    fields = list_mapped(lines.columns)
    overridden: list[str] = []
    for name in fields:
        settled = _find_overridden(earlier, schema.require(name))
        if settled is None:
            continue
        mark = f"overridden.{name}"
        lines = lines.join(settled.rename({"last": mark}), on="record_id", how="left", maintain_order="left")
        same = pl.col(mark).is_not_null() & pl.col(mark).struct.field("value").eq_missing(pl.col(AFTER + name))
        lines = lines.with_columns(
            (same & pl.col(CHANGED + name) & (pl.col("outcome") == Outcome.PLANNED)).alias(mark)
        ).with_columns((pl.col(CHANGED + name) & ~pl.col(mark)).alias(CHANGED + name))
        overridden.append(name)
    if not overridden:
        return lines
    marks = {name: pl.col(f"overridden.{name}") for name in overridden}
    left = pl.any_horizontal(CHANGED + name for name in fields)
    touched = pl.any_horizontal(marks.values())
    return lines.with_columns(
        pl.when(touched & ~left).then(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(touched)
        .then(pl.concat_str(pl.lit(f"{ORG_OVERRIDES}: the org changes back "), name_marked(marks)))
        .otherwise("reason")
        .alias("reason"),
    ).drop(f"overridden.{name}" for name in overridden)


def is_memorable() -> pl.Expr:
    """Return whether later runs need a ledger line: it wrote a record, or left a field to the org."""
    left = (pl.col("outcome") == Outcome.UNCHANGED) & pl.col("reason").str.starts_with(ORG_OVERRIDES).fill_null(False)
    return pl.col("outcome").is_in(WRITTEN) | left


def _find_overridden(earlier: Sequence[pl.DataFrame], field: SObjectField) -> pl.DataFrame | None:
    """Find the records whose field was left to the org last time, or whose last two writes sent the same value.

    Returns:
        `record_id`, and `last`, a struct with the field `value`. A null inside the struct is a cleared value; after a
        join, a null struct is a record without a match. None when there are no such records.
    """
    before, after, changed = (prefix + field.name for prefix in (BEFORE, AFTER, CHANGED))
    left = ~pl.col(changed) & ~is_equal(pl.col(after), pl.col(before), field)
    events = [
        ledger.filter(is_memorable() & (pl.col(changed) | left)).select(
            "record_id", pl.col(after).alias("value"), (~pl.col(changed)).alias("left")
        )
        for ledger in earlier
        if {before, after, changed} <= set(ledger.columns) and ledger.schema[after] == field.dtype
    ]
    if not events:
        return None
    last = (
        pl.concat(events)
        .group_by("record_id", maintain_order=True)
        .agg(pl.col("value").head(SENDS), pl.col("left").first())
    )
    sent = (pl.col("value").list.len() == SENDS) & (pl.col("value").list.n_unique() == 1)
    settled = last.filter(pl.col("left") | sent)
    return settled.select("record_id", pl.struct(pl.col("value").list.first()).alias("last"))
