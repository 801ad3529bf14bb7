"""The number of a report row as a spreadsheet counts it: the header is row 1. Stored ledgers count from 0."""

import re

import polars as pl

from integration_center.sync.columns import HEADER_ROWS

NAMED_ROW = re.compile(r"^row (\d+)(?= has the (?:same key|value of all rows))")
"""How a reason names another row of the report."""


def say_rows(reason: str) -> str:
    """Return a reason that names another row with the number that a spreadsheet shows."""
    return NAMED_ROW.sub(lambda found: f"row {int(found[1]) + HEADER_ROWS:,}", reason)


def count_as_spreadsheet(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines of a ledger with the numbers that a spreadsheet shows, in `row` and in `reason`."""
    naming = lines["reason"].drop_nulls().unique()
    said = {reason: say_rows(reason) for reason in naming.filter(naming.str.starts_with("row "))}
    return lines.with_columns(pl.col("row") + HEADER_ROWS, pl.col("reason").replace(said))
