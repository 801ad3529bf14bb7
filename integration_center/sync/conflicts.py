"""Find the records that somebody changed between the plan and its push, so that the push leaves them alone."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.changes import is_equal
from integration_center.sync.columns import BEFORE, LAST_SEEN
from integration_center.sync.marking import NOW, list_mapped, mark, read_now
from integration_center.sync.match.keys import normalise_key
from integration_center.sync.match.usable_rows import SHOWN_KEY_SEPARATOR
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectField, SObjectSchema

REASON = "the record changed after the plan was made, so it was left alone; the next sync plans it again"


def mark_conflicts(
    lines: pl.DataFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema
) -> pl.DataFrame:
    """Give the outcome `conflict` to planned lines whose record no longer holds the values that the plan was made from.

    A record is in conflict when a mapped field no longer holds `before.F`, or a key field no longer holds the key. An
    address to which only `.invalid` was added is the same key. A record that was saved without such a change is not in
    conflict. A missing record is not in conflict either: Salesforce itself reports deleted records.

    Args:
        lines: the plan.
        records: the records that may have changed, read after the plan: `Id`, and the key and mapped fields, raw.
            Records that did not change may be left out.
        keys: the key fields of the integration, in its order.
        schema: the object, as it was for the plan.

    Returns:
        `lines` in their order. A planned line in conflict is `conflict`, and its `error_fields` names the fields.
    """
    fields = _find_changed(lines, records, keys, schema)
    if fields.null_count() == fields.len():
        return lines
    conflict = pl.lit(fields).is_not_null()
    return lines.with_columns(
        *mark(conflict, Outcome.CONFLICT, REASON),
        pl.when(conflict).then(pl.lit(fields)).otherwise("error_fields").alias("error_fields"),
    )


def keep_changed(
    lines: pl.LazyFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema
) -> pl.DataFrame:
    """Keep those of `records` because of which a planned line is in conflict. The arguments are as in `mark_conflicts`.

    The plan is read once, but only the lines of these records are in memory.
    """
    needed = ("record_id", "outcome", "key", LAST_SEEN)
    names = [name for name in lines.collect_schema() if name in needed or name.startswith(BEFORE)]
    ids = records.lazy().select(pl.col("Id").alias("record_id"))
    planned = lines.filter(pl.col("outcome") == Outcome.PLANNED).select(names)
    own = planned.join(ids, on="record_id", how="semi").collect(engine="streaming")
    changed = own.filter(_find_changed(own, records, keys, schema).is_not_null())["record_id"]
    return records.filter(pl.col("Id").is_in(changed.implode()))


def _find_changed(lines: pl.DataFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema) -> pl.Series:
    """Name the fields that changed, for each line in conflict; null for all other lines."""
    names = list_mapped(lines.columns, BEFORE)
    mapped = {name: schema.require(name) for name in names}
    key_fields = [schema.require(name) for name in keys]
    read = {field.name: field for field in [*mapped.values(), *key_fields]}
    own = records.join(lines.select(pl.col("record_id").alias("Id")), on="Id", how="semi", maintain_order="left")
    seen = pl.col(LAST_SEEN) if LAST_SEEN in lines.columns else pl.lit(None).alias(LAST_SEEN)
    beside = lines.select("record_id", "outcome", "key", seen, *(BEFORE + name for name in mapped)).join(
        read_now(own, read), on="record_id", how="left", maintain_order="left"
    )
    changed = [
        pl.when(~holds_still(pl.col(BEFORE + name), pl.col(NOW + field.name), field)).then(pl.lit(field.name))
        for name, field in mapped.items()
    ]
    parts = pl.col("key").str.split(SHOWN_KEY_SEPARATOR) if len(key_fields) > 1 else pl.concat_list("key")
    # A key can contain the separator. And of a person who dropped out, the line's key is the one of long ago.
    has_whole_key = (parts.list.len() == len(key_fields)) & pl.col(LAST_SEEN).is_null()
    moved = [
        pl.when(
            has_whole_key
            & normalise_key(parts.list.get(place, null_on_oob=True), field, ignore_invalid=True).ne_missing(
                normalise_key(pl.col(NOW + field.name), field, field.dtype, ignore_invalid=True)
            )
        ).then(pl.lit(field.name))
        for place, field in enumerate(key_fields)
    ]
    planned = (pl.col("outcome") == Outcome.PLANNED) & pl.col("found").fill_null(False)
    return beside.select(
        pl.when(planned)
        .then(pl.concat_str([*moved, *changed], separator=",", ignore_nulls=True).replace("", None))
        .alias("fields")
    )["fields"]


def holds_still(before: pl.Expr, now: pl.Expr, field: SObjectField) -> pl.Expr:
    """Return whether both are the same value. REST and Bulk may return one value in different forms."""
    return before.eq_missing(now) | is_equal(before, now, field) | is_equal(now, before, field)
