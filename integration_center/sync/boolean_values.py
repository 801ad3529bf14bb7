"""Checkboxes: a yes or no, read from text, numbers and booleans."""

import polars as pl

from integration_center.sync.fitted import FittedValue, Rule, judge_value, say_of

TRUE_WORDS = ["true", "yes", "y", "1", "t"]
FALSE_WORDS = ["false", "no", "n", "0", "f"]


def read_boolean(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The column as Boolean; null for text that is no word of a yes or no, and for other numbers than 1 and 0."""
    if isinstance(dtype, pl.Boolean):
        return column
    if isinstance(dtype, pl.String):
        word = column.str.strip_chars().str.to_lowercase()
        yes, no = word.is_in(TRUE_WORDS), word.is_in(FALSE_WORDS)
    else:
        yes, no = column == 1, column == 0
    return pl.when(yes).then(pl.lit(True)).when(no).then(pl.lit(False))


def fit_boolean(column: pl.Expr, dtype: pl.DataType) -> FittedValue:
    """Fit a Boolean, String or number column to a `boolean` field."""
    value = read_boolean(column, dtype)
    if isinstance(dtype, pl.Boolean):
        return judge_value(value, [])
    word = column.str.strip_chars() if isinstance(dtype, pl.String) else column.cast(pl.String)
    unread = (word != "") & value.is_null()
    return judge_value(value, [Rule(unread, "WRONG_TYPE", say_of(word, "is neither true nor false"))])
