"""Read the cells of a report as they are declared, one slice of the rows after another, and find what is in doubt."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from integration_center.insights.declared.cells import (
    APOSTROPHE,
    GUARD,
    ReportCells,
    drop_empty,
    group_form,
    mean_nothing,
    unguard,
)
from integration_center.insights.declared.column_reader import (
    AS_IS,
    DECIMAL,
    ColumnReader,
    Found,
    Locate,
    Slice,
    look_at_options,
)
from integration_center.insights.many_columns import find_columns, join_columns, keep_columns, leave_out, split_columns
from integration_center.insights.placeholders import PLACEHOLDERS
from integration_center.sync.mapping.doubts import Doubt
from integration_center.wording.sentences import count

GROUPED = r"^[+-]?[1-9]\d{{0,2}}{0}\d{{3}}%?$"
"""A whole number with a sign between thousands, or a number with three decimals."""
NUMBER = r"^[+-]?\d[\d.,]*%?$"
WITH_COMMA = r"^[+-]?\d[\d.,]*,\d+%?$|^[+-]?\d+(,\d{3})+\.\d+$"
SHORTENED = r"^[+-]?\d(\.\d+)?E\+\d{2,3}$"
"""A long number as spreadsheets write it into CSV."""
MISREAD = "[\u00c2\u00c3][\u0080-\u00bf\u0152-\u2122]|\u00e2\u20ac"
"""Letters such as ü in UTF-8, read as another encoding: `Ã¼`."""
DAMAGED = "\0|\ufffd"
"""The character 0, as in a block of a file that was never written, and the sign in place of a letter that is lost."""
SUSPECT = f"\u00c2|\u00c3|\u00e2\u20ac|{DAMAGED}|E\\+"
"""What cells of these three kinds hold: a few texts, which are found much faster than ranges of characters."""
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
        sign: the sign in those numbers.
        misread: the cells with letters such as `Ã¼`.
        damaged: the cells with the character 0 or lost letters.
        looked_at: how many of the first values were looked at.
        has_numbers: whether there is a number among the first values.
        has_decimals: whether a number has decimals that are no group of three digits, or other signs that are
            declared.
    """

    placeholders: set[str] = field(default_factory=set)
    held: Found = field(default_factory=Found)
    apostrophes: Found = field(default_factory=Found)
    shortened: Found = field(default_factory=Found)
    commas: Found = field(default_factory=Found)
    groups: Found = field(default_factory=Found)
    sign: str = "."
    misread: Found = field(default_factory=Found)
    damaged: Found = field(default_factory=Found)
    looked_at: int = 0
    has_numbers: bool = False
    has_decimals: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether plain values below those that were looked at change nothing."""
        return self.has_numbers or self.looked_at >= LOOKED_AT

    def note_placeholders(self, text: pl.Series, begin: int) -> pl.Series:
        """Note the texts in a slice that often mean no value, and return which cells hold them."""
        held = text.is_in(PLACEHOLDERS)
        self.held.note(held, begin)
        self.placeholders.update(text.filter(held))
        return held

    def look_for_numbers(self, text: pl.Series) -> None:
        """Look among the first values for a number, unless one was found."""
        if not self.is_settled:
            first = text.drop_nulls().head(LOOKED_AT - self.looked_at)
            self.looked_at += len(first)
            self.has_numbers = bool(first.str.contains(NUMBER).any())

    def list(self, column: str, locate: Locate) -> list[str]:
        """List the doubts: one sentence each, with the line of `report.yaml` that settles the question."""
        doubts = []
        if self.held.count:
            shown = ", ".join(f"{value!r}" for value in sorted(self.placeholders))
            doubts.append(
                f"column {column!r} holds {shown} in {count(self.held.count, 'cell')} {self.held.show(locate)}; if that"
                f" means no value, say `empty: [{shown}]` in report.yaml"
            )
        if self.apostrophes.count:
            doubts.append(
                f"column {column!r} has cells that begin with an apostrophe before a digit or sign"
                f" {self.apostrophes.show(locate)}; `strip: true` in report.yaml removes it"
            )
        if self.commas.count:
            doubts.append(
                f"column {column!r} holds {count(self.commas.count, 'number')} with a comma {self.commas.show(locate)};"
                " say `decimal: ','` or `thousands: ','` in report.yaml"
            )
        if self.shortened.count:
            doubts.append(
                f"column {column!r} holds {count(self.shortened.count, 'number')} such as 1.23457E+17"
                f" {self.shortened.show(locate)}, as spreadsheets shorten long ones; their last digits are lost, so"
                " export the column as text"
            )
        if self.misread.count:
            doubts.append(
                f"column {column!r} has {count(self.misread.count, 'cell')} with letters such as Ã¼ for ü"
                f" {self.misread.show(locate)}, because UTF-8 was read as another encoding; correct `encoding:` in"
                " report.yaml, or export the file again in one encoding"
            )
        if self.damaged.count:
            doubts.append(
                f"column {column!r} has {count(self.damaged.count, 'cell')} with the character 0, or with � in place of"
                f" a letter {self.damaged.show(locate)}, so the file may be damaged; export it again"
            )
        if grouped := self.say_grouped(column, locate):
            doubts.append(grouped)
        return doubts

    def say_grouped(self, column: str, locate: Locate) -> str | None:
        """Say that numbers may have thousands separators; None where they show that they have decimals."""
        if not self.groups.count or self.has_decimals:
            return None
        return (
            f"column {column!r} holds numbers such as 1{self.sign}234 {self.groups.show(locate)}, which are read as"
            f" decimals; if they are thousands, say `thousands: '{self.sign}'` in report.yaml, else"
            f" `decimal: '{self.sign}'`"
        )


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
        settled = {
            name
            for name in plain
            if name in self._doubts and self._doubts[name].is_settled and not self._cells.has_rules(name)
        }
        left = leave_out(frame, settled)
        read = frame.with_columns(self._read(left, plain).get_columns()) if settled else self._read(left, plain)
        self._rows += frame.height
        return read

    def _read(self, frame: pl.DataFrame, plain: Collection[str]) -> pl.DataFrame:
        guarded = find_columns(leave_out(frame, plain), pl.all().str.starts_with(GUARD).any())
        empty = self._cells.all_columns.empty
        odd = (
            guarded
            | set(self._cells.columns)
            | (find_columns(frame, mean_nothing(pl.all(), empty).any()) if empty else set())
        )
        columns = {}
        for name in frame.columns:
            rules, text = self._cells.find(name), frame[name].alias(CELLS)
            if name in guarded or rules.strip:
                text = unguard(text, strip=bool(rules.strip))
            columns[name] = drop_empty(text, rules.empty) if name in odd or rules.strip else text
        held = self._find_doubts(columns, plain)
        looks = self._look_at_options(columns)
        read = [
            self._find_reader(name).read(text, looks.get(name, {}), held.get(name)) for name, text in columns.items()
        ]
        return pl.DataFrame([text.alias(name) for name, text in zip(columns, read, strict=True)])

    def list_notes(self, locate: Locate) -> list[str]:
        """List one sentence for each doubt, and for each column that does not have its declared form.

        Args:
            locate: names a row for people.
        """
        notes: list[str] = []
        for name, doubts in self._doubts.items():
            column = self._columns[name]
            notes += (
                *doubts.list(name, locate),
                *column.list_misfits(name, locate),
                *column.list_clock_changes(name, locate),
            )
        return notes

    def find_doubts(self, locate: Locate) -> dict[str, Doubt]:
        """Find, by column, which numbers and times may be read as other ones than they mean."""
        found: dict[str, Doubt] = {}
        for name, column in self._columns.items():
            doubt = column.find_doubt(name, locate)
            if doubt is None and (grouped := self._doubts[name].say_grouped(name, locate)):
                # Where decimals are declared, these are hardly any.
                doubt = Doubt("numbers" if self._cells.find(name).decimal else "fractions", grouped)
            if doubt:
                found[name] = doubt
        return found

    def list_clashes(self, locate: Locate) -> list[str]:
        """List the columns with values that two declared forms read as different dates, one sentence each."""
        return [note for name, column in self._columns.items() for note in column.list_clashes(name, locate)]

    def settle(self) -> dict[str, str] | None:
        """Return which option applies to each column, if rows have to be read again for it; None if none has to."""
        if self._settled is not None or not any(column.is_spoiled for column in self._columns.values()):
            return None
        return {name: column.choice for name, column in self._columns.items()}

    def _look_at_options(self, columns: Mapping[str, pl.Series]) -> dict[str, dict[str, Slice]]:
        """Find out what each option makes of each column with values; of all columns with the same rules at once."""
        filled = pl.DataFrame([text.alias(name) for name, text in columns.items() if text.null_count() < len(text)])
        alike = leave_out(filled, self._cells.columns)
        parts = [*split_columns(alike), *(filled[[name]] for name in filled.columns if name in self._cells.columns)]
        looks: dict[str, dict[str, Slice]] = {}
        for part in parts:
            options = look_at_options(join_columns(part), self._cells.find(part.columns[0]))
            for place, name in enumerate(part.columns):
                begin = place * part.height
                looks[name] = {option: seen.cut(begin, part.height) for option, seen in options.items()}
        return looks

    def _find_reader(self, name: str) -> ColumnReader:
        if name not in self._columns:
            settled = None if self._settled is None else self._settled.get(name, AS_IS)
            self._columns[name] = ColumnReader(self._cells.find(name), self._cells.columns.get(name), settled)
        return self._columns[name]

    def _find_doubts(self, columns: Mapping[str, pl.Series], plain: Collection[str]) -> dict[str, pl.Series]:
        """Find what is in doubt in a slice, and return which cells hold texts that often mean no value, by column."""
        doubts = {name: self._doubts.setdefault(name, Doubts()) for name in columns}
        others = pl.DataFrame([text.alias(name) for name, text in columns.items() if name not in plain])
        padded = find_columns(others, (pl.all().str.starts_with(" ") | pl.all().str.ends_with(" ")).any())
        bare = {name: text.str.strip_chars() if name in padded else text for name, text in columns.items()}
        looked = pl.DataFrame([bare[name].alias(name) for name in others.columns])
        holding = find_columns(looked, pl.all().is_in(PLACEHOLDERS).any())
        held = {name: doubts[name].note_placeholders(bare[name], self._rows) for name in holding}
        for name in find_columns(others, pl.all().str.starts_with("'").any()):
            if not self._cells.find(name).strip:
                doubts[name].apostrophes.note(columns[name].str.contains(APOSTROPHE), self._rows)
        for name in find_columns(others, pl.all().str.contains(SUSPECT).any()):
            doubts[name].shortened.note(columns[name].str.contains(SHORTENED), self._rows)
            doubts[name].misread.note(columns[name].str.contains(MISREAD), self._rows)
            doubts[name].damaged.note(columns[name].str.contains(DAMAGED), self._rows)
        self._find_signs(columns, others.columns)
        return held

    def _find_signs(self, columns: Mapping[str, pl.Series], others: Collection[str]) -> None:
        """Note whether numbers may have thousands separators, or decimal commas; `others`: the columns in doubt."""
        doubts = self._doubts
        unsure = [name for name in columns if (rules := self._cells.find(name)).decimal is rules.thousands is None]
        text = pl.DataFrame([columns[name].alias(name) for name in unsure])
        begun = {name for name in unsure if doubts[name].looked_at}
        fresh = leave_out(text, begun)
        first = pl.all().drop_nulls().head(LOOKED_AT)
        found = find_columns(fresh, first.str.contains(NUMBER).any())
        for name in fresh.columns:
            doubts[name].looked_at = min(LOOKED_AT, len(text) - text[name].null_count())
            doubts[name].has_numbers = name in found
        for name in begun:
            doubts[name].look_for_numbers(columns[name])
        numbers = keep_columns(text, {name for name in others if doubts[name].has_numbers})
        for name in find_columns(numbers, pl.all().str.contains(WITH_COMMA).any()):
            doubts[name].commas.note(columns[name].str.contains(WITH_COMMA), self._rows)
        self._find_groups(numbers, ".")
        alike: dict[tuple[str, str | None], list[pl.Series]] = defaultdict(list)
        for name in columns:
            rules = self._cells.find(name)
            if rules.thousands and not rules.decimal:
                alike[rules.decimal_sign, rules.thousands].append(columns[name].alias(name))
            elif rules.decimal == "," and rules.thousands != ".":
                alike[".", None].append(columns[name].alias(name))
        for signs, texts in alike.items():
            self._find_groups(pl.DataFrame(texts), *signs)

    def _find_groups(self, numbers: pl.DataFrame, sign: str, thousands: str | None = None) -> None:
        """Note the numbers whose sign may be between thousands, and whether others show that it begins decimals.

        Args:
            numbers: the cells of some columns.
            sign: the sign that is read as the one before decimals.
            thousands: the sign between thousands, where only that is declared.
        """
        doubts, escaped = self._doubts, re.escape(sign)
        grouped, decimal = GROUPED.format(escaped), DECIMAL.format(escaped)
        if thousands:  # a number with both signs shows what each of them means
            both = rf"^[+-]?\d+{group_form(thousands)}\d{{3}}{escaped}\d"
            for name in find_columns(numbers, pl.all().str.contains(both).any()):
                doubts[name].has_decimals = True
        whole = leave_out(numbers, {name for name in numbers.columns if doubts[name].has_decimals})
        for name in find_columns(whole, pl.all().str.contains(grouped).any()):
            doubts[name].groups.note(numbers[name].alias(CELLS).str.contains(grouped), self._rows)
            doubts[name].sign = sign
        for name in find_columns(whole, (pl.all().str.contains(decimal) & ~pl.all().str.contains(grouped)).any()):
            doubts[name].has_decimals = True
