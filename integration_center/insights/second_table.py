"""Find a second table below an empty line, whose rows would be read as rows of the first one."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited.form import MOST_SKIPPED, OpenTable, Rows
from integration_center.insights.delimited.header import NAME
from integration_center.insights.likely_types import find_types, infer_type
from integration_center.insights.placeholders import PLACEHOLDERS

MOST_TABLES = 20
"""The most places of a file that are looked at for another table."""
LOOKED_AT_ABOVE = 1_000
"""The number of rows above such a place that show the types of its columns."""
SECOND_TABLE = (
    "is below an empty line, and seems to be the header of a second table, whose rows would be read as rows of the"
    " first one; export the first one alone"
)


def find_second_table(frame: pl.DataFrame, begins: Iterable[int]) -> int | None:
    """Find the row, counted from 0, that seems to be the header of a second table; None without one.

    Such a row holds names alone, also in columns whose values above it are numbers or dates. Texts that often mean no
    value are no names.

    Args:
        frame: the report as its file has it.
        begins: the rows above which the file has other lines, such as empty ones.
    """
    for row in islice(begins, MOST_TABLES):
        cells = dict(zip(frame.columns, frame.row(row), strict=True))
        filled = {name: cell for name, cell in cells.items() if cell}
        names = {cell.strip() for cell in filled.values()}
        if row + 1 == frame.height or len(names) < max(len(filled), 2) or not names.isdisjoint(PLACEHOLDERS):
            continue
        if not all(map(NAME.fullmatch, names)):
            continue
        types = find_types(frame[max(row - LOOKED_AT_ABOVE, 0) : row])
        if any(types[name] and infer_type(pl.Series([cell])) is None for name, cell in filled.items()):
            return row
    return None


def watch_tables(table: OpenTable, source: str) -> OpenTable:
    """Watch the rows of a file for a second table.

    Args:
        table: the rows.
        source: the name of the file in errors.

    Returns:
        The same rows. Where a second table begins, reading them raises UnreadableReport.
    """
    return replace(table, slices=_watch(table, source))


def _watch(table: OpenTable, source: str) -> Iterator[Rows]:
    above, first, height, looked_at = pl.DataFrame(), 0, 0, 0
    for part in table.slices:
        before, height = height, height + part.frame.height
        if looked_at < MOST_TABLES:
            # The last row of the slice before had no row below it yet.
            runs = table.find_numbers().runs
            begins = [run.first for run in runs if max(before - 1, 1) <= run.first < height]
            if begins:
                known = pl.concat([above, part.frame]) if above.width else part.frame
                if (found := find_second_table(known, [row - first for row in begins])) is not None:
                    lines = known.height - found + sum(rows.frame.height for rows in table.slices)
                    raise refuse_second_table(source, table.locate(first + found), lines)
            looked_at += len(begins)
            above = part.frame.tail(LOOKED_AT_ABOVE)
            first = height - above.height
        yield part


def refuse_second_table(source: str, place: str, lines: int) -> UnreadableReport:
    """Build the error for a second table; `lines` is the number of its lines, and `place` names the first one."""
    footer = (
        f", or say in report.yaml how many lines follow it, such as `footer: {lines}`" if lines <= MOST_SKIPPED else ""
    )
    return UnreadableReport(f"{source}: {place} {SECOND_TABLE}{footer}", {"footer": lines} if footer else {})
