"""Find a second table below an empty line, whose rows would be read as rows of the first one."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.cells import PLACEHOLDERS
from integration_center.insights.delimited.form import MOST_SKIPPED
from integration_center.insights.delimited.header import NAME
from integration_center.insights.likely_types import find_types, infer_type

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


@dataclass
class TableWatch:
    """Looks for a second table in successive slices of rows.

    Attributes:
        rows: the number of rows that were looked at.
    """

    rows: int = 0
    _above: pl.DataFrame = field(default_factory=pl.DataFrame)
    """The last rows that were looked at."""

    def look_at(self, frame: pl.DataFrame, begins: Sequence[int]) -> int | None:
        """Look at the next rows; return the row, counted from 0, that begins a second table.

        Args:
            frame: the next rows.
            begins: the rows of the file so far above which it has other lines, the first of them first.
        """
        # The last row of the slice before had no row below it yet.
        here = begins[bisect_left(begins, max(self.rows - 1, 1)) :]
        first, found = self.rows - self._above.height, None
        if here:
            known = pl.concat([self._above, frame]) if self._above.width else frame
            found = find_second_table(known, [row - first for row in here])
        self.rows += frame.height
        self._above = frame.tail(LOOKED_AT_ABOVE)
        return None if found is None else first + found


def refuse_second_table(source: str, place: str, lines: int) -> UnreadableReport:
    """Build the error for a second table; `lines` is the number of its lines, and `place` names the first one."""
    footer = (
        f", or say in report.yaml how many lines follow it, such as `footer: {lines}`" if lines <= MOST_SKIPPED else ""
    )
    return UnreadableReport(f"{source}: {place} {SECOND_TABLE}{footer}", {"footer": lines} if footer else {})
