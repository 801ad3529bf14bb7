"""Read the dates and numbers of a column as they are declared, one slice of its rows after another.

A form that is declared for this column applies to each cell that has it. A form of the whole report applies if all
values of the column have it, which only all rows show. Until then a slice is read as if the next ones were like it; if
they are not, `ColumnReader.is_spoiled` says so, and the column is read once more as its rows have shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from integration_center.insights.declared.cells import CellRules, read_numbers, read_words
from integration_center.insights.declared.date_forms import names_no_zone, read_forms, read_known, shift_zone
from integration_center.insights.declared.option_lines import write_column_line, write_value
from integration_center.sync.mapping.doubts import Doubt, Kind
from integration_center.sync.values.moments import read_moments
from integration_center.wording.sentences import count

AS_IS = ""
"""Instead of the name of an option: none applies."""
DECIMAL = r"^[+-]?\d*{0}\d+%?$"
"""A number with decimals behind a sign."""
PLAIN_DECIMAL = DECIMAL.format(r"\.")
"""A number as fields read it without a declaration."""
LOOKED_AT = 20
"""The number of cells of a slice that show whether times of a form are times without it, too."""
TIMES = ("dates", "zone")
OTHER_NAMES = {"decimal": "thousands", "true_values": "false_values"}
"""The options that are read as one with another, by its name."""
SKIPPED = "skip when summer time begins; they are read as of clocks that were not put forward"
DOUBLED = "show twice when summer time ends; they are read as the earlier one. A time in UTC would be clear"
Locate = Callable[[int], str]
"""Names a row for people; rows are counted from 0, without the header."""


@dataclass
class Found:
    """Cells that have something in common: how many there are, and the first row, counted from 0."""

    count: int = 0
    first: int | None = None

    def note(self, mask: pl.Series, begin: int) -> None:
        """Note the cells of a slice, which begins with the row `begin`."""
        if not mask.any():
            return
        places = mask.arg_true()
        self.count += len(places)
        if self.first is None:
            self.first = begin + int(places[0])

    def show(self, locate: Locate) -> str:
        """Say where the first cell is."""
        return f"(first in {locate(self.first or 0)})"


@dataclass
class Slice:
    """What one option makes of some cells.

    Attributes:
        read: the cells, those that have the form rewritten.
        fits: which cells have the form, or need none.
        matters: which cells have the form itself.
        has_signs: which cells are other numbers, or numbers at all, by their declared signs, as `1.234,5` is.
        clash: which cells two forms read as different dates.
        skipped, doubled: which cells show a time that never was, or that was twice; see `Written`.
    """

    read: pl.Series
    fits: pl.Series
    matters: pl.Series
    has_signs: pl.Series | None = None
    clash: pl.Series | None = None
    skipped: pl.Series | None = None
    doubled: pl.Series | None = None

    def cut(self, begin: int, length: int) -> "Slice":
        """Return the same for some of the cells."""
        masks = (self.has_signs, self.clash, self.skipped, self.doubled)
        return Slice(
            self.read.slice(begin, length),
            self.fits.slice(begin, length),
            self.matters.slice(begin, length),
            *(None if mask is None else mask.slice(begin, length) for mask in masks),
        )


@dataclass
class Option:
    """A declared option, and what the rows have shown of it.

    Attributes:
        name: `dates`, `zone`, `true_values` or `decimal`; see `OTHER_NAMES`.
        sure: whether it is declared for this column alone.
        matters: whether a cell has the form itself.
        has_signs: whether a cell has declared signs; see `Slice`.
        misread: whether a cell with the form would be another number or time without it.
        odd: the cells that neither have its form nor need none, nor hold a text that often means no value.
        clashes: the cells that two forms read as different dates.
        skips: the cells with a time that never was.
        doubles: the cells with a time that was twice.
        differs: whether the rows were returned as they are not by this option.
    """

    name: str
    sure: bool
    matters: bool = False
    has_signs: bool = False
    misread: bool = False
    odd: Found = field(default_factory=Found)
    clashes: Found = field(default_factory=Found)
    skips: Found = field(default_factory=Found)
    doubles: Found = field(default_factory=Found)
    differs: bool = False

    def count(self, seen: Slice, text: pl.Series, begin: int, held: pl.Series | None) -> None:
        """Count what cells show; `begin` is the first row. The cells `held` say nothing about the others' form."""
        self.matters |= bool(seen.matters.any())
        self.has_signs |= seen.has_signs is not None and bool(seen.has_signs.any())
        odd = ~seen.fits & text.is_not_null()
        self.odd.note(odd if held is None else odd & ~held, begin)
        if seen.clash is not None:
            self.clashes.note(seen.clash, begin)
        if seen.skipped is not None:
            self.skips.note(seen.skipped, begin)
        if seen.doubled is not None:
            self.doubles.note(seen.doubled, begin)

    def look_for_misread(self, seen: Slice, text: pl.Series) -> None:
        """Find out whether a cell with the form would be another number or time without it."""
        self.misread = self.misread or self._is_misread(seen, text)

    def _is_misread(self, seen: Slice, text: pl.Series) -> bool:
        if seen.has_signs is not None:
            return bool(seen.has_signs.any()) and bool((seen.has_signs & text.str.contains(PLAIN_DECIMAL)).any())
        if self.name not in TIMES:
            return False
        places = seen.matters.arg_true().head(LOOKED_AT)
        return bool((read_moments(text.gather(places)) != read_moments(seen.read.gather(places))).any())

    def count_odd(self, values: int) -> int:
        """Return how many of the values do not have the form. Without any that has it, none has."""
        return self.odd.count if self.matters else values


