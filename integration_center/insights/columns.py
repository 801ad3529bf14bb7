"""Apply the declared types of a report's columns, and find out what the other columns look like.

A column without a declared type stays the report's own text: the Salesforce field that gets its cells decides how they
are read. What all values of such a column look like helps to propose fields, and to refuse mappings that can never fit.
Nothing is concluded from a sample: a column looks like numbers only if every value is a plain number. `00123`,
`+49301234`, `1E5`, `NaN`, numbers with more digits than a Float64 holds exactly, versions such as `1.10` beside `1.9`,
and `Yes` look like text.
"""

import re
from collections.abc import Mapping

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.catalogue import ColumnType
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
_PLAIN_INTEGER = r"^-?(0|[1-9]\d{0,18})$"
_PLAIN_NUMBER = r"^-?(0|[1-9]\d{0,14})?(\.\d+)?$"
_DECIMALS = r"\.(\d*)$"
_ENDS_IN_ZERO = r"\.\d*0$"
_DIGIT = r"\d"
_BOOLEAN = r"(?i)^(true|false)$"
_INTEGER = r"^[+-]?\d+$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_DATETIME = r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:[0-5]\d)?(\.\d{1,9})?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?$"
_USUAL_DATETIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]$"
_IDENTIFIER_WORDS = frozenset({"id", "ids", "guid", "uuid", "email", "mail", "key"})


def is_identifier(column: str) -> bool:
    """Return whether a column's name suggests identifiers: `User ID`, `userId`, `GUID`, `E-mail address`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.replace("eMail", "Email").replace("EMail", "Email"))
    return not _IDENTIFIER_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", apart.casefold()))


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
    return pl.DataFrame(
        [
            _read_declared(series, declared[series.name], source)
            if series.name in declared and series.name != key_column
            else series
            for series in frame
        ]
    )


def infer_types(
    frame: pl.DataFrame, *, key_column: str | None, declared: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """Find the text columns whose values all look like another type.

    Identifiers are text: the key column, and columns whose name suggests identifiers (`is_identifier`).

    Args:
        frame: a frame as for `type_columns`.
        key_column: the report's key, if known.
        declared: types by column.

    Returns:
        Types by column; columns that look like text are left out.
    """
    return {
        series.name: type_
        for series in frame
        if series.name != key_column and series.name not in declared and not is_identifier(series.name)
        if (type_ := infer_type(series))
    }


def show_dtypes(dtypes: Mapping[str, pl.DataType], likely_types: Mapping[str, ColumnType]) -> dict[str, pl.DataType]:
    """Give each column the dtype that its values look like, or its own."""
    return {name: DTYPES[likely_types[name]] if name in likely_types else dtype for name, dtype in dtypes.items()}


def infer_type(series: pl.Series) -> ColumnType | None:
    """Find the narrowest type that all values of `series` (String) have; None for text, or without values."""
    text = _bare(series)
    if text.null_count() == len(text):
        return None
    if (usual := _parse_usual_datetime(text)) is not None:
        return "datetime" if usual.null_count() == text.null_count() else None
    plain: tuple[tuple[str, ColumnType], ...] = (
        (_PLAIN_INTEGER, "integer"),
        (_BOOLEAN, "boolean"),
        (_DATE, "date"),
        (_DATETIME, "datetime"),
    )
    for form, type_ in plain:
        if _all_have(text, form):
            return type_ if _reads_as(text, type_) else None
    without_percent = text.str.strip_suffix("%").str.strip_chars_end() if _all_have(text, r"%$") else text
    is_number = (
        _all_have(without_percent, _PLAIN_NUMBER)
        and _all_have(without_percent, _DIGIT)
        and not _zeros_matter(without_percent)
    )
    return "number" if is_number and _reads_as(text, "number") else None


def _zeros_matter(text: pl.Series) -> bool:
    """Return whether numbers end in zeros but differ in their number of decimals: `1.9, 1.10` are versions."""
    if not text.str.contains(_ENDS_IN_ZERO).any():
        return False
    return text.drop_nulls().str.extract(_DECIMALS).fill_null("").str.len_bytes().n_unique() > 1


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
            bare = text.str.strip_suffix("%").str.strip_chars_end()
            number = _where(bare, _NUMBER).cast(pl.Float64, strict=False)
            return _keep(number, number.is_finite())
        case "boolean":
            lower = text.str.to_lowercase()
            return lower.replace_strict(
                [*_TRUE, *_FALSE], [True] * len(_TRUE) + [False] * len(_FALSE), default=None, return_dtype=pl.Boolean
            )
        case "date":
            return _where(text, _DATE).str.to_date("%Y-%m-%d", strict=False)
        case "datetime":
            return _parse_datetime(text)


def _parse_usual_datetime(text: pl.Series) -> pl.Series | None:
    """Parse `text` with one fixed format if all of it has that form, which is several times as fast; else None."""
    if not _all_have(text, _USUAL_DATETIME):
        return None
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def _parse_datetime(text: pl.Series) -> pl.Series:
    if (usual := _parse_usual_datetime(text)) is not None:
        return usual
    given = _where(text, _DATETIME).alias("given")  # Polars would read some column names as patterns
    return given.to_frame().select(read_moment(pl.col("given"), pl.String())).to_series().alias(text.name)


def _read_declared(series: pl.Series, type_: ColumnType, source: str) -> pl.Series:
    if type_ == "string":
        return series
    text = _bare(series)
    typed = parse(text, type_).cast(DTYPES[type_])
    misfits = (typed.is_null() & text.is_not_null()).arg_true()
    if len(misfits):
        raise UnreadableReport(
            f"{source}: column {series.name!r} is declared {type_}, but {len(misfits)} of {len(series)} values are not,"
            f" the first in row {misfits[0] + 1} (counted from 1, without the header); expected is {FORMS[type_]}."
            " Correct the report, or declare the column as string"
        )
    return typed


def _reads_as(text: pl.Series, type_: ColumnType) -> bool:
    """Return whether all of `text` can be parsed: 2026-02-30 has the form of a date, but is not a date."""
    return parse(text, type_).null_count() == text.null_count()


def _bare(series: pl.Series) -> pl.Series:
    return series.str.strip_chars().replace("", None)


def _all_have(text: pl.Series, form: str) -> bool:
    # The first values usually show that a column has another type, which avoids a search through all values.
    return all(part.str.contains(form).all(ignore_nulls=True) for part in (text.head(100), text))


def _where(text: pl.Series, form: str) -> pl.Series:
    return _keep(text, text.str.contains(form))


def _keep(series: pl.Series, mask: pl.Series) -> pl.Series:
    return series.to_frame("values").select(pl.when(mask).then(pl.col("values"))).to_series().alias(series.name)
