"""Find out what the values of text columns look like, also from one slice of the rows after another.

What all values of a column look like helps to propose fields, and to refuse mappings that can never fit. Nothing is
concluded from a sample: a column looks like numbers only if every value is a plain number. `00123`, `+49301234`, `1E5`,
`NaN`, numbers with more digits than a Float64 holds exactly, versions such as `1.10` beside `1.9`, and `Yes` look like
text.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from integration_center.insights.catalogue import ColumnType
from integration_center.insights.columns import DATE, DATETIME_FORM, READABLE_DATETIME, USUAL, USUAL_DATETIME, parse
from integration_center.insights.delimited.form import Rows
from integration_center.insights.delimited.whole_numbers import WHOLE_FORM
from integration_center.insights.many_columns import (
    LOOKED_AT_FIRST,
    find_alike,
    find_columns,
    find_columns_of_all,
    keep_columns,
    leave_out,
    split_columns,
)

_PLAIN_INTEGER = r"^-?(0|[1-9]\d{0,18})$"
_PLAIN_NUMBER = r"^-?(0|[1-9]\d{0,14})?(\.\d+)?$"
_DECIMALS = r"\.(\d*)$"
_ENDS_IN_ZERO = r"\.\d*0$"
_DIGIT = r"\d"
_BOOLEAN = r"(?i)^(true|false)$"
_PLAIN: tuple[tuple[str, ColumnType], ...] = (
    (_PLAIN_INTEGER, "integer"),
    (_BOOLEAN, "boolean"),
    (DATE, "date"),
    (DATETIME_FORM, "datetime"),
)
_IDENTIFIER_WORDS = frozenset({"id", "ids", "guid", "uuid", "email", "mail", "key"})


def is_identifier(column: str) -> bool:
    """Return whether a column's name suggests identifiers: `User ID`, `userId`, `GUID`, `E-mail address`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.replace("eMail", "Email").replace("EMail", "Email"))
    return not _IDENTIFIER_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", apart.casefold()))


