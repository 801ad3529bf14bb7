"""Checkboxes, read from text, numbers and booleans."""

import polars as pl

from integration_center.sync.values.numbers import read_number
from integration_center.sync.values.rules import FittedValue, Rule, judge_value, say_of

TRUE_WORDS = ["true", "yes", "y", "1", "t"]
FALSE_WORDS = ["false", "no", "n", "0", "f"]

UNREAD = "is neither true nor false; name it in `true_values:` or `false_values:` in report.yaml"


def read_boolean(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read the column as Boolean; null for text that is no word for yes or no, and for numbers other than 1 and 0."""
    if isinstance(dtype, pl.Boolean):
        return column
    number = read_number(column, dtype)
    yes, no = number == 1, number == 0
    if isinstance(dtype, pl.String):
        word = column.str.strip_chars().str.to_lowercase()
        plain = ~word.str.ends_with("%")  # 1% is a number, not a yes
        yes, no = (yes & plain).fill_null(False), (no & plain).fill_null(False)
        yes, no = word.is_in(TRUE_WORDS) | yes, word.is_in(FALSE_WORDS) | no
    return pl.when(yes).then(pl.lit(True)).when(no).then(pl.lit(False))


def fit_boolean(column: pl.Expr, dtype: pl.DataType) -> FittedValue:
    """Fit a Boolean, String or number column to a `boolean` field."""
    value = read_boolean(column, dtype)
    if isinstance(dtype, pl.Boolean):
        return judge_value(value, [])
    word = column.str.strip_chars() if isinstance(dtype, pl.String) else column.cast(pl.String)
    unread = (word != "") & value.is_null()
    return judge_value(value, [Rule(unread, "WRONG_TYPE", say_of(word, UNREAD))])
