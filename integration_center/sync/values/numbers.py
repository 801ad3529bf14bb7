"""Numbers, read from text and columns, rounded half up to the field's scale, and checked against its digits.

Salesforce stores what the API sends without rounding, and refuses `250.0` in an integer field
(reference/salesforce-api.md, 3 and 6.2). So this module does the rounding, and writes integers without decimals.
"""

import polars as pl

from integration_center.sync.schema import SObjectField
from integration_center.sync.values.rules import FittedValue, Rule, judge_value, say, say_of

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
WORKING_DECIMAL = pl.Decimal(38, 18)
"""Holds every number that Salesforce can hold (18 digits in total, up to 18 decimals), with two digits to spare."""
EXACT_INTEGERS = 2**53
"""Above this, a double cannot distinguish neighbouring integers."""
INT_LIMIT = 2**31
NOT_A_NUMBER = (
    "is not a number; write digits with a decimal point, or set `decimal:`, `thousands:` or `empty:` in report.yaml"
)
NOISELESS_DIGITS = 15
"""A decimal with this many significant digits survives the conversion to a double and back."""


def read_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read the column as Float64 (Int64 stays).

    `87%` is the number 87. Text that is not a plain number is null; `1,234` is null too, because it is ambiguous.
    """
    if isinstance(dtype, pl.String):
        text = strip_percent(column)
        return pl.when(text.str.contains(NUMBER)).then(text.cast(pl.Float64, strict=False))
    return column


def strip_percent(text: pl.Expr) -> pl.Expr:
    """Remove a percent sign and outer blanks."""
    return text.str.strip_chars().str.strip_suffix("%").str.strip_chars_end()


def judge_readable(column: pl.Expr, dtype: pl.DataType, number: pl.Expr) -> list[Rule]:
    """Build the rules that `number`, read from a String, Int64 or Float64 column, was readable and is finite."""
    rules = [Rule(~number.is_finite(), "NOT_FINITE", say("is not a finite number"))]
    if isinstance(dtype, pl.String):
        text = column.str.strip_chars()
        rules.insert(0, Rule((text != "") & number.is_null(), "WRONG_TYPE", say_of(text, NOT_A_NUMBER)))
    return rules


def write_number(number: pl.Expr) -> pl.Expr:
    """Write a Float64 as canonical text: integers without `.0`, no negative zero; `NaN` and `inf` as in Polars."""
    whole = (number == number.floor()) & (number.abs() < EXACT_INTEGERS)
    return pl.when(whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(number.cast(pl.String))


def round_half_up(number: pl.Expr, scale: int) -> pl.Expr:
    """Round a Float64 half away from zero in decimal: 1.005 becomes 1.01, where binary rounding gives 1.0.

    The shortest decimal that equals the double is rounded. The result is null where the number has more than 20
    integer digits or is not finite; callers check for these first.
    """
    decimal = number.cast(pl.String).cast(WORKING_DECIMAL, strict=False)
    rounded = decimal.round(scale, mode="half_away_from_zero").cast(pl.Decimal(38, scale))
    # Through text, because casting a Decimal directly to a double divides, which may not give the nearest double.
    return rounded.cast(pl.String).cast(pl.Float64)


def scale_number(number: pl.Expr, factor: float | None) -> pl.Expr:
    """Multiply the number by `factor`, without the noise of binary multiplication (0.285 × 100 is 28.5)."""
    if factor is None:
        return number
    product = number.cast(pl.Float64) * factor
    # With more digits, the rounding would change whole numbers instead of removing noise.
    noisy = product.abs() < 10**NOISELESS_DIGITS
    return pl.when(noisy).then(product.round_sig_figs(NOISELESS_DIGITS)).otherwise(product)


def fit_number(column: pl.Expr, dtype: pl.DataType, field: SObjectField, factor: float | None) -> FittedValue:
    """Fit a String, Int64 or Float64 column to an `int`, `long`, `double`, `currency` or `percent` field."""
    read = read_number(column, dtype)
    number = scale_number(read, factor)
    whole = isinstance(field.dtype, pl.Int64)
    integers = isinstance(dtype, pl.Int64) and factor is None
    if integers:
        value = number if whole else number.cast(pl.Float64)
        rounded = value
        rules: list[Rule] = []
    else:
        rules = judge_readable(column, dtype, number)
        rounded = round_half_up(number, 0 if whole else field.scale)
        value = rounded.cast(pl.Int64, strict=False) if whole else rounded
    limit, holds = _limit(field)
    too_large = (rounded >= limit) | (rounded <= -limit) | (number.is_not_null() & rounded.is_null())
    rules.append(Rule(too_large, "TOO_LARGE", say(f"is too large: the field holds {holds}")))
    if not isinstance(dtype, pl.Float64) and not (integers and whole):
        exact = strip_percent(column) if isinstance(dtype, pl.String) else column
        double = read.cast(pl.Float64)
        # Decimals, which text needs, take ten times as long.
        loses = double.cast(pl.Int64, strict=False) != exact if integers else loses_digits(exact, double, field.scale)
        rules.append(Rule(loses, "NOT_EXACT", say_of(exact.cast(pl.String), "would be stored as another number")))
    return judge_value(value, rules)


def loses_digits(exact: pl.Expr, double: pl.Expr, scale: int) -> pl.Expr:
    """Return whether a number beyond 2^53, as text or Int64, changes when stored as a double.

    All doubles of that size are whole numbers.
    """
    meant = exact.cast(WORKING_DECIMAL, strict=False).round(scale, mode="half_away_from_zero")
    held = double.cast(pl.Int64, strict=False).cast(WORKING_DECIMAL)
    return (double.abs() >= EXACT_INTEGERS) & (meant != held)


def _limit(field: SObjectField) -> tuple[float, str]:
    """Return the smallest absolute value that is too large, and what the field holds, in words."""
    match field.type:
        case "int":
            return (10**field.digits, f"{field.digits} digits") if field.digits else (INT_LIMIT, "32 bits")
        case "long":
            return EXACT_INTEGERS, "whole numbers up to 2^53"
        case _:
            digits = (field.precision or 18) - field.scale
            return 10**digits, f"{digits} digits before the decimal point"