def infer_types(
    frame: pl.DataFrame, *, key_column: str | None, declared: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """Find the text columns whose values all look like another type.

    Identifiers are text: the key column, and columns whose name suggests identifiers (`is_identifier`).

    Args:
        frame: String columns, null where a cell is empty.
        key_column: the report's key, if known.
        declared: types by column.

    Returns:
        Types by column; columns that look like text are left out.
    """
    judge = TypeJudge(frame.columns, key_column=key_column, declared=declared)
    judge.look_at(Rows(frame))
    return judge.types


def infer_type(series: pl.Series) -> ColumnType | None:
    """Find the narrowest type that all values of `series` (String) have; None for text, or without values."""
    (found,) = find_types(series.to_frame()).values()
    return found


@dataclass(frozen=True)
class Look:
    """What values have in common, as far as that decides which type they, and values below them, look like.

    Attributes:
        form: the type whose form all values have; None for text.
        reads: whether all can be read as that type: 2026-02-30 has the form of a date, but is not a date.
        is_usual: whether all are datetimes of the one form that is read faster than others.
        reads_usual: whether all can be read in that form.
        is_exact: whether whole numbers have so few digits that they are plain numbers, too.
        is_percent: whether numbers have a percent sign.
        decimals: how many decimals the numbers have.
        ends_in_zero: whether a decimal is a zero at the end.
    """

    form: ColumnType | None
    reads: bool = True
    is_usual: bool = False
    reads_usual: bool = False
    is_exact: bool = False
    is_percent: bool = False
    decimals: frozenset[int] = frozenset()
    ends_in_zero: bool = False

    @property
    def type(self) -> ColumnType | None:
        """The type that the values look like; None for text."""
        if not (self.reads_usual if self.is_usual else self.reads):
            return None
        # Numbers that end in zeros, but differ in their number of decimals, are versions: 1.9, 1.10.
        return None if self.ends_in_zero and len(self.decimals) > 1 else self.form

    def merge(self, other: "Look") -> "Look":
        """Return what these values and `other` ones have in common."""
        forms = {self.form, other.form}
        if forms == {"integer", "number"}:
            whole, number = (self, other) if self.form == "integer" else (other, self)
            if not whole.is_exact or number.is_percent:
                return TEXT
            return replace(number, decimals=number.decimals | {0})
        if len(forms) > 1 or self.is_percent != other.is_percent:
            return TEXT
        return Look(
            form=self.form,
            reads=self.reads and other.reads,
            is_usual=self.is_usual and other.is_usual,
            reads_usual=self.reads_usual and other.reads_usual,
            is_exact=self.is_exact and other.is_exact,
            is_percent=self.is_percent,
            decimals=self.decimals | other.decimals,
            ends_in_zero=self.ends_in_zero or other.ends_in_zero,
        )


TEXT = Look(None)
WHOLE = Look("integer", is_exact=True)
"""What whole numbers look like that are plain numbers, too: the most frequent look."""


def find_looks(frame: pl.DataFrame) -> dict[str, Look | None]:
    """Find what the values of each String column have in common; None for a column without values."""
    looks: dict[str, Look | None] = {}
    for part in split_columns(frame):
        looks |= _find_looks(part.select(pl.all().str.strip_chars().replace("", None)))
    return looks


def find_types(frame: pl.DataFrame) -> dict[str, ColumnType | None]:
    """Find the narrowest type that all values of each String column have; see `infer_type`."""
    return {name: look.type if look else None for name, look in find_looks(frame).items()}


def _find_looks(text: pl.DataFrame) -> dict[str, Look | None]:
    """Find what the values of columns without outer blanks have in common."""
    looks: dict[str, Look | None] = dict.fromkeys(text.columns, TEXT)
    empty = find_columns(text, pl.all().is_null().all())
    looks |= dict.fromkeys(empty)
    left = leave_out(text, empty)
    usual = keep_columns(left, find_alike(left, USUAL_DATETIME))
    reads_usual = find_columns_of_all(usual, _reads_usual)
    reads = reads_usual | _find_readable(leave_out(usual, reads_usual), "datetime")
    for name in usual.columns:
        looks[name] = Look("datetime", is_usual=True, reads_usual=name in reads_usual, reads=name in reads)
    left = leave_out(left, usual.columns)
    for form, type_ in _PLAIN:
        alike = keep_columns(left, find_alike(left, form))
        exact = find_alike(alike, WHOLE_FORM) if type_ == "integer" else set()
        looks |= {name: Look(type_, is_exact=name in exact) for name in _find_readable(alike, type_)}
        left = leave_out(left, alike.columns)
    percent = find_alike(left, r"%$")
    looks |= _find_number_looks(leave_out(left, percent), is_percent=False)
    looks |= _find_number_looks(keep_columns(left, percent), is_percent=True)
    return looks


def _find_number_looks(text: pl.DataFrame, *, is_percent: bool) -> dict[str, Look]:
    """Find the columns of plain numbers, and what these have in common."""
    bare = text.select(pl.all().str.strip_suffix("%").str.strip_chars_end()) if is_percent else text
    alike = keep_columns(bare, find_alike(bare, _PLAIN_NUMBER))
    numbers = keep_columns(alike, find_alike(alike, _DIGIT))
    numbers = keep_columns(numbers, _find_readable(keep_columns(text, numbers.columns), "number"))
    if not numbers.width:
        return {}
    lengths = pl.all().drop_nulls().str.extract(_DECIMALS).fill_null("").str.len_bytes()
    decimals = numbers.select(lengths.unique().implode()).row(0)
    zeros = find_columns(numbers, pl.all().str.contains(_ENDS_IN_ZERO).any())
    return {
        name: Look("number", is_percent=is_percent, decimals=frozenset(counts), ends_in_zero=name in zeros)
        for name, counts in zip(numbers.columns, decimals, strict=True)
    }


def _find_readable(text: pl.DataFrame, type_: ColumnType) -> set[str]:
    return find_columns_of_all(text, lambda cells: cells.is_null() | parse(cells, type_).is_not_null())


def _reads_usual(cells: pl.Series) -> pl.Series:
    return cells.is_null() | cells.str.to_datetime(USUAL, time_unit="us", strict=False, cache=False).is_not_null()


class TypeJudge:
    """Finds the text columns whose values all look like another type; see `infer_types`.

    Args:
        names: the columns.
        key_column: the report's key, if known.
        declared: types by column.
    """

    def __init__(self, names: Iterable[str], *, key_column: str | None, declared: Mapping[str, ColumnType]) -> None:
        self._looks: dict[str, Look | None] = {
            name: None for name in names if name != key_column and name not in declared and not is_identifier(name)
        }

    @property
    def types(self) -> dict[str, ColumnType]:
        """Types by column, as far as rows were looked at."""
        return {name: look.type for name, look in self._looks.items() if look and look.type}

    def find_plain(self, rows: Rows) -> set[str]:
        """Find the columns whose next cells are plain numbers, or usual dates as those before were, by one query."""
        there = set(rows.frame.columns) - rows.whole  # asking the frame for each name takes seconds for 10,000 columns
        looks = {name: look for name, look in self._looks.items() if name in there}
        return {*rows.whole, *confirm(rows.frame, looks)}

    def look_at(self, rows: Rows, plain: Collection[str] | None = None) -> None:
        """Look at the next rows.

        Args:
            rows: the rows.
            plain: what `find_plain` has found in these rows.
        """
        frame = rows.frame
        confirmed = self.find_plain(rows) if plain is None else plain
        fresh = [name for name, look in self._looks.items() if look is None and name not in rows.whole]
        whole = rows.whole | find_whole(frame, fresh)
        for name in whole & self._looks.keys():
            before = self._looks[name]
            self._looks[name] = before.merge(WHOLE) if before else WHOLE
        settled = {*whole, *confirmed, *(name for name, before in self._looks.items() if before == TEXT)}
        for name, look in find_looks(keep_columns(frame, self._looks.keys() - settled)).items():
            if look:
                before = self._looks[name]
                self._looks[name] = before.merge(look) if before else look


def find_whole(frame: pl.DataFrame, names: Sequence[str]) -> frozenset[str]:
    """Find the columns whose values have the look `WHOLE`, by one query. A column without values has no look."""
    if not names or not frame.height:
        return frozenset()
    places = frame[list(names)]
    places.columns = [str(place) for place in range(len(names))]  # Polars would read some names as patterns
    cells = pl.all()
    begins = places.head(LOOKED_AT_FIRST).select(cells.str.contains(WHOLE_FORM).all()).row(0)
    likely = [place for place, begins_so in zip(places.columns, begins, strict=True) if begins_so]
    if not likely:
        return frozenset()
    cells = pl.col(likely)
    passed = places.select(cells.str.contains(WHOLE_FORM).all() & cells.is_not_null().any()).row(0)
    return frozenset(names[int(place)] for place, passes in zip(likely, passed, strict=True) if passes)


def confirm(frame: pl.DataFrame, looks: Mapping[str, Look | None]) -> list[str]:
    """Find the columns whose values have the look that the rows before had, where one query shows that.

    These are the most frequent looks, and a query of many columns takes less time than one for each.
    """
    found = {
        name: look for name, look in looks.items() if look and (look.is_exact or (look.is_usual and look.reads_usual))
    }
    if not found:
        return []
    places = frame[[*found]]
    places.columns = [str(place) for place in range(len(found))]  # Polars would read some names as patterns
    looked = list(zip(places.columns, found.values(), strict=True))
    # One expression for all columns of a form takes a third of the time of one for each, where there are hundreds.
    tests = [
        pl.col(alike).str.contains(form).all()
        for form, is_usual in ((READABLE_DATETIME, True), (WHOLE_FORM, False))
        if (alike := [place for place, look in looked if look.is_usual == is_usual])
    ]
    passed = places.select(tests).row(0, named=True)
    return [name for place, name in zip(places.columns, found, strict=True) if passed[place]]
