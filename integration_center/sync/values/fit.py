"""Convert report values to what Salesforce stores, before they are compared and sent.

A value that does not fit never raises an exception; it rejects its row. Fitting a fitted value changes nothing.
"""

from functools import lru_cache

import polars as pl

from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, PICKLIST_TYPES, TEXT_TYPES, SObjectField
from integration_center.sync.values.booleans import fit_boolean
from integration_center.sync.values.ids import to_18
from integration_center.sync.values.moments import fit_date, fit_datetime, fit_time, write_moment
from integration_center.sync.values.numbers import fit_number, judge_readable, read_number, scale_number, write_number
from integration_center.sync.values.rules import FittedValue, Rule, judge_first, judge_value, say, say_of, standardise
from integration_center.sync.values.texts import fit_multipicklist, fit_picklist, fit_text


@lru_cache(maxsize=64)  # a page asks for each of an object's 800 fields
def kind_of(dtype: pl.DataType) -> str | None:
    """Return what a report column holds: `text`, `number`, `boolean`, `date`, `datetime`, `time`; None for others."""
    match dtype:
        case pl.String() | pl.Categorical() | pl.Enum() | pl.Null():
            return "text"
        case pl.Boolean():
            return "boolean"
        case pl.Date():
            return "date"
        case pl.Datetime():
            return "datetime"
        case pl.Time():
            return "time"
    return "number" if dtype.is_numeric() else None


def can_hold(field: SObjectField, dtype: pl.DataType) -> bool:
    """Return whether values of a column of `dtype`, or text that looks like such values, can fit `field` at all.

    A text column always can, cell by cell. A text field accepts any kind of value; only e-mail addresses and ids have a
    form of their own.
    """
    kind = kind_of(dtype)
    if kind is None or field.unusable:
        return False
    if kind == "text":
        return True
    if field.type in NUMBER_TYPES:
        return kind == "number"
    if field.type in ID_TYPES | {"email"}:
        return False
    match field.type:
        case "boolean":
            return kind in ("boolean", "number")
        case "date" | "datetime":
            return kind in ("date", "datetime")
        case "time":
            return kind == "time"
    return True


def takes_factor(field: SObjectField, dtype: pl.DataType) -> bool:
    """Return whether values of a column of `dtype` can be multiplied by a factor before they are written to `field`."""
    if field.type in NUMBER_TYPES or kind_of(dtype) == "number":
        return True
    return kind_of(dtype) == "text" and field.type in (TEXT_TYPES - {"email"}) | PICKLIST_TYPES


def fit_values(
    column: pl.Expr, dtype: pl.DataType, field: SObjectField, *, truncate: bool = False, factor: float | None = None
) -> FittedValue:
    """Convert the values of a report column to what Salesforce stores in `field`.

    Args:
        column: the report column.
        dtype: the Polars dtype of the column.
        field: the target.
        truncate: whether to cut text that is too long; e-mail addresses, picklist values and rich text are never cut.
        factor: multiplies numbers, including numbers read from text. A cell that is not a number is then unfit.

    Returns:
        Expressions for the value in `field.dtype`, the code and the reason. Codes: `WRONG_TYPE`, `NOT_FINITE`,
        `TOO_LARGE`, `NOT_EXACT`, `TOO_LONG`, `OUT_OF_RANGE`, `NOT_IN_PICKLIST`, `BAD_EMAIL`, `BAD_ID`, `NOT_STORABLE`.
    """
    if not can_hold(field, dtype):
        said = field.unusable or f"a {kind_of(dtype) or dtype} cannot be a {field.type}"
        wrong = Rule(column.is_not_null(), "WRONG_TYPE", say(said))
        return judge_value(pl.lit(None, dtype=field.dtype), [wrong])
    column, dtype = standardise(column, dtype)
    if field.type in NUMBER_TYPES:
        return fit_number(column, dtype, field, factor)
    match field.type:
        case "boolean":
            return fit_boolean(column, dtype)
        case "date":
            return fit_date(column, dtype)
        case "datetime":
            return fit_datetime(column, dtype)
        case "time":
            return fit_time(column, dtype)
    if field.type in ID_TYPES:
        text = column.str.strip_chars()
        value = to_18(column)
        return judge_value(value, [Rule((text != "") & value.is_null(), "BAD_ID", say_of(text, "is not a record id"))])
    if dtype.is_float() or (factor is not None and (dtype.is_integer() or isinstance(dtype, pl.String))):
        number = scale_number(read_number(column, dtype), factor).cast(pl.Float64)
        fitted = _fit_as_text(pl.when(number.is_finite()).then(write_number(number)), field, truncate=truncate)
        return judge_first(judge_readable(column, dtype, number), fitted)
    if isinstance(dtype, pl.Date | pl.Datetime | pl.Time):
        return _fit_as_text(write_moment(column, dtype), field, truncate=truncate)
    return _fit_as_text(column.cast(pl.String), field, truncate=truncate)


def _fit_as_text(text: pl.Expr, field: SObjectField, *, truncate: bool) -> FittedValue:
    match field.type:
        case "picklist":
            return fit_picklist(text, field)
        case "multipicklist":
            return fit_multipicklist(text, field)
        case _:
            return fit_text(text, field, truncate=truncate)
