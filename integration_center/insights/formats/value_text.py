"""Write the typed values of a file as the text that a report's column holds."""

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.option_lines import write_column_line

MIDNIGHT = " 00:00:00"
EXACT = 2**53
"""Up to here a float holds every whole number."""


def write_text(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Write the values as text: times as ISO 8601, Booleans as true and false, empty text as null.

    Raises:
        UnreadableReport: a column holds lists, records or bytes.
    """
    columns = {series.name: _write_series(series) for series in frame}
    if odd := [name for name, text in columns.items() if text is None]:
        raise refuse_nested(odd, source)
    return clear_text(pl.DataFrame([text for text in columns.values() if text is not None]))


def refuse_nested(columns: list[str], source: str) -> UnreadableReport:
    """Build the error for columns that hold lists, records or bytes. Its remedy leaves them out."""
    return refuse_columns(columns, source, "hold lists or records")


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


def _write_series(series: pl.Series) -> pl.Series | None:
    """Write a column as text; None for a column that holds lists, records or bytes."""
    match series.dtype:
        case pl.String():
            return series
        case pl.Datetime() as dtype:
            if dtype.time_zone:
                return series.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
            return series.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        case pl.Float32() | pl.Float64():
            return _write_floats(series)
        case pl.Duration():
            return series.dt.to_string("iso")
        case pl.Binary():
            try:
                return series.cast(pl.String)  # old programs write text without saying that it is text
            except pl.exceptions.PolarsError:
                return None
        case dtype if dtype.is_nested() or isinstance(dtype, pl.Object):
            return None
        case _:
            return series.cast(pl.String)


def _write_floats(series: pl.Series) -> pl.Series:
    """Write floats as text. Whole numbers that are floats only because others are missing get no decimals."""
    numbers = series.fill_nan(None)
    whole = numbers.drop_nulls()
    if len(whole) and ((whole.floor() == whole) & (whole.abs() < EXACT)).all():
        return numbers.cast(pl.Int64).cast(pl.String)
    return numbers.cast(pl.String)
