"""Find the records that the org (a flow, a trigger, another user) changed again after it accepted an update."""

import polars as pl

from integration_center.sync.columns import AFTER, CHANGED, HOLDS
from integration_center.sync.conflicts import holds_still
from integration_center.sync.marking import NOW, any_of, list_mapped, mark, name_marked, read_now
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema

REASON = "written, and then changed by the org: "
MASKED_TYPES = frozenset({"encryptedstring"})
"""Types whose values are masked for a user without View Encrypted Data, so that they cannot be compared."""


def mark_overridden(lines: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Give the outcome `overridden` to written lines whose record holds another value than the one that was sent.

    Values are compared in the form in which the org holds them, as in a plan. A line stays as it is when its record
    is missing, or when only fields that were not sent differ.

    Args:
        lines: the lines of a ledger, with or without `holds.F`.
        records: `Id` and mapped fields, raw and read after the push. Other records may be left out.
        schema: the object as describe reported it for the push.

    Returns:
        `lines` in their order, with `holds.F` for each mapped field F: the value in the record of an `overridden`
        line, null in all other lines. The reason and `error_fields` of an `overridden` line name the fields that
        differ.
    """
    names = list_mapped(lines.columns)
    fields = {name: field for name in names if (field := schema.get(name)) and field.name in records.columns}
    differing = {
        name: pl.col(CHANGED + name) & ~holds_still(pl.col(AFTER + name), pl.col(NOW + name), field)
        for name, field in fields.items()
        if field.type not in MASKED_TYPES
    }
    written = (pl.col("outcome") == Outcome.UPDATED) & pl.col("found").fill_null(False)
    overridden = written & any_of(differing.values())
    kept = {HOLDS + name: HOLDS + name if HOLDS + name in lines.columns else None for name in names}
    # The reason why another field was left to the org is kept.
    said = pl.concat_str(pl.lit(REASON) + name_marked(differing), "reason", separator="; ", ignore_nulls=True)
    return (
        lines.join(read_now(records, fields), on="record_id", how="left", maintain_order="left")
        .with_columns(
            *mark(overridden, Outcome.OVERRIDDEN, said),
            pl.when(overridden).then(name_marked(differing, ",")).otherwise("error_fields").alias("error_fields"),
            *(
                pl.when(overridden)
                .then(pl.col(NOW + name) if name in fields else pl.lit(None))
                .otherwise(kept[HOLDS + name])
                .alias(HOLDS + name)
                for name in names
            ),
        )
        .select(*lines.columns, *(name for name, there in kept.items() if there is None))
    )


def add_holds(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Add the missing ones of the columns `holds.F` that `mark_overridden` fills: null, in the dtype of `after.F`."""
    schema = lines.collect_schema()
    values = {name.removeprefix(AFTER): dtype for name, dtype in schema.items() if name.startswith(AFTER)}
    missing = {HOLDS + name: dtype for name, dtype in values.items() if HOLDS + name not in schema}
    return lines.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in missing.items())
