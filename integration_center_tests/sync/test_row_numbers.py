"""Rows are counted as a spreadsheet counts them, in their own column and where a reason names one."""

import polars as pl

from integration_center.sync.row_numbers import count_as_spreadsheet, say_rows


def test_the_header_is_row_1_also_where_a_reason_names_a_row() -> None:
    reasons = ["row 0 has the same key and is used", "row 1149 has the value of all rows with this key", None, "row 7"]
    lines = pl.DataFrame({"row": pl.Series(range(4), dtype=pl.UInt32), "reason": reasons})
    counted = count_as_spreadsheet(lines)
    assert counted["row"].to_list() == [2, 3, 4, 5]
    assert counted["reason"].to_list() == [
        "row 2 has the same key and is used",
        "row 1,151 has the value of all rows with this key",
        None,
        "row 7",
    ]
    assert counted.schema == lines.schema


def test_a_reason_that_begins_otherwise_stays() -> None:
    assert say_rows("Row 3 of the org has the same key") == "Row 3 of the org has the same key"
