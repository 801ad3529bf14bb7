"""What tells which of several rows with one key is the newest."""

import polars as pl

from integration_center.sync.fitted import standardise
from integration_center.sync.moment_values import read_moment
from integration_center.sync.number_values import read_number


def read_recency(column: pl.Series) -> pl.Series | None:
    """The values of a `latest_by` column in a type that is ordered as they are meant; the greatest is the newest.

    One bad cell makes a whole report column text, and as text 9 November comes after 10 November and `n/a` after
    both. So text is read as ISO moments, or as numbers, and what cannot be read is null, which counts as oldest.

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
    read = frame.select(
        moment=read_moment(values, dtype), number=read_number(values, dtype), given=values.str.strip_chars() != ""
    )
    moments, numbers = read["moment"].count(), read["number"].count()
    if (moments and numbers) or (moments + numbers) * 2 < read["given"].sum():
        return None
    return read["moment"] if moments else read["number"]
