"""Ask all columns of a frame at once: Polars takes about as long for one short column as for a hundred."""

from collections.abc import Callable, Collection, Iterator

import polars as pl

LOOKED_AT_FIRST = 100
"""So many values at the beginning usually show that a column has another look."""
MOST_CELLS = 2_000_000
"""The most cells of several columns that are held together as one series. A longer column is held alone."""


def find_columns(frame: pl.DataFrame, test: pl.Expr) -> set[str]:
    """Find the columns of which a test of all columns is true, by one query."""
    if not frame.width:
        return set()
    passed = frame.select(test).row(0)
    return {name for name, passes in zip(frame.columns, passed, strict=True) if passes}


def find_alike(frame: pl.DataFrame, form: str) -> set[str]:
    """Find the columns whose values all match a regular expression; one without values does."""
    matches = pl.all().str.contains(form).all()
    # The first values usually show that a column has another type, which avoids a search through all values.
    likely = find_columns(frame.head(LOOKED_AT_FIRST), matches)
    return likely if frame.height <= LOOKED_AT_FIRST else find_columns(keep_columns(frame, likely), matches)


def find_columns_of_all(frame: pl.DataFrame, test: Callable[[pl.Series], pl.Series]) -> set[str]:
    """Find the columns of which a test of single cells is true for all cells."""
    likely = _find_passing(frame.head(LOOKED_AT_FIRST), test)  # as in `find_alike`
    return likely if frame.height <= LOOKED_AT_FIRST else _find_passing(keep_columns(frame, likely), test)


def _find_passing(frame: pl.DataFrame, test: Callable[[pl.Series], pl.Series]) -> set[str]:
    found = set()
    for part in split_columns(frame):
        passed = test(join_columns(part))
        found |= {
            name for place, name in enumerate(part.columns) if passed.slice(place * part.height, part.height).all()
        }
    return found


def split_columns(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Split a frame into frames of some of its columns, of a bounded number of cells."""
    step = max(1, MOST_CELLS // max(1, frame.height))
    for begin in range(0, frame.width, step):
        yield frame[frame.columns[begin : begin + step]]


def join_columns(frame: pl.DataFrame) -> pl.Series:
    """Join the cells of all columns, one column behind the other, under a name that is no pattern for Polars."""
    return pl.concat([cells.alias("cells") for cells in frame], rechunk=False)


def keep_columns(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Keep some columns, in the order of the frame."""
    kept = [name for name in frame.columns if name in names]
    return frame[kept] if kept else pl.DataFrame()  # `frame[[]]` means no rows instead of no columns


def leave_out(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Leave out some columns."""
    return keep_columns(frame, set(frame.columns).difference(names)) if names else frame
