"""Find the place of a row in its file, as a spreadsheet counts: with the header, lines above it, and empty lines."""

import csv
import io
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from integration_center.files.file_bytes import open_data
from integration_center.insights.delimited.looking import read_options
from integration_center.insights.delimited.strict import NOTHING, StrictReader
from integration_center.sync.row_numbers import RowNumbers

AFTER_EMPTY = (b"\n\n", b"\n\r\n", b"\n ", b"\n\t", b"\n\0", b"\n\x1a", b"\r\r")
"""What a text holds that has lines without a row. Without any of these, rows are not counted one by one."""

MOST_ROWS = 2**62


@dataclass
class RowPlaces:
    """The places of the rows below a header. Nothing is read before a place is asked for.

    Attributes:
        reader: the reader of the rows.
        above: the number of rows of its text that are the header, above it, or skipped below it.
        begin: where the rows below these begin, in bytes.
        are_proven: whether all lines from there on were proven to be rows.
    """

    reader: StrictReader
    above: int
    begin: int = 0
    are_proven: bool = False
    _read: Iterator[bool] | None = None
    _rows: int = 0
    """The rows that were found so far."""
    _lines: int = 0
    """The same with lines that are no rows."""
    _places: list[tuple[int, int]] = field(default_factory=list)
    """The rows below lines that are no rows, and how many these are by then."""

    def name(self, row: int) -> str:
        """Name a row, counted from 0 without the header."""
        return f"row {self.reader.first_line + self.above + row + self._count_others(row):,}"

    def find_numbers(self) -> RowNumbers:
        """Find the numbers of all rows."""
        first = self.reader.first_line + self.above
        if self.are_proven:
            return RowNumbers.of_places([(0, first + (self._count_others(0) if self._has_others(self.begin) else 0))])
        self._count_others(MOST_ROWS)
        rows = {0: first} | {
            max(row - self.above, 0): first + max(row - self.above, 0) + others for row, others in self._places
        }
        return RowNumbers.of_places(rows.items())

    def _has_others(self, end: int) -> bool:
        """Return whether lines up to a place in the text may be no rows."""
        text = self.reader.text if end == len(self.reader.text) else bytes(self.reader.text[:end])
        return any(text.find(sign) >= 0 for sign in AFTER_EMPTY) or text[:1] in (b"\n", b"\r")

    def _count_others(self, row: int) -> int:
        """Count the lines above a row that are no rows."""
        if self._read is None:
            self._read = self._look_at_lines()
        while self._rows <= self.above + row and next(self._read, False):
            pass
        found = bisect_right(self._places, (self.above + row, self._lines)) - 1
        return self._places[found][1] if found >= 0 else 0

    def _look_at_lines(self) -> Iterator[bool]:
        """Read the lines, one after another, and note those that are no rows."""
        text = self.reader.text
        if not self._has_others(len(text)):
            return
        lines = io.TextIOWrapper(open_data(text), encoding="utf-8", newline="")
        width = 0
        for cells in csv.reader(lines, **read_options(self.reader.dialect)):
            width = max(width, len(cells) if self._rows < self.above else 0)
            if cells and not (
                self._rows >= self.above and width > 1 and len(cells) == 1 and NOTHING.fullmatch(cells[0])
            ):
                self._rows += 1
            else:
                self._lines += 1
                self._places.append((self._rows, self._lines))
            yield True
