"""Find equal values, and run expensive steps once per distinct value.

A report has a million rows, and a picklist a dozen values.
"""

from collections.abc import Callable

import polars as pl


def map_distinct(text: pl.Expr, steps: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Return the same as `steps(text)`, computed once per distinct value. The steps must treat each value by itself.

    Args:
        text: a String expression.
        steps: turns a String expression into another String expression, and keeps null as null.
    """

    def map_series(series: pl.Series) -> pl.Series:
        values = series.alias("value").to_frame()
        mapped = values.unique().select("value", steps(pl.col("value")).alias("mapped"))
        joined = values.join(mapped, on="value", how="left", maintain_order="left")
        return joined.get_column("mapped").alias(series.name)

    return text.map_batches(map_series, return_dtype=pl.String, is_elementwise=True)


def find_repeated(numbers: pl.Series) -> pl.Series:
    """Return the numbers that occur more than once, without repeats. Nulls do not count."""
    ordered = numbers.drop_nulls().sort()
    return ordered.filter((ordered == ordered.shift()).fill_null(False)).unique()


def repeats(values: pl.Series) -> bool:
    """Return whether a value occurs twice. Nulls do not count."""
    given = values.drop_nulls()
    if find_repeated(given.hash()).is_empty():  # comparing numbers takes a fifth of the time
        return False
    return given.is_duplicated().any()
