"""Find the columns of whole numbers while a file is proven: numbers are written in less time than their texts.

Where the numbers of a column, written again, give the bytes of the file, each cell is a number as it is usually
written: no zeros in front, no sign but a minus, no blanks.
"""

from dataclasses import dataclass
from typing import cast

import polars as pl

from integration_center.insights.many_columns import LOOKED_AT_FIRST, find_columns, keep_columns

WHOLE_FORM = r"^-?(0|[1-9][0-9]{0,14})$"
"""Whole numbers of so few digits that they are plain numbers, too. Each of them can be read."""
_WHOLE_OR_EMPTY = rf"{WHOLE_FORM}|^$"
_BEYOND = 10**15
"""The first number with too many digits."""


@dataclass
class WholeNumbers:
    """Finds the columns of whole numbers in the frames of a file, one after another."""

    _likely: set[str] | None = None
    """The columns that had only whole numbers so far; None before the first frame."""

    def read(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the columns that are likely to have only whole numbers, as Int64; null where a cell has none.

        Args:
            frame: String columns.
        """
        if self._likely is None:
            self._likely = find_columns(frame.head(LOOKED_AT_FIRST), pl.all().str.contains(_WHOLE_OR_EMPTY).all())
        return keep_columns(frame, self._likely).cast(pl.Int64, strict=False)

    def keep_full(self, numbers: pl.DataFrame, cleared: pl.DataFrame) -> pl.DataFrame:
        """Keep the columns in which each cell with a value is a whole number; look no more for the others.

        Args:
            numbers: what `read` has returned.
            cleared: the same rows as String; an empty cell is null.
        """
        # A query of hundreds of columns takes three times as long as to ask each of them.
        texts = keep_columns(cleared, set(numbers.columns))
        fits = {column.name for column, text in zip(numbers, texts, strict=True) if _fits(column, text)}
        self._likely = fits
        return keep_columns(numbers, fits)

    def drop(self, numbers: pl.DataFrame, cleared: pl.DataFrame) -> None:
        """Look no more for the columns that are written otherwise, after numbers were not the bytes of the file.

        Args:
            numbers: what `keep_full` has returned.
            cleared: the same rows as String; an empty cell is null.
        """
        written, texts = numbers.cast(pl.String), keep_columns(cleared, set(numbers.columns))
        same = {text.name for text, cells in zip(written, texts, strict=True) if text.equals(cells, null_equal=True)}
        # If all are the same, the file has empty cells of two kinds, as it would have again.
        self._likely = same if len(same) < numbers.width else set()


def _fits(numbers: pl.Series, cells: pl.Series) -> bool:
    """Return whether each cell with a value is a whole number of so few digits."""
    if numbers.null_count() != cells.null_count():
        return False
    least, most = cast(int | None, numbers.min()), cast(int | None, numbers.max())
    return least is None or most is None or -_BEYOND < least <= most < _BEYOND
