"""The places of rows in their file, as a spreadsheet counts: with the header, lines above it, and empty lines."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from integration_center.sync.row_numbers import RowNumbers

Read = tuple[Sequence[str], int]
"""The cells of a row, and the line on which it ends."""


@dataclass
class RowPlaces:
    """The places of the rows below a header, noted while these are read.

    Attributes:
        first: the number that the first row has if no line is passed over.
        line: the line on which the row above the next one ends.
    """

    first: int
    line: int = 0
    _rows: list[int] = field(default_factory=list)
    """The rows above which lines were passed over."""
    _passed_over: list[int] = field(default_factory=list)
    """How many lines were passed over by then."""

    def note(self, rows: Sequence[Read], begin: int) -> None:
        """Note where lines above the next rows are no rows. `begin` is the first of these, counted from 0."""
        if rows and rows[-1][1] - self.line == len(rows):
            self.line = rows[-1][1]
            return
        for row, (cells, end) in enumerate(rows, begin):
            if end - self.line > 1 and (others := end - self.line - count_lines(cells)):
                self._passed_over.append(others + (self._passed_over[-1] if self._rows else 0))
                self._rows.append(row)
            self.line = end

    def name(self, row: int) -> str:
        """Name a row, counted from 0 without the header."""
        found = bisect_right(self._rows, row) - 1
        return f"row {self.first + row + (self._passed_over[found] if found >= 0 else 0):,}"

    def find_numbers(self) -> RowNumbers:
        """Find the numbers of all rows."""
        others = {0: 0} | dict(zip(self._rows, self._passed_over, strict=True))
        return RowNumbers.of_places((row, self.first + row + count) for row, count in others.items())


def find_places(head: Sequence[Read], first_line: int) -> RowPlaces:
    """Find the place of the first row below `head`: the rows down to the header, and those skipped below it.

    Args:
        head: the rows.
        first_line: the line on which they begin.
    """
    others = head[-1][1] - first_line + 1 - sum(count_lines(cells) for cells, _ in head)
    return RowPlaces(first_line + len(head) + others)


def count_lines(cells: Sequence[str]) -> int:
    """Count the lines of a row, some of whose cells may hold line ends."""
    return 1 + sum(cell.count("\n") + cell.count("\r") - cell.count("\r\n") for cell in cells)
