"""What tells which of several rows with one key is the newest."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.values.moments import read_moment
from integration_center.sync.values.numbers import read_number
from integration_center.sync.values.rules import standardise

USUAL = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:[0-5]\d$"
WORDS = {"true": True, "false": False}


def read_recency(column: pl.Series) -> pl.Series | None:
    """Read a `latest_by` column as a type that is ordered as its values are meant; the greatest is the newest.

    As text, 9 November comes after 10 November and `n/a` after both. So text is read as ISO moments, to the
    microsecond, or as numbers, or as true and false. What cannot be read is null, which counts as oldest.

    Args:
        column: of any report dtype.

    Returns:
        As many values; None when text tells no order: some of it reads as moments and some as numbers, or more than
        half of what is not blank as neither.
    """
    values, dtype = standardise(pl.col("given"), column.dtype)
    frame = column.alias("given").to_frame()  # a column's own name may read as a pattern
    if dtype.is_float():
        return frame.select(values.fill_nan(None)).to_series()
    if not isinstance(dtype, pl.String):
        return frame.select(values).to_series()
    if (usual := _read_usual(frame["given"].cast(pl.String))) is not None:
        return usual
    word = values.str.strip_chars().str.to_lowercase()
    read = frame.select(
        moment=read_moment(values, dtype),
        number=read_number(values, dtype),
        whole=values.str.strip_chars().str.strip_prefix("+").cast(pl.Int64, strict=False),
        word=word.replace_strict(WORDS, default=None, return_dtype=pl.Boolean),
        given=word != "",
    )
    number = read["number"]
    if read["whole"].is_not_null().equals(number.is_not_null()):  # a Float64 does not tell large whole numbers apart
        number = read["whole"]
    found = [series for series in (read["moment"], number, read["word"]) if series.count()]
    if not found:
        return None if read["given"].any() else number
    if len(found) > 1 or found[0].count() * 2 < read["given"].sum():
        return None
    return found[0]


def _read_usual(text: pl.Series) -> pl.Series | None:
    """Read text at once where all of it has the form `2026-11-22 07:00:00`, thirty times as fast; else None."""
    if text.null_count() == len(text) or not text.str.contains(USUAL).all():
        return None
    moments = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    return moments if moments.null_count() == text.null_count() else None


def keep_newest(rows: pl.DataFrame, key: str, order: Sequence[str]) -> pl.DataFrame:
    """Keep the row of each key that comes last in an order; null comes first.

    Args:
        rows: any columns.
        key: the column that holds the key.
        order: the columns to order by, such as the time of a row and its day.
    """
    place = pl.int_range(pl.len(), dtype=pl.UInt32).alias("kept")
    ordered = rows.select(key, *order, place).sort(order, nulls_last=False)
    places = ordered.filter(pl.col(key).is_last_distinct())["kept"].sort()
    return rows.select(pl.all().gather(places))
