"""Read and mark the lines of a plan or ledger: the fields that it maps, and what their records held later."""

from collections.abc import Iterable, Mapping

import polars as pl

from integration_center.sync.columns import CHANGED, OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectField

NOW = "now."
"""The prefix, before a mapped field's name, of the raw value that a record held when it was read later."""


def list_mapped(columns: Iterable[str], prefix: str = CHANGED) -> list[str]:
    """List the mapped fields of a plan or ledger, in the order of their columns with this prefix."""
    return [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]


def mark(where: pl.Expr, outcome: Outcome, reason: str | pl.Expr | None) -> list[pl.Expr]:
    """Give the lines `where` it is true this outcome and this reason; the others keep theirs."""
    said = reason if isinstance(reason, pl.Expr) else pl.lit(reason, dtype=pl.String)
    return [
        pl.when(where).then(pl.lit(outcome, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(where).then(said).otherwise("reason").alias("reason"),
    ]


def any_of(marks: Iterable[pl.Expr]) -> pl.Expr:
    """Return whether any of the marks is true; false where there is none."""
    return pl.any_horizontal(pl.lit(False), *marks)  # which needs at least one expression


def name_marked(marks: Mapping[str, pl.Expr], separator: str = ", ") -> pl.Expr:
    """Join the names of the marked fields."""
    named = [pl.when(marked).then(pl.lit(name)) for name, marked in marks.items()]
    return pl.concat_str(named or [pl.lit("")], separator=separator, ignore_nulls=True)


def read_now(records: pl.DataFrame, fields: Mapping[str, SObjectField], *others: pl.Expr) -> pl.DataFrame:
    """Return what records hold, for a join with lines: each record once, as it was read last.

    Args:
        records: `Id` and the fields, raw.
        fields: the fields, by their names in the lines.
        others: what else to return.

    Returns:
        `record_id`, `found` (true), and `now.F` for each field F in its dtype.
    """
    return records.unique("Id", keep="last").select(
        pl.col("Id").alias("record_id"),
        pl.lit(True).alias("found"),
        *others,
        *(pl.col(field.name).cast(field.dtype).alias(NOW + name) for name, field in fields.items()),
    )
