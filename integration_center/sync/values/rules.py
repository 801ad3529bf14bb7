"""A value made what Salesforce stores, or the reason why it cannot be: the shape all field types share."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

QUOTED_CHARACTERS = 60
"""How much of a value a reason quotes: enough to find it, not enough to fill the ledger."""


@dataclass(frozen=True)
class FittedValue:
    """Expressions over the frame that holds the column.

    Attributes:
        value: what the org shall hold, in the field's dtype; null when the column is blank or unfit.
        code: String, why the value is unfit (`TOO_LONG`, `WRONG_TYPE`, ...); null when it fits.
        reason: String, the same as a sentence, which may quote the value; null when it fits.
    """

    value: pl.Expr
    code: pl.Expr
    reason: pl.Expr


@dataclass(frozen=True)
class Rule:
    """One thing that makes a value unfit.

    Attributes:
        broken: Boolean; null counts as kept.
        code: short and stable, for counts and filters.
        reason: the sentence, without field and column.
    """

    broken: pl.Expr
    code: str
    reason: pl.Expr


def judge_value(value: pl.Expr, rules: Sequence[Rule]) -> FittedValue:
    """`value` where all `rules` are kept; elsewhere the first broken rule speaks."""
    if not rules:
        fits = pl.lit(None, dtype=pl.String)
        return FittedValue(value=value, code=fits, reason=fits)
    code = pl.coalesce([pl.when(rule.broken).then(pl.lit(rule.code)) for rule in rules])
    reason = pl.coalesce([pl.when(rule.broken).then(rule.reason) for rule in rules])
    return FittedValue(value=pl.when(code.is_null()).then(value), code=code, reason=reason)


def judge_first(rules: Sequence[Rule], fitted: FittedValue) -> FittedValue:
    """Judge by `rules` before what `fitted` says of the same column."""
    first = judge_value(fitted.value, rules)
    return FittedValue(
        value=first.value,
        code=pl.coalesce(first.code, fitted.code),
        reason=pl.coalesce(first.reason, fitted.reason),
    )


def say(sentence: str) -> pl.Expr:
    """A reason that is the same for every row."""
    return pl.lit(sentence, dtype=pl.String)


def say_of(text: pl.Expr, sentence: str) -> pl.Expr:
    """A reason that quotes the value: `'abc' is no number`."""
    return pl.format("'{}' " + sentence, text.str.head(QUOTED_CHARACTERS))


def standardise(column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.DataType]:
    """The column in one of the report frame's dtypes, so that the fitting steps know only those.

    A report column is String, Int64, Float64, Boolean, Date, Datetime("us", "UTC") or Time after this; dtypes that
    no field can hold (List, Struct, Binary, Duration, Object) come back unchanged.
    """
    match dtype:
        case pl.String() | pl.Boolean() | pl.Date() | pl.Time() | pl.Float64() | pl.Int64():
            return column, dtype
        case pl.Null() | pl.Categorical() | pl.Enum():
            return column.cast(pl.String), pl.String()
        case pl.Datetime(time_zone=None):
            zoned = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            return zoned, pl.Datetime("us", "UTC")
        case pl.Datetime():
            return column.cast(pl.Datetime("us")).dt.convert_time_zone("UTC"), pl.Datetime("us", "UTC")
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False), pl.Int64()
    if dtype.is_numeric():
        return column.cast(pl.Float64), pl.Float64()
    return column, dtype
