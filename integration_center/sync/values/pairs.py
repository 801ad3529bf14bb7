"""Join numbers to equal numbers, some of them at a time.

One join of a million numbers to a million others takes four times the memory. The streaming engine takes two thirds of
the time of the other one.
"""

from collections.abc import Iterator, Sequence

import polars as pl

ROW, PLACE = "row", "place"
NUMBER = "number"
JOINED_AT_ONCE = 50_000
"""Up to so many numbers are joined at once."""
FEW_PARTS, PARTS = 8, 16
"""In so many parts are more numbers joined: powers of two, because each number belongs to a part by its last byte."""
JOINED_IN_FEW_PARTS = 2_000_000
"""Up to so many numbers are joined in `FEW_PARTS`. Fewer parts take less time, and more memory."""


def find_pairs(numbers: pl.Series, among: pl.Series) -> Iterator[pl.DataFrame]:
    """Yield the pairs of equal numbers, in any order. Null equals nothing.

    Args:
        numbers: UInt64.
        among: UInt64.

    Yields:
        `row` UInt32, a position in `numbers`, and `place` UInt32, a position in `among`.
    """
    if not len(numbers) or not len(among):
        yield pl.DataFrame(schema={ROW: pl.UInt32(), PLACE: pl.UInt32()})
        return
    most = max(len(numbers), len(among))
    parts = 1 if most <= JOINED_AT_ONCE else FEW_PARTS if most <= JOINED_IN_FEW_PARTS else PARTS
    their_part, own_part = (each.cast(pl.UInt8, wrap_numerical=True) % parts for each in (among, numbers))
    places = pl.int_range(most, dtype=pl.UInt32, eager=True)
    for part in range(parts):
        rows = _take_part(numbers, places, own_part == part, ROW)
        others = _take_part(among, places, their_part == part, PLACE)
        yield rows.join(others, on=NUMBER).select(ROW, PLACE).collect(engine="streaming")


def _take_part(numbers: pl.Series, places: pl.Series, is_in: pl.Series, name: str) -> pl.LazyFrame:
    """Take the numbers of a part, with their positions. Null is in no part."""
    # To ask which positions are in the part, with `arg_true`, takes ten times as long.
    return pl.LazyFrame({NUMBER: numbers.filter(is_in), name: places[: len(numbers)].filter(is_in)})


def find_one_place(numbers: pl.Series, among: pl.Series) -> pl.Series | None:
    """Return the position of each number among others, UInt32; null for one that is not there.

    None when a number is there more than once.
    """
    parts = [*find_pairs(numbers, among)]
    places = _lay_out(parts, len(numbers))
    return places if places.count() == sum(part.height for part in parts) else None


def find_all_places(numbers: pl.Series, among: pl.Series) -> pl.DataFrame:
    """Return each number's positions among others: `row` and `place` UInt32, sorted by both.

    A number that is not there has one line, in which `place` is null.
    """
    rows = pl.int_range(len(numbers), dtype=pl.UInt32, eager=True).alias(ROW)
    parts = [*find_pairs(numbers, among)]
    places = _lay_out(parts, len(numbers))
    if places.count() == sum(part.height for part in parts):
        return pl.DataFrame([rows, places])
    pairs = pl.concat(parts)
    del parts
    others = pairs[ROW].filter(pairs[PLACE] != places.gather(pairs[ROW]))
    is_shared = pl.repeat(False, len(numbers), eager=True).scatter(others, True)
    shared = pairs.filter(is_shared.gather(pairs[ROW])).sort(ROW, PLACE)
    del pairs
    # Few numbers have several places. To sort all rows by both columns takes five times as long.
    is_first = (shared[ROW] != shared[ROW].shift()).fill_null(True)
    places.scatter(shared[ROW].filter(is_first), shared[PLACE].filter(is_first))
    return pl.concat([pl.DataFrame([rows, places]), shared.filter(~is_first)]).sort(ROW, maintain_order=True)


def _lay_out(parts: Sequence[pl.DataFrame], height: int) -> pl.Series:
    """Return the place of each row, or one of several; null for a row without a place."""
    places = pl.repeat(None, height, dtype=pl.UInt32, eager=True).alias(PLACE)
    for part in parts:
        places.scatter(part[ROW], part[PLACE])
    return places
