"""Find the newest of several rows with the same key."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.values.moments import read_moment
from integration_center.sync.values.numbers import read_number
from integration_center.sync.values.rules import standardise

USUAL = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:[0-5]\d$"
WORDS = {"true": True, "false": False}


def read_recency(column: pl.Series) -> pl.Series | None:
    """Read a `latest_by` column as a dtype that sorts the values by their meaning. The greatest value is the newest.

    Sorted as text, 9 November would come after 10 November, and `n/a` after both. So text is read as dates and times
    (to the microsecond), as numbers, or as true and false. A value that cannot be read is null, which counts as
    oldest.

    Args:
        column: a column of any report dtype.

    Returns:
        One value per row. None when text has no clear order: it mixes dates and times, numbers, and true and false, or
        more than half of the values that are not blank cannot be read.
    """
    values, dtype = standardise(pl.col("given"), column.dtype)
    frame = column.alias("given").to_frame()  # Polars would read some column names as patterns
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
    if read["whole"].is_not_null().equals(number.is_not_null()):  # Float64 rounds large whole numbers
        number = read["whole"]
    found = [series for series in (read["moment"], number, read["word"]) if series.count()]
    if not found:
        return None if read["given"].any() else number
    if len(found) > 1 or found[0].count() * 2 < read["given"].sum():
        return None
    return found[0]


def _read_usual(text: pl.Series) -> pl.Series | None:
    """Read text in which every value looks like `2026-11-22 07:00:00`, thirty times as fast; None for other text."""
    if text.null_count() == len(text) or not text.str.contains(USUAL).all():
        return None
    moments = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False, cache=False).dt.replace_time_zone(
        "UTC"
    )
    return moments if moments.null_count() == text.null_count() else None


def keep_newest(rows: pl.DataFrame, key: str, order: Sequence[str]) -> pl.DataFrame:
    """Keep for each key the row that sorts last; null sorts first.

    Args:
        rows: a frame with any columns.
        key: the column that holds the key.
        order: the columns to sort by, such as the time of a row and its day.
    """
    place = pl.int_range(pl.len(), dtype=pl.UInt32).alias("kept")
    ordered = rows.select(key, *order, place).sort(order, nulls_last=False)
    places = ordered.filter(pl.col(key).is_last_distinct())["kept"].sort()
    return rows.select(pl.all().gather(places))
