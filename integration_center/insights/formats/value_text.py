"""Write the typed values of a file as the text that a report's column holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time

import polars as pl
import polars.selectors as cs

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.option_lines import write_column_line
from integration_center.sync.values.moments import write_zoned

MIDNIGHT = " 00:00:00"
NO_TEXT = r"[\x00-\x08\x0e-\x1f]"
"""Characters that bytes hold which are no text, such as those of a UUID."""
EXACT = 2**53
"""Up to here a float holds every whole number."""


@dataclass(frozen=True)
class Forms:
    """What all values of some columns show.

    Attributes:
        whole: the columns of floats that hold whole numbers, and are floats only because others are missing.
        midnight: the columns of times that hold only dates.
    """

    whole: Collection[str] = ()
    midnight: Collection[str] = ()


def find_forms(rows: pl.LazyFrame) -> Forms:
    """Find what all values of the columns show, by one query that keeps no rows."""
    tests, kinds = [], []
    for name, dtype in rows.collect_schema().items():
        # A name may be a pattern, so columns are taken by their selector.
        column = cs.by_name(name)
        if isinstance(dtype, pl.Float32 | pl.Float64):
            numbers = column.as_expr().fill_nan(None)
            test = ((numbers.floor() == numbers) & (numbers.abs() < EXACT)).all(ignore_nulls=True)
            tests.append(test & numbers.is_not_null().any())
        elif isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
            tests.append((column.as_expr().dt.time() == time()).all(ignore_nulls=True))
        elif isinstance(dtype, pl.String):
            filled = column.as_expr().replace("", None)
            tests.append(filled.str.ends_with(MIDNIGHT).all(ignore_nulls=True) & filled.is_not_null().any())
        else:
            continue
        kinds.append((name, dtype))
    if not tests:
        return Forms()
    named = [test.alias(str(number)) for number, test in enumerate(tests)]
    passed = rows.select(named).collect(engine="streaming").row(0)
    found = [(name, dtype) for (name, dtype), passes in zip(kinds, passed, strict=True) if passes]
    return Forms(
        whole={name for name, dtype in found if dtype.is_float()},
        midnight={name for name, dtype in found if not dtype.is_float()},
    )


def write_text(frame: pl.DataFrame, source: str, forms: Forms | None = None) -> pl.DataFrame:
    """Write the values as text: times as ISO 8601 with their offset, Booleans as true and false, empty text as null.

    Args:
        frame: the rows.
        source: the name of the file in errors.
        forms: what all values of the columns show, where these are only some rows.

    Raises:
        UnreadableReport: a column holds lists, records or bytes.
    """
    found = find_forms(frame.lazy()) if forms is None else forms
    columns = {series.name: _write_series(series, whole=series.name in found.whole) for series in frame}
    if odd := [name for name, text in columns.items() if text is None]:
        raise refuse_nested(odd, source)
    texts = [text.replace("", None) for text in columns.values() if text is not None]
    return pl.DataFrame([text.str.strip_suffix(MIDNIGHT) if text.name in found.midnight else text for text in texts])


def refuse_nested(columns: list[str], source: str) -> UnreadableReport:
    """Build the error for columns that hold lists, records or bytes. Its remedy leaves them out."""
    return refuse_columns(columns, source, "hold lists, records or bytes")


def refuse_columns(columns: list[str], source: str, said: str) -> UnreadableReport:
    """Build the error for columns that cannot be text; `said` follows their names. Its remedy leaves them out."""
    remedy = {name: {"ignore": True} for name in columns}
    return UnreadableReport(
        f"{source}: {', '.join(map(repr, columns))} {said}; export plain columns, or leave these out by"
        f" `{write_column_line(remedy)}` in report.yaml",
        {"columns": remedy},
    )


def clear_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn empty cells into null, and remove midnight from dates in columns that hold only dates."""
    columns = []
    for text in frame:
        text = text.replace("", None)
        if (values := text.drop_nulls()).len() and values.str.ends_with(MIDNIGHT).all():
            text = text.str.strip_suffix(MIDNIGHT)
        columns.append(text)
    return pl.DataFrame(columns)


def _write_series(series: pl.Series, *, whole: bool) -> pl.Series | None:
    """Write a column as text; None for a column that holds lists, records or bytes."""
    match series.dtype:
        case pl.String():
            return series
        case pl.Datetime() as dtype:
            if dtype.time_zone:
                return write_zoned(series, "%.f")
            return series.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        case pl.Float32() | pl.Float64():
            numbers = series.fill_nan(None)
            return (numbers.cast(pl.Int64) if whole else numbers).cast(pl.String)
        case pl.Duration():
            return series.dt.to_string("iso")
        case pl.Binary():
            try:
                text = series.cast(pl.String)  # old programs write text without saying that it is text
            except pl.exceptions.PolarsError:
                return None
            return None if text.str.contains(NO_TEXT).any() else text
        case dtype if dtype.is_nested() or isinstance(dtype, pl.Object):
            return None
        case _:
            return series.cast(pl.String)
