"""Sums up a plan without personal data: how many records change in each field, and how."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from integration_center.sync.columns import AFTER, BEFORE, CHANGED
from integration_center.sync.marking import list_mapped


@dataclass(frozen=True)
class FieldChange:
    """What a plan does to one field.

    Attributes:
        field: its API name.
        changed: records that would get another value.
        filled: those of them that have none now.
        cleared: those of them that would have none.
        before: the smallest and the largest number, date or moment now; None for text.
        after: the same afterwards.
    """

    field: str
    changed: int
    filled: int
    cleared: int
    before: str | None
    after: str | None


def sum_up_changes(lines: pl.LazyFrame, outcomes: Collection[str]) -> list[FieldChange]:
    """Sum up the changes of the lines with some outcomes, field by field."""
    fields = list_mapped(lines.collect_schema())
    chosen = lines.filter(pl.col("outcome").is_in(list(outcomes)))
    return [change for field in fields if (change := _sum_up(chosen, field)) is not None]


def _sum_up(lines: pl.LazyFrame, field: str) -> FieldChange | None:
    values = (
        lines.filter(pl.col(f"{CHANGED}{field}"))
        .select(pl.col(f"{BEFORE}{field}").alias("before"), pl.col(f"{AFTER}{field}").alias("after"))
        .collect()
    )
    if values.is_empty():
        return None
    filled = values.filter(pl.col("before").is_null()).height
    cleared = values.filter(pl.col("after").is_null()).height
    # The value before is the org's own text; only what the field's type makes a number or a moment is shown.
    after = values["after"]
    before = values["before"].cast(after.dtype, strict=False) if after.dtype != pl.String else values["before"]
    return FieldChange(field, values.height, filled, cleared, _show_span(before), _show_span(after))


def _show_span(values: pl.Series) -> str | None:
    """The smallest and the largest value; None for text, which may name people."""
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()) or values.drop_nulls().is_empty():
        return None
    smallest, largest = values.min(), values.max()
    return str(smallest) if smallest == largest else f"{smallest!s} to {largest!s}"
