"""Plan the undo of a sync: restore the earlier values where the records still hold what the sync wrote."""

import polars as pl

from integration_center.sync.changes import is_equal
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, HOLDS, MODSTAMP, OUTCOME
from integration_center.sync.conflicts import holds_still
from integration_center.sync.marking import NOW, any_of, list_mapped, name_marked, read_now
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectField, SObjectSchema

GONE = "the record is deleted, or can no longer be read"
NO_LONGER_OURS = "changed since the sync wrote it, so left alone: "
NOT_WRITABLE = "now missing, hidden, read-only or of another type: "
RESTORED = "already as it was before the sync"


def build_undo_lines(ledger: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Plan an undo, with one line per record that the sync updated.

    Args:
        ledger: the ledger of the sync to undo.
        records: `Id`, `SystemModstamp` where the object has it, and the sync's fields, raw, as the org holds them now.
        schema: the object as describe reports it now.

    Returns:
        A ledger with the same columns except `holds.F`, and rows numbered from 0. `before.F` is the value that the org
        holds now, `after.F` the raw value from before the sync, and `changed.F` whether the field is sent: the sync
        wrote the field, and it still holds that value. A line is

        * `planned` when a field is sent (a value that was null is cleared),
        * `unchanged` when all its fields already hold the earlier values,
        * `conflict` when a field holds neither value, or the record is gone; nothing is then sent for the line,
        * `rejected` when a field that the sync wrote can no longer be written.
    """
    names = list_mapped(ledger.columns)
    fields = {
        name: field
        for name in names
        if (field := schema.get(name))
        and field.updateable
        and field.name in records.columns
        and field.dtype == ledger.schema[AFTER + name]
    }
    stamp = pl.col("SystemModstamp") if "SystemModstamp" in records.columns else pl.lit(None)
    now = read_now(records, fields, stamp.cast(MODSTAMP).alias("modstamp"))
    lines = (
        ledger.filter(pl.col("outcome").is_in(WRITTEN))
        .drop("modstamp")
        .join(now, on="record_id", how="left", maintain_order="left")
        .with_columns(_is_sent(name, field).alias(f"sent.{name}") for name, field in fields.items())
    )
    strange = {
        name: pl.col(f"sent.{name}") & ~_is_ours(name, field, has_held_values=HOLDS + name in ledger.columns)
        for name, field in fields.items()
    }
    lost = {name: pl.col(CHANGED + name) for name in names if name not in fields}
    sent = any_of(pl.col(f"sent.{name}") for name in fields)
    is_strange, is_lost = any_of(strange.values()), any_of(lost.values())
    lines = lines.with_columns(
        pl.when(pl.col("found").is_null() | is_strange)
        .then(pl.lit(Outcome.CONFLICT, dtype=OUTCOME))
        .when(is_lost)
        .then(pl.lit(Outcome.REJECTED, dtype=OUTCOME))
        .when(sent)
        .then(pl.lit(Outcome.PLANNED, dtype=OUTCOME))
        .otherwise(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME))
        .alias("outcome"),
        pl.when(pl.col("found").is_null())
        .then(pl.lit(GONE))
        .when(is_strange)
        .then(pl.concat_str(pl.lit(NO_LONGER_OURS), name_marked(strange)))
        .when(is_lost)
        .then(pl.concat_str(pl.lit(NOT_WRITABLE), name_marked(lost)))
        .when(~sent)
        .then(pl.lit(RESTORED))
        .alias("reason"),
    )
    planned = pl.col("outcome") == Outcome.PLANNED
    nothing = pl.lit(None, dtype=pl.String)
    return lines.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        nothing.alias("code"),
        nothing.alias("error_fields"),
        nothing.alias("job_id"),
        *(pl.col(BEFORE + name).alias(AFTER + name) for name in names),
        *((pl.col(NOW + name) if name in fields else pl.col(AFTER + name)).alias(BEFORE + name) for name in names),
        *((planned & (pl.col(f"sent.{name}") if name in fields else False)).alias(CHANGED + name) for name in names),
    ).select(name for name in ledger.columns if not name.startswith(HOLDS))


def _is_sent(name: str, field: SObjectField) -> pl.Expr:
    """Return whether the sync wrote the field, and the field does not hold the earlier value."""
    before, now = pl.col(BEFORE + name), pl.col(NOW + name)
    return pl.col(CHANGED + name) & ~(before.eq_missing(now) | is_equal(before, now, field))


def _is_ours(name: str, field: SObjectField, *, has_held_values: bool) -> pl.Expr:
    """Return whether the field holds what the sync wrote, or what the org turned it into right after the push.

    Args:
        name: the name of the field in the ledger.
        field: the field as describe reports it now.
        has_held_values: whether the ledger has `holds.F`, the value that the org held right after the push.
    """
    ours = is_equal(pl.col(AFTER + name), pl.col(NOW + name), field)
    if not has_held_values:
        return ours
    overridden = pl.col("outcome") == Outcome.OVERRIDDEN
    return ours | (overridden & holds_still(pl.col(HOLDS + name), pl.col(NOW + name), field))
