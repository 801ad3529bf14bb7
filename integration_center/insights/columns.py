"""Apply the declared types of a report's columns, also to one slice of the rows after another.

A column without a declared type stays the report's own text: the Salesforce field that gets its cells decides how they
are read. What such a column looks like is found in `likely_types`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.catalogue import ColumnType
from integration_center.insights.delimited.form import name_row
from integration_center.sync.values.moments import read_moment

DATETIME = pl.Datetime("us", "UTC")
DTYPES: Mapping[ColumnType, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": DATETIME,
}
FORMS: Mapping[ColumnType, str] = {
    "string": "text",
    "integer": "a whole number that fits 64 bits, such as 42",
    "number": "a number, such as 62.5 or 62.5%",
    "boolean": "true, false, yes, no, 1 or 0",
    "date": "a date, YYYY-MM-DD",
    "datetime": "a date and time, YYYY-MM-DD HH:MM:SS or ISO 8601; without a zone it is UTC",
}

_TRUE = ("true", "yes", "1")
_FALSE = ("false", "no", "0")
_INTEGER = r"^[+-]?\d+$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
DATETIME_FORM = r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:[0-5]\d)?(\.\d{1,9})?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?$"
USUAL = "%Y-%m-%d %H:%M:%S"
USUAL_DATETIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]$"

_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
READABLE_DATETIME = f"^{_DAY} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
"""Days and times of the form `USUAL_DATETIME` that exist. To test this takes half the time of reading them."""


def type_columns(
    frame: pl.DataFrame, *, key_column: str | None, declared: Mapping[str, ColumnType], source: str
) -> pl.DataFrame:
    """Read the columns with a declared type as that type. All other columns stay text.

    The key column stays text, whatever is declared. Values of text columns keep their outer blanks; for all other types
    outer blanks are ignored.

    Args:
        frame: a frame of String columns, null where a cell is empty.
        key_column: the report's key, if known.
        declared: types by column; names that the frame lacks are ignored.
        source: the name of the report in errors.

    Raises:
        UnreadableReport: a value does not fit its column's declared type. The message names column and row, never the
            value.
    """
    types = DeclaredTypes({name: type_ for name, type_ in declared.items() if name != key_column}, source)
    typed = types.read(frame)
    types.check(name_row)
    return typed


@dataclass
class DeclaredTypes:
    """Reads the columns with a declared type, one slice of the rows after another.

    Attributes:
        declared: types by column, without the key column; names that the report lacks are ignored.
        source: the name of the report in errors.
        zones: declared time zones by column, in which times have their day; without one, UTC.
    """

    declared: Mapping[str, ColumnType]
    source: str
    zones: Mapping[str, str] = field(default_factory=dict)
    _rows: int = 0
    _misfits: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The number of values that do not fit, and the row of the first one, by column; in the order of the columns."""

    def read(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Read the next rows; a value that does not fit is null, and is counted for `check`."""
        for name in frame.columns:
            self._misfits.setdefault(name, (0, 0))
        typed = [self._read_column(frame[name]) for name in frame.columns if not self._is_text(name)]
        self._rows += frame.height
        return frame.with_columns(typed) if typed else frame

    def fit_schema(self, names: Iterable[str]) -> pl.Schema:
        """Return the schema of what `read` returns for rows with these columns."""
        return pl.Schema({name: self._find_dtype(name) for name in names})

    def check(self, locate: Callable[[int], str]) -> None:
        """Check that all values were of their column's declared type. `locate` names a row, counted from 0, for people.

        Raises:
            UnreadableReport: a value was not. The message names column and row, never the value.
        """
        for name, (count, first) in self._misfits.items():
            if not count:
                continue
            type_ = self.declared[name]
            raise UnreadableReport(
                f"{self.source}: column {name!r} is declared {type_}, but {count} of {self._rows} values are not (first"
                f" in {locate(first)}); expected is {FORMS[type_]}. Correct the"
                " report, or declare the column as string"
            )

    def _is_text(self, name: str) -> bool:
        return self.declared.get(name, "string") == "string"

    def _find_dtype(self, name: str) -> pl.DataType:
        type_ = self.declared.get(name, "string")
        return pl.Datetime("us", self.zones[name]) if type_ == "datetime" and name in self.zones else DTYPES[type_]

    def _read_column(self, series: pl.Series) -> pl.Series:
        # Polars would read some column names as patterns.
        type_, text = self.declared[series.name], bare(series.alias("cells"))
        typed = parse(text, type_).cast(self._find_dtype(series.name))
        misfits = (typed.is_null() & text.is_not_null()).arg_true()
        if len(misfits):
            count, first = self._misfits[series.name]
            self._misfits[series.name] = (count + len(misfits), first if count else self._rows + int(misfits[0]))
        return typed.alias(series.name)


def show_dtypes(dtypes: Mapping[str, pl.DataType], likely_types: Mapping[str, ColumnType]) -> dict[str, pl.DataType]:
    """Give each column the dtype that its values look like, or its own."""
    return {name: DTYPES[likely_types[name]] if name in likely_types else dtype for name, dtype in dtypes.items()}


def parse(text: pl.Series, type_: ColumnType) -> pl.Series:
    """Parse `text` (String, without outer blanks) as `type_`; null where a value does not fit.

    Returns:
        A series of the dtype in `DTYPES`. A datetime without a zone is UTC, one with an offset is converted to UTC, and
        digits beyond microseconds are dropped. `87%` is the number 87.0.
    """
    match type_:
        case "string":
            return text
        case "integer":
            return _where(text, _INTEGER).cast(pl.Int64, strict=False)
        case "number":
            number = text.str.strip_suffix("%").str.strip_chars_end()
            number = _where(number, _NUMBER).cast(pl.Float64, strict=False)
            return _keep(number, number.is_finite())
        case "boolean":
            lower = text.str.to_lowercase()
            return lower.replace_strict(
                [*_TRUE, *_FALSE], [True] * len(_TRUE) + [False] * len(_FALSE), default=None, return_dtype=pl.Boolean
            )
        case "date":
            return _where(text, DATE).str.to_date("%Y-%m-%d", strict=False)
        case "datetime":
            return _parse_datetime(text)


def parse_usual_datetime(text: pl.Series) -> pl.Series | None:
    """Parse `text` with one fixed format if all of it has that form, which is several times as fast; else None."""
    if not all_have(text, USUAL_DATETIME):
        return None
    return text.str.to_datetime(USUAL, time_unit="us", strict=False, cache=False).dt.replace_time_zone("UTC")


def _parse_datetime(text: pl.Series) -> pl.Series:
    if (usual := parse_usual_datetime(text)) is not None:
        return usual
    given = _where(text, DATETIME_FORM).alias("given")  # Polars would read some column names as patterns
    return given.to_frame().select(read_moment(pl.col("given"), pl.String())).to_series().alias(text.name)


def bare(series: pl.Series) -> pl.Series:
    """Remove outer blanks; a cell of blanks is null."""
    return series.str.strip_chars().replace("", None)


def all_have(text: pl.Series, form: str) -> bool:
    """Return whether all values match a regular expression."""
    # The first values usually show that a column has another type, which avoids a search through all values.
    return all(part.str.contains(form).all(ignore_nulls=True) for part in (text.head(100), text))


def _where(text: pl.Series, form: str) -> pl.Series:
    return _keep(text, text.str.contains(form))


def _keep(series: pl.Series, mask: pl.Series) -> pl.Series:
    return series.to_frame("values").select(pl.when(mask).then(pl.col("values"))).to_series().alias(series.name)
