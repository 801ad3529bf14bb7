"""Read the cells of a report as they are declared, one slice of the rows after another, and find what is in doubt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import polars as pl

from integration_center.insights.declared.cells import (
    APOSTROPHE,
    GUARD,
    PLACEHOLDERS,
    ReportCells,
    drop_empty,
    read_column,
    unguard,
)

GROUPED = r"^[+-]?[1-9]\d{0,2}\.\d{3}%?$"
"""A whole number with a German thousands separator, or a number with three decimals."""
DECIMAL = r"^[+-]?\d*\.\d+%?$"
NUMBER = r"^[+-]?\d[\d.,]*%?$"
WITH_COMMA = r"^[+-]?\d[\d.,]*,\d+%?$|^[+-]?\d+(,\d{3})+\.\d+$"
SHORTENED = r"^[+-]?\d(\.\d+)?E\+\d{2,3}$"
"""A long number as spreadsheets write it into CSV."""
LOOKED_AT = 100
"""A column without any number among so many values is not one of numbers."""


@dataclass
class Doubts:
    """What is in doubt about a column, in a form that nobody declared.

    Attributes:
        placeholders: the texts that often mean no value; held: the number of their cells.
        has_apostrophes: whether a cell has an apostrophe before a digit or sign.
        shortened: the number of cells such as `1.23457E+17`.
        commas: the number of numbers with a comma, which are not read without a declaration.
        misfits: a sentence about the cells that do not have the declared form.
    """

    placeholders: set[str] = field(default_factory=set)
    held: int = 0
    has_apostrophes: bool = False
    shortened: int = 0
    commas: int = 0
    misfits: Sequence[str] = ()
    _looked_at: int = 0
    _has_numbers: bool = False
    _has_groups: bool = False
    _has_decimals: bool = False

    def note_placeholders(self, text: pl.Series) -> None:
        """Note the texts in a slice that often mean no value."""
        held = text.filter(text.is_in(PLACEHOLDERS))
        self.held += len(held)
        self.placeholders.update(held)

    def note_signs(self, text: pl.Series, *, plain: bool) -> None:
        """Note whether the numbers of a slice may have thousands separators, or decimal commas.

        Args:
            text: the cells.
            plain: whether all of them are known to be whole numbers without separators, or dates.
        """
        if self._looked_at < LOOKED_AT and not self._has_numbers:
            first = text.drop_nulls().head(LOOKED_AT - self._looked_at)
            self._looked_at += len(first)
            self._has_numbers = bool(first.str.contains(NUMBER).any())
        if plain or not self._has_numbers:
            return
        self.commas += int(text.str.contains(WITH_COMMA).sum())
        if self._has_decimals:
            return
        grouped = text.str.contains(GROUPED)
        self._has_groups |= bool(grouped.any())
        self._has_decimals = bool((text.str.contains(DECIMAL) & ~grouped).any())

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
        if self.commas:
            doubts.append(
                f"column {column!r} holds {self.commas:,} numbers with a comma; say `decimal: ','` or `thousands: ','`"
                " in report.yaml"
            )
        if self.shortened:
            doubts.append(
                f"column {column!r} holds {self.shortened:,} numbers such as 1.23457E+17, as spreadsheets shorten long"
                " ones; their last digits are lost, so export the column as text"
            )
        if self._has_groups and not self._has_decimals:
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
        for name in find_columns(others, pl.all().str.contains("E+", literal=True).any()):
            doubts[name].shortened += int(frame[name].str.contains(SHORTENED).sum())
        for name in frame.columns:
            rules = self._cells.find(name)
            if rules.decimal is None and rules.thousands is None:
                doubts[name].note_signs(frame[name], plain=name in plain)

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