@dataclass
class ColumnReader:
    """Reads one column.

    Attributes:
        rules: how the cells are written.
        own: what of that is declared for this column alone.
        settled: the option that applies, as all rows have shown; None to find out.
        rows: the number of rows that were read; values: those with a value.
    """

    rules: CellRules
    own: CellRules | None
    settled: str | None = None
    rows: int = 0
    values: int = 0
    _options: Sequence[Option] = field(init=False)
    _as_is_differs: bool = False

    def __post_init__(self) -> None:
        own = self.own or CellRules()
        declared = {
            "dates": own.dates,
            "zone": own.zone,
            "true_values": own.true_values or own.false_values,
            "decimal": own.decimal or own.thousands,
        }
        self._options = [Option(name, bool(declared[name])) for name in list_options(self.rules)]

    @property
    def choice(self) -> str:
        """The name of the option that applies by the rows so far, or `AS_IS`."""
        if not self.values:
            return AS_IS
        for option in self._options:
            odd = option.count_odd(self.values)
            if odd == 0 or (option.sure and odd < self.values):
                return option.name
        return AS_IS

    @property
    def is_spoiled(self) -> bool:
        """Whether the rows so far show that some of them should have been read otherwise."""
        choice = self.choice
        if choice == AS_IS:
            return self._as_is_differs
        return next(option.differs for option in self._options if option.name == choice)

    def read(self, text: pl.Series, looks: Mapping[str, Slice], held: pl.Series | None = None) -> pl.Series:
        """Read the next cells; the same series if nothing is rewritten.

        Args:
            text: the cells.
            looks: what each option makes of them; see `look_at_options`.
            held: which of them hold a text that often means no value; None where none does.
        """
        begin, self.rows = self.rows, self.rows + len(text)
        if not self._options or text.null_count() == len(text):
            return text
        self.values += len(text) - text.null_count()
        for option in self._options:
            option.count(looks[option.name], text, begin, held)
            # Where the first odd cell is below, the rows are read once more, and settled by then.
            if option.matters and not option.sure and (option.odd.count or self.settled == AS_IS):
                option.look_for_misread(looks[option.name], text)
        readings = {option.name: looks[option.name].read for option in self._options}
        applied = readings.get(self.choice if self.settled is None else self.settled, text)
        for option in self._options:
            option.differs |= not _equal(readings[option.name], applied)
        differs = not _equal(text, applied)
        self._as_is_differs |= differs
        return applied if differs else text

    def list_misfits(self, column: str, locate: Locate) -> list[str]:
        """Say which cells do not have a declared form, one sentence for each option."""
        notes: list[str] = []
        for option in self._options if self.values else []:
            odd = option.count_odd(self.values)
            first = f" {option.odd.show(locate)}" if option.odd.count and odd < self.values else ""
            if odd == 0 or (option.sure and odd < self.values):
                return [*notes, self._say(column, option, odd, first, kept=False)] if odd else notes
            half = (option.name == "dates" and odd < self.values) or option.has_signs or option.misread
            if (option.name != "zone" or option.matters) and (option.sure or half):
                notes.append(self._say(column, option, odd, first, kept=True))
        return notes

    def find_doubt(self, column: str, locate: Locate) -> Doubt | None:
        """Find out whether numbers or times are read as other ones because other cells do not have their form."""
        for option in self._options if self.choice == AS_IS else []:
            odd = option.count_odd(self.values)
            if option.misread and 0 < odd < self.values:
                kind: Kind = "times" if option.name in TIMES else "numbers"
                return Doubt(kind, self._say(column, option, odd, f" {option.odd.show(locate)}", kept=True))
        return None

    def list_clashes(self, column: str, locate: Locate) -> list[str]:
        """Say which cells two declared forms read as different dates, if dates are read by them."""
        return [
            f"column {column!r}: {count(option.clashes.count, 'value')} {option.clashes.show(locate)} can be two dates"
            " by the forms of `dates:` in report.yaml; keep the form in which they are written"
            for option in self._options
            if option.clashes.count and self.choice == option.name
        ]

    def list_clock_changes(self, column: str, locate: Locate) -> list[str]:
        """Say which cells show a time that clocks of the time zone skip, or show twice, if it is read in that zone."""
        clocks = f"times that clocks in {self.rules.zone}"
        return [
            f"column {column!r}: {found.count:,} of {self.values:,} values {found.show(locate)} are {clocks} {what}"
            for option in self._options
            if self.choice == option.name
            for found, what in ((option.skips, SKIPPED), (option.doubles, DOUBLED))
            if found.count
        ]

    def _say(self, column: str, option: Option, odd: int, first: str, *, kept: bool) -> str:
        """Say that some cells of a column do not have the declared form."""
        name = option.name if getattr(self.rules, option.name) else OTHER_NAMES[option.name]
        declared = getattr(self.rules, name)
        value = declared if isinstance(declared, str) else declared[0] if len(declared) == 1 else [*declared]
        said = (
            f"column {column!r}: {odd:,} of {self.values:,} values{first} do not have the form of"
            f" `{name}: {write_value(value)}` in report.yaml"
        )
        if not kept:
            return f"{said}, and are read as they are"
        line = write_column_line({column: {name: value}})
        alone = f"; to read the others, say it for this column: `{line}`"
        return f"{said}, so the column is read as it is{alone if odd < self.values else ''}"


