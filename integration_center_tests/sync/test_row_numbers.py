"""Rows are counted for people as a spreadsheet counts those of the file."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.columns import FILE, FILE_ROW, LAST_SEEN
from integration_center.sync.row_numbers import (
    MOST_RUNS,
    NAMED_ROW,
    RowNumbers,
    Run,
    count_as_spreadsheet,
    number_of,
    say_rows,
)
from integration_center_tests.proofs import examples


def number_all(numbers: RowNumbers, height: int) -> list[int]:
    return numbers.number(pl.int_range(height, dtype=pl.UInt32, eager=True)).to_list()


def test_a_row_is_named_as_a_spreadsheet_shows_it() -> None:
    reasons = ["row 0 has the same key and is used", None, "row 12345 has the value of all rows with this key", "row 7"]
    lines = pl.DataFrame({"row": pl.Series([0, 1, 7, 8], dtype=pl.UInt32), "reason": reasons})
    counted = count_as_spreadsheet(lines)
    assert counted.schema == lines.schema
    assert counted["row"].to_list() == [2, 3, 9, 10]
    assert counted["reason"].to_list() == [
        "row 2 has the same key and is used",
        None,
        "row 12,347 has the value of all rows with this key",
        "row 7",
    ]
    assert say_rows("Row 3 of the org has the same key") == "Row 3 of the org has the same key"


@examples(200)
@given(gaps=st.lists(st.integers(0, 2), min_size=1, max_size=30), above=st.integers(1, 5))
def test_runs_hold_the_number_of_each_row(gaps: list[int], above: int) -> None:
    expected, places, number = [], [], above
    for row, gap in enumerate(gaps):
        number += gap
        if gap or row == 0:
            places.append((row, number))
        expected.append(number)
        number += 1
    numbers = RowNumbers.of_places(places)
    assert number_all(numbers, len(gaps)) == expected
    assert RowNumbers.read(numbers.write()) == numbers
    for row, number in enumerate(expected):
        noted = numbers.note_rows(pl.Series([f"row {row} has the same key and is used"]))[0]
        assert say_rows(noted) == f"row {number:,} has the same key and is used"
        found = NAMED_ROW.match(noted)
        assert found is not None
        assert int(found[1]) == row


def test_a_line_below_each_row_is_one_run_and_many_gaps_are_none() -> None:
    doubled = RowNumbers.of_places((row, 3 + 2 * row) for row in range(100_000))
    assert doubled.runs == (Run(0, 3, 2), Run(99_999, 200_001))
    odd = RowNumbers.of_places((row * 2, 2 + row * 3) for row in range(MOST_RUNS + 1))
    assert odd.is_usual


def test_days_and_files_are_counted_each_by_itself() -> None:
    first, second = RowNumbers().in_file("a.csv"), RowNumbers.of_places([(0, 4), (1, 6), (9, 20)]).in_file("b.csv")
    both = RowNumbers.join([(first, 2), (RowNumbers(), 0), (second, 3)])
    assert number_all(both, 5) == [2, 3, 4, 6, 7]
    rows = pl.Series([1, 2], dtype=pl.UInt32)
    assert both.name_files(rows).to_list() == ["a.csv", "b.csv"]
    noted = both.note_rows(pl.Series(["row 3 has the same key and is used", "other", None]))
    assert noted.to_list() == ["row 3@6 of b.csv has the same key and is used", "other", None]
    assert say_rows(noted[0]) == "row 6 of b.csv has the same key and is used"
    assert RowNumbers.join([(RowNumbers(), 5)]).is_usual
    assert not RowNumbers.join([(RowNumbers(), 5), (RowNumbers(), 1)]).is_usual


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ({"row": 3}, 5),
        ({"row": 3, FILE_ROW: 9}, 9),
        ({"row": 3, FILE_ROW: None}, None),
        ({"row": 3, LAST_SEEN: "2026-11-21"}, None),
        ({"row": 3, LAST_SEEN: None}, 5),
    ],
)
def test_a_line_has_the_number_of_its_file_or_none(line: dict[str, object], number: int | None) -> None:
    assert number_of(line) == number
    dtypes = {"row": pl.UInt32, FILE_ROW: pl.UInt32, LAST_SEEN: pl.String}
    lines = pl.DataFrame({"reason": [None], **{name: [value] for name, value in line.items()}}, schema_overrides=dtypes)
    counted = count_as_spreadsheet(lines.with_columns(pl.col("reason").cast(pl.String), pl.lit("a.csv").alias(FILE)))
    assert counted["row"].to_list() == [number]
    assert FILE_ROW not in counted.columns
