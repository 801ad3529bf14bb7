"""Read the cells of a report as they are declared, one slice of the rows after another, and find what is in doubt."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from integration_center.insights.declared.cells import (
    APOSTROPHE,
    GUARD,
    PLACEHOLDERS,
    ReportCells,
    drop_empty,
    unguard,
)
from integration_center.insights.declared.column_reader import AS_IS, ColumnReader, Found, Locate
from integration_center.insights.delimited.form import name_row

GROUPED = r"^[+-]?[1-9]\d{0,2}\.\d{3}%?$"
"""A whole number with a German thousands separator, or a number with three decimals."""
DECIMAL = r"^[+-]?\d*\.\d+%?$"
NUMBER = r"^[+-]?\d[\d.,]*%?$"
WITH_COMMA = r"^[+-]?\d[\d.,]*,\d+%?$|^[+-]?\d+(,\d{3})+\.\d+$"
SHORTENED = r"^[+-]?\d(\.\d+)?E\+\d{2,3}$"
"""A long number as spreadsheets write it into CSV."""
MISREAD = "[\u00c2\u00c3][\u0080-\u00bf\u0152-\u2122]|\u00e2\u20ac"
"""Letters such as ü in UTF-8, read as another encoding: `Ã¼`."""
DAMAGED = "\0|\ufffd"
"""The character 0, as in a block of a file that was never written, and the sign in place of a letter that is lost."""
SUSPECT = f"\u00c2|\u00c3|\u00e2\u20ac|{DAMAGED}"
"""What cells of these two kinds hold: a few texts, which are found much faster than ranges of characters."""
CELLS = "cells"
"""The name of each column while it is read: Polars takes a name such as `^b.*$` for a pattern of names."""
LOOKED_AT = 100
"""A column without any number among so many values is not one of numbers."""


@dataclass
class Doubts:
    """What is in doubt about a column, in a form that nobody declared.

    Attributes:
        placeholders: the texts that often mean no value.
        held: the cells of these texts.
        apostrophes: the cells with an apostrophe before a digit or sign.
        shortened: the cells such as `1.23457E+17`.
        commas: the numbers with a comma, which are not read without a declaration.
        groups: the numbers such as `1.234`, which may have thousands separators.
        misread: the cells with letters such as `Ã¼`.
        damaged: the cells with the character 0 or lost letters.
    """

    placeholders: set[str] = field(default_factory=set)
    held: Found = field(default_factory=Found)
    apostrophes: Found = field(default_factory=Found)
    shortened: Found = field(default_factory=Found)
    commas: Found = field(default_factory=Found)
    groups: Found = field(default_factory=Found)
    misread: Found = field(default_factory=Found)
    damaged: Found = field(default_factory=Found)
    _looked_at: int = 0
    _has_numbers: bool = False
    _has_decimals: bool = False

    def note_placeholders(self, text: pl.Series, begin: int) -> None:
        """Note the texts in a slice that often mean no value."""
        held = text.is_in(PLACEHOLDERS)
        self.held.note(held, begin)
        self.placeholders.update(text.filter(held))

    def note_signs(self, text: pl.Series, begin: int, *, plain: bool) -> None:
        """Note whether the numbers of a slice may have thousands separators, or decimal commas.

        Args:
            text: the cells.
            begin: the row of the first one.
            plain: whether all of them are known to be whole numbers without separators, or dates.
        """
        if self._looked_at < LOOKED_AT and not self._has_numbers:
            first = text.drop_nulls().head(LOOKED_AT - self._looked_at)
            self._looked_at += len(first)
            self._has_numbers = bool(first.str.contains(NUMBER).any())
        if plain or not self._has_numbers:
            return
        self.commas.note(text.str.contains(WITH_COMMA), begin)
        if self._has_decimals:
            return
        grouped = text.str.contains(GROUPED)
        self.groups.note(grouped, begin)
        self._has_decimals = bool((text.str.contains(DECIMAL) & ~grouped).any())

    def list(self, column: str, locate: Locate) -> list[str]:
        """List the doubts: one sentence each, with the line of `report.yaml` that settles the question."""
        doubts = []
        if self.held.count:
            shown = ", ".join(f"{value!r}" for value in sorted(self.placeholders))
            doubts.append(
                f"column {column!r} holds {shown} in {self.held.count:,} cells {self.held.show(locate)}; if that means"
                f" no value, say `empty: [{shown}]` in report.yaml"
            )
        if self.apostrophes.count:
            doubts.append(
                f"column {column!r} has cells that begin with an apostrophe before a digit or sign"
                f" {self.apostrophes.show(locate)}; `strip: true` in report.yaml removes it"
            )
        if self.commas.count:
            doubts.append(
                f"column {column!r} holds {self.commas.count:,} numbers with a comma {self.commas.show(locate)}; say"
                " `decimal: ','` or `thousands: ','` in report.yaml"
            )
        if self.shortened.count:
            doubts.append(
                f"column {column!r} holds {self.shortened.count:,} numbers such as 1.23457E+17"
                f" {self.shortened.show(locate)}, as spreadsheets shorten long ones; their last digits are lost, so"
                " export the column as text"
            )
        if self.misread.count:
            doubts.append(
                f"column {column!r} has {self.misread.count:,} cells with letters such as Ã¼ for ü"
                f" {self.misread.show(locate)}, because UTF-8 was read as another encoding; correct `encoding:` in"
                " report.yaml, or export the file again in one encoding"
            )
        if self.damaged.count:
            doubts.append(
                f"column {column!r} has {self.damaged.count:,} cells with the character 0, or with � in place of a"
                f" letter {self.damaged.show(locate)}, so the file may be damaged; export it again"
            )
        if self.groups.count and not self._has_decimals:
            doubts.append(
                f"column {column!r} holds numbers such as 1.234 {self.groups.show(locate)}, which are read as decimals;"
                " if they are thousands, say `thousands: '.'` in report.yaml, else `decimal: '.'`"
            )
        return doubts


class CellReader:
    """Reads the cells of a report as they are declared.

    Args:
        cells: the declared rules.
        settled: the option that applies to each column, as `settle` has returned it for the same rows.
    """

    def __init__(self, cells: ReportCells, settled: Mapping[str, str] | None = None) -> None:
        self._cells = cells
        self._settled = settled
        self._rows = 0
        self._doubts: dict[str, Doubts] = {}
        self._columns: dict[str, ColumnReader] = {}

    def read(self, frame: pl.DataFrame, plain: Collection[str] = ()) -> pl.DataFrame:
        """Read the next rows: the same with dates as ISO 8601 and plain numbers.

        Args:
            frame: String columns; an empty cell is null.
            plain: columns that are known to hold only plain numbers and dates, in which nothing is in doubt.
        """
        guarded = find_columns(leave_out(frame, plain), pl.all().str.starts_with(GUARD).any())
        columns = {}
        for name in frame.columns:
            rules, text = self._cells.find(name), frame[name].alias(CELLS)
            if name in guarded or rules.strip:
                text = unguard(text, strip=bool(rules.strip))
            columns[name] = drop_empty(text, rules.empty)
        self._find_doubts(columns, plain)
        self._rows += frame.height
        return pl.DataFrame([self._find_reader(name).read(text).alias(name) for name, text in columns.items()])

    def list_notes(self, locate: Locate) -> list[str]:
        """List one sentence for each doubt, and for each column that does not have its declared form.

        Args:
            locate: names a row for people.
        """
        return [
            note
            for name, doubts in self._doubts.items()
            for note in (*doubts.list(name, locate), *self._columns[name].list_misfits(name, locate))
        ]

    def list_clashes(self, locate: Locate) -> list[str]:
        """List the columns with values that two declared forms read as different dates, one sentence each."""
        return [note for name, column in self._columns.items() for note in column.list_clashes(name, locate)]

    def settle(self) -> dict[str, str] | None:
        """Return which option applies to each column, if rows have to be read again for it; None if none has to."""
        if self._settled is not None or not any(column.is_spoiled for column in self._columns.values()):
            return None
        return {name: column.choice for name, column in self._columns.items()}

    def _find_reader(self, name: str) -> ColumnReader:
        if name not in self._columns:
            settled = None if self._settled is None else self._settled.get(name, AS_IS)
            self._columns[name] = ColumnReader(self._cells.find(name), self._cells.columns.get(name), settled)
        return self._columns[name]

    def _find_doubts(self, columns: Mapping[str, pl.Series], plain: Collection[str]) -> None:
        doubts = {name: self._doubts.setdefault(name, Doubts()) for name in columns}
        others = pl.DataFrame([text.alias(name) for name, text in columns.items() if name not in plain])
        for name in find_columns(others, pl.all().is_in(PLACEHOLDERS).any()):
            doubts[name].note_placeholders(columns[name], self._rows)
        for name in find_columns(others, pl.all().str.starts_with("'").any()):
            if not self._cells.find(name).strip:
                doubts[name].apostrophes.note(columns[name].str.contains(APOSTROPHE), self._rows)
        for name in find_columns(others, pl.all().str.contains("E+", literal=True).any()):
            doubts[name].shortened.note(columns[name].str.contains(SHORTENED), self._rows)
        for name in find_columns(others, pl.all().str.contains(SUSPECT).any()):
            doubts[name].misread.note(columns[name].str.contains(MISREAD), self._rows)
            doubts[name].damaged.note(columns[name].str.contains(DAMAGED), self._rows)
        for name, text in columns.items():
            rules = self._cells.find(name)
            if rules.decimal is None and rules.thousands is None:
                doubts[name].note_signs(text, self._rows, plain=name in plain)


def read_cells(frame: pl.DataFrame, cells: ReportCells, locate: Locate = name_row) -> tuple[pl.DataFrame, list[str]]:
    """Read all cells of a report at once; see `CellReader`. Return them, and what is in doubt."""
    reader = CellReader(cells)
    return reader.read(frame), reader.list_notes(locate)


def leave_out(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Leave out some columns."""
    return frame[[name for name in frame.columns if name not in names]]


def find_columns(frame: pl.DataFrame, test: pl.Expr) -> set[str]:
    """Find the columns of which a test of all columns is true, by one query."""
    if not frame.width:
        return set()
    passed = frame.select(test).row(0)
    return {name for name, passes in zip(frame.columns, passed, strict=True) if passes}
