"""Columns of whole numbers are found while a file is proven, whatever the size of its chunks."""

import re
from collections.abc import Sequence
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.insights.delimited import verified
from integration_center.insights.delimited.form import Dialect, RowCount
from integration_center.insights.delimited.row_places import RowPlaces
from integration_center.insights.delimited.strict import StrictReader
from integration_center.insights.delimited.verified import Verified, read_verified
from integration_center.insights.delimited.whole_numbers import WHOLE_FORM
from integration_center_tests.proofs import examples

COMMAS = Dialect(",")
WIDTH = 3
whole = st.sampled_from(["0", "7", "-12", "123456", "999999999999999", "-999999999999999"])
like = st.sampled_from(
    ["-0", "+5", "007", " 5", "5 ", "1e3", "1.0", "1000000000000000", "-", "٣", "9" * 19, "x", 'a"', "1\n2"]
)


def draw_table(kinds: Sequence[st.SearchStrategy[str]]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    return st.lists(st.tuples(*kinds), min_size=1, max_size=8)


kinds = st.sampled_from([whole, whole | st.just(""), whole | like | st.just("")])
tables = st.tuples(kinds, kinds, kinds).flatmap(draw_table)


def write(table: Sequence[Sequence[str]], *, everywhere: bool) -> bytes:
    """Write rows with all cells quoted, or those that need it."""
    lines = []
    for row in table:
        cells = ['"' + cell.replace('"', '""') + '"' if everywhere or set(cell) & set(',"\n') else cell for cell in row]
        lines.append(",".join(cells) + "\n")
    return "".join(lines).encode()


def read(content: bytes, chunk: int) -> list[Verified]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verified, "CHUNK_BYTES", chunk)
        return list(read_verified(content, WIDTH, COMMAS))


def find_whole(frame: pl.DataFrame) -> set[str]:
    """Find the columns with values that are all whole numbers, cell by cell."""
    return {
        column.name
        for column in frame
        if (values := column.drop_nulls().to_list()) and all(re.fullmatch(WHOLE_FORM, value) for value in values)
    }


@examples(300)
@given(tables, st.booleans(), st.integers(1, 90))
@example([("1", "x", "007"), ("2", "y", "8")] * 5, True, 40)
@example([("1", "", "")] * 5 + [("2", "3", "")], True, 40)
@example([("1", "2", "3")] * 5 + [("1", "2", "-0")] + [("1", "2", "3")] * 5, True, 40)
def test_what_is_called_whole_numbers_is(table: list[tuple[str, ...]], everywhere: bool, chunk: int) -> None:
    content = write(table, everywhere=everywhere)
    found = read(content, chunk)
    for rows, _, _ in found:
        assert rows.whole <= find_whole(rows.frame)
    end = found[-1].end if found else 0
    assert all(before.end < after.end for before, after in pairwise(found))
    reader = StrictReader(content[:end], COMMAS, "x.csv")
    strict = list(reader.read(reader.read_rows(), ("a", "b", "c"), RowCount(), RowPlaces(1))) if end else []
    frames = [rows.frame for rows, _, _ in found]
    assert pl.concat(frames).equals(pl.concat(strict), null_equal=True) if end else not frames


@examples(100)
@given(draw_table([whole, whole | st.just(""), whole]), st.booleans(), st.integers(1, 90))
def test_all_columns_of_whole_numbers_are_found(table: list[tuple[str, ...]], everywhere: bool, chunk: int) -> None:
    found = read(write(table, everywhere=everywhere), chunk)
    assert sum(rows.frame.height for rows, _, _ in found) == len(table)
    for rows, _, _ in found:
        assert rows.whole == find_whole(rows.frame)


@pytest.mark.parametrize("odd", ["x", "1.5", "1000000000000000", "007", "-0", "+5"])
def test_a_column_that_ceases_to_be_whole_numbers_leaves_the_others(odd: str) -> None:
    table = [("1", "20", "300")] * 8 + [("1", odd, "300")] + [("1", "20", "300")] * 8
    found = [rows.whole for rows, _, _ in read(write(table, everywhere=True), 60)]
    assert found[0] == {"0", "1", "2"}
    assert found[-1] == {"0", "2"}
