"""What all field types share: a value as Salesforce stores it, or the reason why it cannot be stored."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.sync.values.invisible import name_unseen

QUOTED_CHARACTERS = 60
"""How much of a value a reason quotes: enough to find it, not enough to fill the ledger."""


@dataclass(frozen=True)
class FittedValue:
    """The result of fitting a column, as expressions over the frame that holds the column.

    Attributes:
        value: what the org should hold, in the field's dtype; null when the column is blank or unfit.
        code: String, why the value is unfit (`TOO_LONG`, `WRONG_TYPE`, ...); null when it fits.
        reason: String, the code in a sentence that may quote the value, with the names of characters that nobody
            sees; null when it fits.
    """

    value: pl.Expr
    code: pl.Expr
    reason: pl.Expr


@dataclass(frozen=True)
class Rule:
    """One rule that a value must keep.

    Attributes:
        broken: Boolean, whether the value breaks the rule; null counts as kept.
        code: short and stable, for counts and filters.
        reason: the sentence, without field and column.
    """

    broken: pl.Expr
    code: str
    reason: pl.Expr


def judge_value(value: pl.Expr, rules: Sequence[Rule]) -> FittedValue:
    """Return `value` where it keeps all `rules`, else null with the code and reason of the first broken rule."""
    if not rules:
        fits = pl.lit(None, dtype=pl.String)
        return FittedValue(value=value, code=fits, reason=fits)
    code = pl.coalesce([pl.when(rule.broken).then(pl.lit(rule.code)) for rule in rules])
    reason = name_unseen(pl.coalesce([pl.when(rule.broken).then(rule.reason) for rule in rules]))
    return FittedValue(value=pl.when(code.is_null()).then(value), code=code, reason=reason)


def judge_first(rules: Sequence[Rule], fitted: FittedValue) -> FittedValue:
    """Check `rules` first, then what `fitted` says about the same column."""
    first = judge_value(fitted.value, rules)
    return FittedValue(
        value=first.value,
        code=pl.coalesce(first.code, fitted.code),
        reason=pl.coalesce(first.reason, fitted.reason),
    )


def say(sentence: str) -> pl.Expr:
    """Return a reason that is the same for every row."""
    return pl.lit(sentence, dtype=pl.String)


def say_of(text: pl.Expr, sentence: str) -> pl.Expr:
    """Return a reason that quotes the value: `'abc' is not a number`."""
    return pl.format("'{}' " + sentence, text.str.head(QUOTED_CHARACTERS))


def standardise(column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.DataType]:
    """Cast a report column to one of a few dtypes, so that the fitting steps have to know only those.

    The result is String, Int64, Float64, Boolean, Date, Time, or Datetime("us") with a time zone, which is UTC where
    the column has none. Dtypes that no field can hold (List, Struct, Binary, Duration, Object) come back unchanged.
    """
    match dtype:
        case pl.String() | pl.Boolean() | pl.Date() | pl.Time() | pl.Float64() | pl.Int64():
            return column, dtype
        case pl.Null() | pl.Categorical() | pl.Enum():
            return column.cast(pl.String), pl.String()
        case pl.Datetime(time_zone=None):
            zoned = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            return zoned, pl.Datetime("us", "UTC")
        case pl.Datetime(time_zone=zone):
            return column.cast(pl.Datetime("us", zone)), pl.Datetime("us", zone)
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False), pl.Int64()
    if dtype.is_numeric():
        return column.cast(pl.Float64), pl.Float64()
    return column, dtype
