"""What has to be written to undo a sync: the values from before it, where the records still hold what it wrote."""

import polars as pl

from integration_center.sync.changes import is_equal
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, HOLDS, MODSTAMP, OUTCOME
from integration_center.sync.conflicts import holds_still
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectField, SObjectSchema

NOW = "now."
GONE = "the record is deleted, or can no longer be read"
NO_LONGER_OURS = "no longer as the sync wrote it, so left alone: "
NOT_WRITABLE = "missing, hidden, read-only or of another type by now: "
RESTORED = "as it was before the sync already"


def build_undo_lines(ledger: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """The plan of an undo, a line for each record that the sync updated.

    Args:
        ledger: of the sync to undo.
        records: `Id`, `SystemModstamp` where the object has one, and the sync's fields: raw, as the org holds them now.
        schema: the object as describe reports it now.

    Returns:
        A ledger with the same columns, and rows numbered from 0. `before.F` is what the org holds now, `after.F` the
        raw value from before the sync, `changed.F` whether the field is sent: it was written by the sync and still
        holds that. A line is

        * `planned` when a field is sent (a value that was null is cleared),
        * `unchanged` when all its fields hold the earlier values already,
        * `conflict` when a field holds neither, or the record is gone; then nothing of it is sent,
        * `rejected` when a field that was written cannot be written any more.
    """
    names = [name.removeprefix(CHANGED) for name in ledger.columns if name.startswith(CHANGED)]
    fields = {
        name: field
        for name in names
        if (field := schema.get(name))
        and field.updateable
        and field.name in records.columns
        and field.dtype == ledger.schema[AFTER + name]
    }
    stamp = pl.col("SystemModstamp") if "SystemModstamp" in records.columns else pl.lit(None)
    now = records.unique("Id", keep="last").select(
        pl.col("Id").alias("record_id"),
        pl.lit(True).alias("found"),
        stamp.cast(MODSTAMP).alias("modstamp"),
        *(pl.col(field.name).cast(field.dtype).alias(NOW + name) for name, field in fields.items()),
    )
    lines = (
        ledger.filter(pl.col("outcome").is_in(WRITTEN))
        .drop("modstamp")
        .join(now, on="record_id", how="left", maintain_order="left")
        .with_columns(_is_sent(name, field).alias(f"sent.{name}") for name, field in fields.items())
    )
    strange = {
        name: pl.col(f"sent.{name}") & ~_is_ours(name, field, told=HOLDS + name in ledger.columns)
        for name, field in fields.items()
    }
    lost = {name: pl.col(CHANGED + name) for name in names if name not in fields}
    lines = lines.with_columns(
        pl.when(pl.col("found").is_null())
        .then(pl.lit(Outcome.CONFLICT, dtype=OUTCOME))
        .when(_any(strange))
        .then(pl.lit(Outcome.CONFLICT, dtype=OUTCOME))
        .when(_any(lost))
        .then(pl.lit(Outcome.REJECTED, dtype=OUTCOME))
        .when(_any({name: pl.col(f"sent.{name}") for name in fields}))
        .then(pl.lit(Outcome.PLANNED, dtype=OUTCOME))
        .otherwise(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME))
        .alias("outcome"),
        pl.when(pl.col("found").is_null())
        .then(pl.lit(GONE))
        .when(_any(strange))
        .then(pl.concat_str(pl.lit(NO_LONGER_OURS), _name(strange)))
        .when(_any(lost))
        .then(pl.concat_str(pl.lit(NOT_WRITABLE), _name(lost)))
        .when(~_any({name: pl.col(f"sent.{name}") for name in fields}))
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
    """Whether the sync wrote the field, and it does not hold the value from before."""
    before, now = pl.col(BEFORE + name), pl.col(NOW + name)
    return pl.col(CHANGED + name) & ~(before.eq_missing(now) | is_equal(before, now, field))


def _is_ours(name: str, field: SObjectField, *, told: bool) -> pl.Expr:
    """Whether the field holds what the sync wrote, or still what the org had made of it right after.

    Args:
        name: of the field, in the ledger.
        field: as describe reports it now.
        told: whether the ledger says what the org held.
    """
    ours = is_equal(pl.col(AFTER + name), pl.col(NOW + name), field)
    if not told:
        return ours
    overridden = pl.col("outcome") == Outcome.OVERRIDDEN
    return ours | (overridden & holds_still(pl.col(HOLDS + name), pl.col(NOW + name), field))


def _any(marks: dict[str, pl.Expr]) -> pl.Expr:
    # The literal is for when there are none.
    return pl.any_horizontal(pl.lit(False), *marks.values())


def _name(marks: dict[str, pl.Expr]) -> pl.Expr:
    """The fields that are marked, by name."""
    named = [pl.when(mark).then(pl.lit(name)) for name, mark in marks.items()]
    return pl.concat_str(named or [pl.lit("")], separator=", ", ignore_nulls=True)
