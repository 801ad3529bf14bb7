"""Read cells as the report declares them: which texts mean no value, and how dates and numbers are written.

A form that is declared for a column applies to that column. A form that is declared for the whole report applies to the
columns whose values all have it. A cell that does not fit stays as it is, and is checked against its field later.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import polars as pl

GUARDED = r'^="[^"]*"$'
"""A cell such as `="00123"`, which makes a spreadsheet keep the text as it is. It has no other meaning."""
APOSTROPHE = r"^'[0-9=+@-]"
PLACEHOLDERS = ("NULL", "null", "N/A", "n/a", "#N/A", "None", "none", r"\N", "NaN", "-", "(blank)", "Never", "never")
"""Texts that often mean no value. They are read as they are, and reported."""
GROUPED = r"^[+-]?\d{1,3}(\.\d{3})+$"
"""Whole numbers with German thousands separators, or numbers with three decimals."""
CURRENCY = "$€£¥"


@dataclass(frozen=True)
class CellRules:
    """How the cells of a column are written. What is not declared is None or empty.

    Attributes:
        empty: texts that mean no value.
        dates: the form of dates or times, in the notation of `strftime`.
        zone: the time zone of times whose form has none; None for UTC.
        decimal: the sign before decimals.
        thousands: the sign between groups of three digits.
        strip: whether to remove an apostrophe before a digit or a sign.
    """

    empty: Sequence[str] = ()
    dates: str | None = None
    zone: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    strip: bool | None = None

    def over(self, all_columns: "CellRules") -> "CellRules":
        """Combine these rules with the rules of the whole report, which apply where these have none."""
        said = {name: getattr(self, name) for name in ("dates", "zone", "decimal", "thousands", "strip")}
        merged = replace(all_columns, **{name: value for name, value in said.items() if value is not None})
        return replace(merged, empty=(*all_columns.empty, *self.empty))


@dataclass(frozen=True)
class ReportCells:
    """How the cells of a report are written.

    Attributes:
        all_columns: the rules for the whole report.
        columns: the rules for single columns, by name.
    """

    all_columns: CellRules = field(default=CellRules())
    columns: Mapping[str, CellRules] = field(default_factory=dict)


def read_cells(frame: pl.DataFrame, cells: ReportCells) -> tuple[pl.DataFrame, list[str]]:
    """Read the cells of a report as they are declared.

    Args:
        frame: a frame of String columns; an empty cell is null.
        cells: the declared rules.

    Returns:
        The frame, with dates as ISO 8601 and numbers with a decimal point; and one sentence for each doubt about a form
        that nobody declared.
    """
    columns, notes = [], []
    for text in frame:
        own = cells.columns.get(text.name)
        rules = own.over(cells.all_columns) if own else cells.all_columns
        column = unguard(text, strip=bool(rules.strip))
        column = drop_empty(column, rules.empty)
        read = read_dates(column, rules, sure=bool(own and own.dates))
        if read is column:
            read = read_numbers(column, rules, sure=bool(own and (own.decimal or own.thousands)))
        columns.append(read)
        notes += find_doubts(column, rules)
    return pl.DataFrame(columns), notes


def unguard(text: pl.Series, *, strip: bool) -> pl.Series:
    """Unwrap cells such as `="00123"` and, if that is declared, cells such as `'00123`."""
    if text.str.starts_with('="').any():
        text = _where(text, text.str.contains(GUARDED), pl.col(text.name).str.slice(2).str.strip_suffix('"'))
    if strip and text.str.starts_with("'").any():
        text = _where(text, text.str.contains(APOSTROPHE), pl.col(text.name).str.slice(1))
    return text


def drop_empty(text: pl.Series, empty: Sequence[str]) -> pl.Series:
    """Turn cells that hold a text that means no value into null, ignoring case and outer blanks."""
    if not empty:
        return text
    meant = [each.strip().lower() for each in empty]
    return _where(text, text.str.strip_chars().str.to_lowercase().is_in(meant), pl.lit(None, pl.String))


def read_dates(text: pl.Series, rules: CellRules, *, sure: bool) -> pl.Series:
    """Rewrite dates and times of the declared form in ISO 8601.

    Args:
        text: the cells.
        rules: how the cells are written.
        sure: whether the form is declared for this column. Otherwise all of its values must have the form.
    """
    if rules.dates is None:
        return text
    bare = text.str.strip_chars()
    if not re.search(r"%[HIMSTRcsXp]", rules.dates):
        read = bare.str.to_date(rules.dates, strict=False).dt.to_string("%Y-%m-%d")
    else:
        # If the form has a zone, Polars uses it and returns UTC.
        moments = bare.str.to_datetime(rules.dates, strict=False, time_unit="us")
        if not isinstance(moments.dtype, pl.Datetime) or moments.dtype.time_zone is None:
            zone = ZoneInfo(rules.zone or "UTC")
            moments = moments.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
        read = moments.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    return _take(text, read, sure=sure)


def read_numbers(text: pl.Series, rules: CellRules, *, sure: bool) -> pl.Series:
    """Rewrite numbers of the declared form as `-1234.5`. A percent sign after a number stays.

    Args:
        text: the cells.
        rules: how the cells are written.
        sure: whether the form is declared for this column. Otherwise all of its values must have the form.
    """
    if rules.decimal is None and rules.thousands is None:
        return text
    decimal = rules.decimal or ("." if rules.thousands != "." else ",")
    thousands = rules.thousands or ""
    group = re.escape(thousands).replace(r"\ ", "[ \u00a0\u202f]")
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if thousands else r"\d+"
    form = rf"^\(?[+-]?[{CURRENCY}]?\s*{whole}(?:{re.escape(decimal)}\d+)?\s*[{CURRENCY}%]?\)?$"
    bare = text.str.strip_chars()
    plain = bare.str.replace_all(rf"[{CURRENCY}\s\u00a0\u202f+]", "")
    if thousands:
        plain = plain.str.replace_all(thousands, "", literal=True)
    plain = plain.str.replace(decimal, ".", literal=True).str.replace(r"^\((.*)\)$", "-$1")
    return _take(text, _where(plain, ~bare.str.contains(form), pl.lit(None, pl.String)), sure=sure)


def find_doubts(text: pl.Series, rules: CellRules) -> list[str]:
    """Find cells of a column that may be ambiguous: one sentence each, with the line that settles the question."""
    doubts = []
    held = text.filter(text.is_in(PLACEHOLDERS))
    if len(held):
        shown = ", ".join(f"{value!r}" for value in sorted(held.unique().to_list()))
        doubts.append(
            f"column {text.name!r} holds {shown} in {len(held):,} cells; if that means no value, say `empty: [{shown}]`"
            " in report.yaml"
        )
    if not rules.strip and text.str.starts_with("'").any() and text.str.contains(APOSTROPHE).any():
        doubts.append(
            f"column {text.name!r} has cells that begin with an apostrophe before a digit or sign; `strip: true` in"
            " report.yaml removes it"
        )
    if rules.decimal is None and rules.thousands is None and text.head(100).str.contains(r"^[+-]?\d+\.\d{3}$").any():
        values = text.drop_nulls()
        if values.str.contains(rf"{GROUPED}|^[+-]?\d{{1,3}}$").all():
            doubts.append(
                f"column {text.name!r} holds numbers such as 1.234, which are read as decimals; if they are thousands,"
                " say `thousands: '.'` in report.yaml, else `decimal: '.'`"
            )
    return doubts


def _take(text: pl.Series, read: pl.Series, *, sure: bool) -> pl.Series:
    """Use the values that could be read, else the text. If some cannot be read, use only text, unless `sure`."""
    if not sure and (read.null_count() > text.null_count() or text.null_count() == len(text)):
        return text
    return pl.select(pl.coalesce(read.alias("read"), text)).to_series().alias(text.name)


def _where(text: pl.Series, mask: pl.Series, value: pl.Expr) -> pl.Series:
    """Replace the cells where the mask is true."""
    other = pl.when(mask).then(value).otherwise(pl.col(text.name))
    return text.to_frame().select(other.alias(text.name)).to_series()
