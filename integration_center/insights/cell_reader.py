"""Read the cells of a report as they are declared, one slice of the rows after another, and find what is in doubt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import polars as pl

from integration_center.insights.cells import (
    APOSTROPHE,
    GUARD,
    PLACEHOLDERS,
    ReportCells,
    drop_empty,
    read_column,
    unguard,
)

THREE_DECIMALS = r"^[+-]?\d+\.\d{3}$"
GROUPED = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"
"""Whole numbers with German thousands separators, or numbers with three decimals."""
LOOKED_AT = 100
"""Among so many cells, a number with three decimals makes a column suspect of having thousands separators."""


@dataclass
class Doubts:
    """What is in doubt about a column, in a form that nobody declared.

    Attributes:
        placeholders: the texts that often mean no value; held: the number of their cells.
        has_apostrophes: whether a cell has an apostrophe before a digit or sign.
        misfits: a sentence about the cells that do not have the declared form.
    """

    placeholders: set[str] = field(default_factory=set)
    held: int = 0
    has_apostrophes: bool = False
    misfits: Sequence[str] = ()
    _rows: int = 0
    _three_decimals: bool = False
    _all_grouped: bool = True

    def note_placeholders(self, text: pl.Series) -> None:
        """Note the texts in a slice that often mean no value."""
        held = text.filter(text.is_in(PLACEHOLDERS))
        self.held += len(held)
        self.placeholders.update(held)

    def note_groups(self, text: pl.Series) -> None:
        """Note whether the numbers of a slice may have thousands separators."""
        if self._rows < LOOKED_AT:
            first = text.head(LOOKED_AT - self._rows)
            self._three_decimals |= bool(first.str.contains(THREE_DECIMALS).any())
        self._rows += len(text)
        if self._all_grouped and (self._three_decimals or self._rows < LOOKED_AT):
            self._all_grouped = bool(text.str.contains(rf"{GROUPED}|^[+-]?\d{{1,3}}$").all())

    def list(self, column: str) -> list[str]:
        """List the doubts: one sentence each, with the line of `report.yaml` that settles the question."""
        doubts = []
        if self.held:
            shown = ", ".join(f"{value!r}" for value in sorted(self.placeholders))
            doubts.append(
                f"column {column!r} holds {shown} in {self.held:,} cells; if that means no value, say `empty:"
                f" [{shown}]` in report.yaml"
            )
        if self.has_apostrophes:
            doubts.append(
                f"column {column!r} has cells that begin with an apostrophe before a digit or sign; `strip: true` in"
                " report.yaml removes it"
            )
        if self._three_decimals and self._all_grouped:
            doubts.append(
                f"column {column!r} holds numbers such as 1.234, which are read as decimals; if they are thousands,"
                " say `thousands: '.'` in report.yaml, else `decimal: '.'`"
            )
        return [*doubts, *self.misfits]


class CellReader:
    """Reads the cells of a report as they are declared.

    Args:
        cells: the declared rules. Where they need all rows, all rows have to be read in one slice.
    """

    def __init__(self, cells: ReportCells) -> None:
        self._cells = cells
        self._doubts: dict[str, Doubts] = {}

    def read(self, frame: pl.DataFrame, plain: Collection[str] = ()) -> pl.DataFrame:
        """Read the next rows: the same with dates as ISO 8601 and plain numbers.

        Args:
            frame: String columns; an empty cell is null.
            plain: columns that are known to hold only plain numbers and dates, in which nothing is in doubt.
        """
        guarded = find_columns(leave_out(frame, plain), pl.all().str.starts_with(GUARD).any())
        columns = []
        for name in frame.columns:
            rules, text = self._cells.find(name), frame[name]
            if name in guarded or rules.strip:
                text = unguard(text, strip=bool(rules.strip))
            columns.append(drop_empty(text, rules.empty))
        bare = pl.DataFrame(columns)
        self._find_doubts(bare, plain)
        return pl.DataFrame([self._read_column(text) for text in bare]) if self._cells.need_all_rows else bare

    @property
    def notes(self) -> list[str]:
        """One sentence for each doubt, and for each column that does not have its declared form."""
        return [note for name, doubts in self._doubts.items() for note in doubts.list(name)]

    def _find_doubts(self, frame: pl.DataFrame, plain: Collection[str]) -> None:
        doubts = {name: self._doubts.setdefault(name, Doubts()) for name in frame.columns}
        others = leave_out(frame, plain)
        for name in find_columns(others, pl.all().is_in(PLACEHOLDERS).any()):
            doubts[name].note_placeholders(frame[name])
        for name in find_columns(others, pl.all().str.starts_with("'").any()):
            if not self._cells.find(name).strip and not doubts[name].has_apostrophes:
                doubts[name].has_apostrophes = bool(frame[name].str.contains(APOSTROPHE).any())
        for name in frame.columns:
            rules = self._cells.find(name)
            if rules.decimal is None and rules.thousands is None:
                doubts[name].note_groups(frame[name])

    def _read_column(self, text: pl.Series) -> pl.Series:
        rules, own = self._cells.find(text.name), self._cells.columns.get(text.name)
        read, self._doubts[text.name].misfits = read_column(text, rules, own)
        return read


def read_cells(frame: pl.DataFrame, cells: ReportCells) -> tuple[pl.DataFrame, list[str]]:
    """Read all cells of a report at once; see `CellReader`. Return them, and what is in doubt."""
    reader = CellReader(cells)
    return reader.read(frame), reader.notes


def leave_out(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Leave out some columns."""
    return frame[[name for name in frame.columns if name not in names]]


def find_columns(frame: pl.DataFrame, test: pl.Expr) -> set[str]:
    """Find the columns of which a test of all columns is true, by one query."""
    if not frame.width:
        return set()
    passed = frame.select(test).row(0)
    return {name for name, passes in zip(frame.columns, passed, strict=True) if passes}
