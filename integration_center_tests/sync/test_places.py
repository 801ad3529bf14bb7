"""Texts are found among others by numbers, and values of rows are read from where they are."""

from itertools import pairwise

import polars as pl
import pytest

from integration_center.store.frames import SLICE_ROWS, cut_lines
from integration_center.sync.given import Given
from integration_center.sync.values.distinct import find_places


def test_texts_are_found_among_others() -> None:
    places = find_places(pl.Series(["b", "x", "a", "b"]), pl.Series(["a", "b", "c"]))
    assert places.to_list() == [1, None, 0, 1]
    assert places.dtype == pl.UInt32


@pytest.mark.parametrize("hashed", [True, False], ids=["by numbers", "where all have one number"])
def test_null_among_the_others_is_passed_over(monkeypatch: pytest.MonkeyPatch, *, hashed: bool) -> None:
    if not hashed:
        monkeypatch.setattr(pl.Series, "hash", lambda self: pl.repeat(7, len(self), dtype=pl.UInt64, eager=True))
    assert find_places(pl.Series(["b", "x"]), pl.Series([None, "a", None, "b"])).to_list() == [3, None]
    assert find_places(pl.Series(["b"]), pl.Series([None], dtype=pl.String)).to_list() == [None]


def test_nothing_is_found_among_nothing() -> None:
    none = pl.Series([], dtype=pl.String)
    assert find_places(pl.Series(["a"]), none).to_list() == [None]
    assert find_places(none, pl.Series(["a"])).to_list() == []


def test_texts_with_one_number_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.repeat(7, len(self), dtype=pl.UInt64, eager=True))
    assert find_places(pl.Series(["x"]), pl.Series(["a"])).to_list() == [None]
    assert find_places(pl.Series(["b", "x"]), pl.Series(["a", "b"])).to_list() == [1, None]


def test_values_come_in_the_order_of_the_numbers() -> None:
    rows = pl.LazyFrame({"*": [10, 11, 12, 13]})
    given = Given(rows, {"source.A": "*", "source.B": "*"})
    assert given.take(pl.Series([3, None, 1], dtype=pl.UInt32)).rows() == [(13, 13), (None, None), (11, 11)]
    assert given.take(pl.Series([None, None], dtype=pl.UInt32)).rows() == [(None, None)] * 2
    kept = given.keep(pl.Series([1, 3], dtype=pl.UInt32))
    assert kept.take(pl.Series([0, 1], dtype=pl.UInt32))["source.A"].to_list() == [11, 13]


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_slices_of_lines_have_whole_rows(copies: int) -> None:
    rows = pl.int_range(SLICE_ROWS + 5, dtype=pl.UInt32, eager=True)
    lines = pl.DataFrame({"row": pl.concat([rows] * copies).sort()})
    parts = list(cut_lines(lines))
    assert pl.concat(parts).equals(lines)
    assert all(first["row"][-1] < second["row"][0] for first, second in pairwise(parts))
    assert [part.height for part in cut_lines(lines.clear())] == [0]


def test_a_few_rows_with_several_records_cut_no_slice_in_two() -> None:
    rows = pl.int_range(2 * SLICE_ROWS, dtype=pl.UInt32, eager=True)
    lines = pl.DataFrame({"row": pl.concat([rows, rows.gather_every(100)]).sort()})
    assert [part.height for part in cut_lines(lines)] == [SLICE_ROWS * 101 // 100] * 2