def list_options(rules: CellRules) -> list[str]:
    """List the names of the options that rules declare."""
    declared = {
        "dates": rules.dates,
        "zone": rules.zone and not rules.dates,
        "true_values": rules.true_values or rules.false_values,
        "decimal": rules.decimal or rules.thousands,
    }
    return [name for name, is_declared in declared.items() if is_declared]


def look_at_options(text: pl.Series, rules: CellRules) -> dict[str, Slice]:
    """Find out what each declared option makes of cells, which may be those of several columns."""
    return {name: _LOOKS[name](text, rules) for name in list_options(rules)}


def _look_at_dates(text: pl.Series, rules: CellRules) -> Slice:
    (dates, skipped, doubled), clash = read_forms(text, rules.dates, rules.zone)
    left = dates.is_null() & text.is_not_null()
    matters = dates.is_not_null()
    if left.any():
        known = read_known(text.filter(left), rules.zone)
        dates = dates.scatter(left.arg_true(), known)
    return Slice(_fill(dates, text), dates.is_not_null(), matters, clash=clash, skipped=skipped, doubled=doubled)


def _look_at_zone(text: pl.Series, rules: CellRules) -> Slice:
    naive = names_no_zone(text)
    shifted = shift_zone(text, rules.zone or "UTC")
    if shifted is None:
        return Slice(text, read_known(text, None).is_not_null(), naive)
    dates, skipped, doubled = shifted
    return Slice(_fill(dates, text), dates.is_not_null(), naive, skipped=skipped, doubled=doubled)


def _look_at_words(text: pl.Series, rules: CellRules) -> Slice:
    words = read_words(text, rules)
    declared = [word.strip().lower() for word in (*rules.true_values, *rules.false_values)]
    matters = text.str.strip_chars().str.to_lowercase().is_in(declared)
    return Slice(_fill(words, text), words.is_not_null(), matters)


def _look_at_numbers(text: pl.Series, rules: CellRules) -> Slice:
    numbers = read_numbers(text, rules)
    fits = numbers.is_not_null()
    if not fits.any():
        return Slice(text, fits, fits)
    return Slice(_fill(numbers, text), fits, fits, has_signs=numbers != text.str.replace_all(r"[\s+]", ""))


_LOOKS: Mapping[str, Callable[[pl.Series, CellRules], Slice]] = {
    "dates": _look_at_dates,
    "zone": _look_at_zone,
    "true_values": _look_at_words,
    "decimal": _look_at_numbers,
}


def _equal(one: pl.Series, other: pl.Series) -> bool:
    return one is other or one.equals(other, null_equal=True)


def _fill(read: pl.Series, text: pl.Series) -> pl.Series:
    """Keep the text of the cells that were not read."""
    return read.zip_with(read.is_not_null(), text).alias(text.name)
