"""Find equal values, and run expensive steps once per distinct value.

A report has a million rows, and a picklist a dozen values.
"""

from collections.abc import Callable

import polars as pl

from integration_center.sync.values.pairs import find_one_place

COMPARED_AT_A_TIME = 50_000


def map_distinct(text: pl.Expr, steps: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Return the same as `steps(text)`, computed once per distinct value. The steps must treat each value by itself.

    Args:
        text: a String expression.
        steps: turns a String expression into another String expression, and keeps null as null.
    """
    # Built here, not in a thread of Polars: once for all batches, and an error shows who asked for the steps.
    mapping = steps(pl.col("value")).alias("mapped")

    def map_series(series: pl.Series) -> pl.Series:
        values = series.alias("value").to_frame()
        mapped = values.unique().select("value", mapping)
        joined = values.join(mapped, on="value", how="left", maintain_order="left")
        return joined.get_column("mapped").alias(series.name)

    return text.map_batches(map_series, return_dtype=pl.String, is_elementwise=True)


def find_places(texts: pl.Series, among: pl.Series) -> pl.Series:
    """Return the position of each text among other texts, UInt32; null for a text that is not there.

    Args:
        texts: the texts to find. None is null.
        among: the other texts, and null, which no text equals. No text is there twice.
    """
    return find_places_of(lambda: texts, among)


def find_places_of(read_texts: Callable[[], pl.Series], among: pl.Series) -> pl.Series:
    """Return what `find_places` returns for texts on disk. They are read twice, and not in memory meanwhile."""
    among = among.rechunk()  # to look up texts in pieces takes twenty times as long
    # Numbers take a fifth of the memory.
    places = find_one_place(read_texts().hash(), pl.select(pl.when(among.is_not_null()).then(among.hash())).to_series())
    texts = read_texts()
    if places is not None and _are_equal(texts, among, places):
        return places
    return _join_places(texts, among)  # two different texts have the same number


def _join_places(values: pl.Series, among: pl.Series) -> pl.Series:
    others = pl.LazyFrame({"value": among}).with_row_index("place")
    joined = pl.LazyFrame({"value": values}).join(others, on="value", how="left", maintain_order="left")
    return joined.select(pl.col("place").cast(pl.UInt32)).collect().to_series()


def _are_equal(texts: pl.Series, among: pl.Series, places: pl.Series) -> bool:
    """Return whether each text equals the other one at its place, if it has one."""
    for start in range(0, len(texts), COMPARED_AT_A_TIME):
        own, there = texts[start : start + COMPARED_AT_A_TIME], places[start : start + COMPARED_AT_A_TIME]
        if (own != among.gather(there)).any():  # which leaves out texts without a place
            return False
    return True


def find_repeated(numbers: pl.Series) -> pl.Series:
    """Return the numbers that occur more than once, without repeats. Nulls do not count."""
    ordered = numbers.drop_nulls().sort(multithreaded=False)  # with threads it takes twice the processor time
    return ordered.filter((ordered == ordered.shift()).fill_null(False)).unique()


def repeats(values: pl.Series) -> bool:
    """Return whether a value occurs twice. Nulls do not count."""
    given = values.drop_nulls()
    if find_repeated(given.hash()).is_empty():  # comparing numbers takes a fifth of the time
        return False
    return given.is_duplicated().any()
