"""Join numbers to equal numbers, some of them at a time.

One join of a million numbers to a million others takes three times as long, and twice the memory: its table does not
fit the processor's cache.
"""

from collections.abc import Iterator

import polars as pl

ROW, PLACE = "row", "place"
NUMBER = "number"
JOINED_AT_ONCE = 50_000
"""Up to so many numbers are joined at once."""
PARTS = 16
"""In so many parts are more numbers joined. Each number belongs to a part by its remainder."""


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
    rows = pl.LazyFrame({NUMBER: numbers}).with_row_index(ROW)
    places = pl.LazyFrame({NUMBER: among}).with_row_index(PLACE)
    parts = PARTS if max(len(numbers), len(among)) > JOINED_AT_ONCE else 1
    for part in range(parts):
        own = pl.col(NUMBER) % parts == part
        joined = rows.filter(own).join(places.filter(own), on=NUMBER)
        yield joined.select(pl.col(ROW, PLACE).cast(pl.UInt32)).collect()


def find_one_place(numbers: pl.Series, among: pl.Series) -> pl.Series | None:
    """Return the position of each number among others, UInt32; null for one that is not there.

    None when a number is there more than once.
    """
    places, count = pl.repeat(None, len(numbers), dtype=pl.UInt32, eager=True), 0
    for pairs in find_pairs(numbers, among):
        places.scatter(pairs[ROW], pairs[PLACE])
        count += pairs.height
    return places if places.count() == count else None


def find_all_places(numbers: pl.Series, among: pl.Series) -> pl.DataFrame:
    """Return each number's positions among others: `row` and `place` UInt32, sorted by both.

    A number that is not there has one line, in which `place` is null.
    """
    pairs = pl.concat([*find_pairs(numbers, among)])
    rows = pl.int_range(len(numbers), dtype=pl.UInt32, eager=True).alias(ROW)
    places = pl.repeat(None, len(numbers), dtype=pl.UInt32, eager=True).alias(PLACE)
    places.scatter(pairs[ROW], pairs[PLACE])
    if places.count() == pairs.height:
        return pl.DataFrame([rows, places])
    absent = pl.DataFrame([rows, places]).filter(pl.col(PLACE).is_null())
    return pl.concat([pairs, absent]).sort(ROW, PLACE)
