"""How a delimited file is written: what `report.yaml` declares, and what is found without a declaration."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from integration_center.sync.columns import HEADER_ROWS
from integration_center.sync.row_numbers import RowNumbers
from integration_center.wording.sentences import count

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""The delimiters that are looked for, and their names."""
SLICE_ROWS = 100_000
"""The rows of a slice of a table in memory."""
SHORT = "{} last cells{}, which are read as empty"
LONG = "{} extra empty cells at the end{}, which are left out"
HEADERS = "{} the header{}, as in files that were joined"
JOINED = (
    "{} a cell that holds line ends and as many delimiters as whole rows{}; if a quote in it was never closed, say"
    " `quote: none` in report.yaml"
)
ONE_COLUMN = (
    "the table has one column, and {0} is in each of its first lines, equally often; if it separates cells, say"
    " `delimiter: {0}` in report.yaml"
)
ERRORS = (
    "{} like an error page or a JSON error{}; if a server wrote that below the rows, the file is cut off, so export it"
    " again"
)
MOST_SKIPPED = 1_000
"""The most lines that can be skipped."""


@dataclass(frozen=True)
class Form:
    """How a file is written.

    Attributes:
        delimiter: the delimiter; None to look for one of `DELIMITERS`.
        encoding: a Python codec; None for UTF-8, or UTF-16 that can be recognised.
        quote: the character around cells; None when there is none.
        escape: the character before a quote inside a cell; None when such quotes are doubled.
        skip_lines: the number of lines at the beginning to skip, whatever they hold.
        header_row: which row after those is the header, counted from 1; rows above it are skipped.
        skip_after_header: the number of rows below the header to skip, such as units.
        footer: how many lines at the end to skip, or a regular expression that each of them matches.
        skip_blanks: whether blanks after a delimiter, and behind quotes, are no part of the cell, as in `"a" , "b"`.
        separator: what may separate the cells of a table that was read as one column; found, and never declared.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    skip_lines: int = 0
    header_row: int = 1
    skip_after_header: int = 0
    footer: int | str | None = None
    skip_blanks: bool = False
    separator: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How the cells of a text are separated; see `Form`."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    skip_blanks: bool = False

    @property
    def name(self) -> str:
        """The name of the delimiter."""
        return DELIMITERS.get(self.delimiter, repr(self.delimiter))


def name_row(row: int) -> str:
    """Name a row, counted from 0, as a spreadsheet does whose first row is the header."""
    return f"row {row + HEADER_ROWS:,}"


class Rows(NamedTuple):
    """Successive rows of a table.

    Attributes:
        frame: String columns; an empty cell is null.
        whole: columns with values that are all known to be whole numbers of the form `WHOLE_FORM`. Others may be, too.
    """

    frame: pl.DataFrame
    whole: frozenset[str] = frozenset()

    def rename(self, names: Mapping[str, str]) -> "Rows":
        """Keep some columns under other names, in the order of these.

        Args:
            names: the present name by the new one.
        """
        if [*names.values()] == self.frame.columns:  # hundreds of columns are renamed at once in a tenth of the time
            frame = self.frame.clone()
            frame.columns = [*names]
        else:
            frame = pl.DataFrame([self.frame[own].alias(name) for name, own in names.items()])
        return Rows(frame, frozenset(name for name, own in names.items() if own in self.whole))


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        frame: String columns, rows in the file's order; an empty cell is null.
        notes: what was found about the file without a declaration, one sentence each, without a full stop.
        form: how the file is written, declared or found; None for formats other than text.
        locate: names a row, counted from 0, for people: as a spreadsheet counts the rows of the file.
        fuller_sheet: the sheet of a workbook that seems to hold the report, where a cover was read.
        find_numbers: finds the numbers of all rows, after these were read.
    """

    frame: pl.DataFrame
    notes: Sequence[str] = field(default=())
    form: Form | None = None
    locate: Callable[[int], str] = name_row
    fuller_sheet: str | None = None
    find_numbers: Callable[[], RowNumbers] = RowNumbers


@dataclass
class OddRows:
    """How many rows have one oddity, and which is the first of them, counted from 0."""

    number: int = 0
    first: int = 0

    def add(self, rows: Iterable[int]) -> None:
        """Add rows, in the file's order."""
        for row in rows:
            self.first = self.first if self.number else row
            self.number += 1


@dataclass
class RowCount:
    """The unusual rows that were accepted.

    Attributes:
        short: rows that lack their last cells.
        long: rows with extra empty cells at the end.
        headers: rows that repeat the header.
        joined: rows with a cell that seems to hold whole rows.
        errors: rows that begin like an error page or a JSON error.
        rows: the number of rows that were looked at.
    """

    short: OddRows = field(default_factory=OddRows)
    long: OddRows = field(default_factory=OddRows)
    headers: OddRows = field(default_factory=OddRows)
    joined: OddRows = field(default_factory=OddRows)
    errors: OddRows = field(default_factory=OddRows)
    rows: int = 0

    def list_notes(self, locate: Callable[[int], str]) -> list[str]:
        """List the findings, one sentence each. `locate` names a row, counted from 0, for people."""
        notes = (
            (self.short, SHORT, "row lacks its", "rows lack their"),
            (self.long, LONG, "row has", "rows have"),
            (self.headers, HEADERS, "row repeats", "rows repeat"),
            (self.joined, JOINED, "row has", "rows have"),
            (self.errors, ERRORS, "row begins", "rows begin"),
        )
        return [
            note.format(count(odd.number, one, several), f" (first in {locate(odd.first)})")
            for odd, note, one, several in notes
            if odd.number and (odd is not self.errors or odd.number <= self.rows / 2)
        ]


@dataclass(frozen=True)
class OpenTable:
    """The rows of a file that are read as they are asked for.

    Attributes:
        columns: the names of the columns.
        slices: the rows, with these names, in the file's order.
        form: how the file is written, declared or found; None for formats other than text.
        locate, fuller_sheet, find_numbers: see `Table`.
    """

    columns: Sequence[str]
    slices: Iterator[Rows]
    form: Form | None = None
    _notes: Sequence[str] = ()
    _counts: RowCount = field(default_factory=RowCount)
    locate: Callable[[int], str] = name_row
    fuller_sheet: str | None = None
    find_numbers: Callable[[], RowNumbers] = RowNumbers

    @property
    def notes(self) -> list[str]:
        """What was found about the file without a declaration; complete when all rows were read."""
        return [*self._notes, *self._counts.list_notes(self.locate)]

    def read_all(self) -> Table:
        """Read all rows into memory."""
        frame = pl.concat(
            [pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String)), *(rows.frame for rows in self.slices)]
        )
        return Table(frame, self.notes, self.form, self.locate, self.fuller_sheet, self.find_numbers)


def open_frame(table: Table) -> OpenTable:
    """Offer a table in memory in slices."""
    slices = map(Rows, table.frame.iter_slices(SLICE_ROWS))
    return OpenTable(
        table.frame.columns,
        slices,
        table.form,
        table.notes,
        locate=table.locate,
        fuller_sheet=table.fuller_sheet,
        find_numbers=table.find_numbers,
    )
