"""Read cells as the report declares them: which texts mean no value, and how dates and numbers are written.

A form that is declared for a column applies to that column. A form that is declared for the whole report applies to the
columns whose values all have it. A cell that does not fit stays as it is, and is checked against its field later.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from integration_center.insights.declared.option_lines import write_column_line
from integration_center.sync.values.moments import read_moment

GUARD = '="'
GUARDED = r'^="[^"]*"$'
"""A cell such as `="00123"`, which makes a spreadsheet keep the text as it is. It has no other meaning."""
APOSTROPHE = r"^'[0-9=+@-]"
PLACEHOLDERS = ("NULL", "null", "N/A", "n/a", "#N/A", "None", "none", r"\N", "NaN", "-", "(blank)", "Never", "never")
"""Texts that often mean no value. They are read as they are, and reported."""
CURRENCY = "$€£¥"
GROUP_SIGNS = {" ": " \u00a0\u202f", "'": "'\u2019"}
"""The signs that a declared sign between groups of digits also means: special blanks, and the curved apostrophe."""
SOME_MOMENT = datetime(2026, 11, 22, 19, 5, 9, tzinfo=UTC)
LETTERS = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "hh": "%H", "ss": "%S"}
HAS_TIME = re.compile(r"%-?[HIMSTRcsXprkl+]")
NAMES_ZONE = r"(?i):.*([+-]|z|utc|gmt)"
EXCEL, EXCEL_1904 = "excel", "excel_1904"
DAY = 86_400_000_000
COUNTED = {"epoch": 1_000_000, "epoch_ms": 1_000, EXCEL: DAY, EXCEL_1904: DAY}
"""The words for dates that are counted, and the microseconds of their unit."""
EXCEL_STARTS = {EXCEL: -25_569 * DAY, EXCEL_1904: -24_107 * DAY}
"""The day 0 of workbooks, 30 December 1899, or 1 January 1904 in old ones of the Mac, in microseconds since 1970."""


@dataclass(frozen=True)
class CellRules:
    """How the cells of a column are written. What is not declared is None or empty.

    Attributes:
        empty: texts that mean no value.
        dates: the form of dates or times, in the notation of `strftime`, or one of `COUNTED`.
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

    def find(self, column: str) -> CellRules:
        """Find the rules that apply to a column."""
        own = self.columns.get(column)
        return own.over(self.all_columns) if own else self.all_columns

    @property
    def need_all_rows(self) -> bool:
        """Whether a rule depends on all cells of a column, so that a slice of the rows does not suffice."""
        return any(
            rules.dates or rules.zone or rules.decimal or rules.thousands
            for rules in (self.all_columns, *self.columns.values())
        )


def read_column(text: pl.Series, rules: CellRules, own: CellRules | None) -> tuple[pl.Series, list[str]]:
    """Read the dates or numbers of a column as they are declared.

    A form that is declared for this column applies to each cell that has it. A form of the whole report applies if all
    values of the column have it. Dates that can mean one thing only are read in any form, so they fit each one.

    Args:
        text: the cells.
        rules: how the cells are written.
        own: what of that is declared for this column alone.

    Returns:
        The cells, and a sentence if only some of the cells have the form.
    """
    if text.null_count() == len(text):
        return text, []
    forms = (
        ("dates", bool(own and own.dates), read_mixed_dates(text, rules)),
        ("zone", bool(own and own.zone), None if rules.dates else shift_zone(text, rules.zone)),
        ("decimal", bool(own and (own.decimal or own.thousands)), read_numbers(text, rules)),
    )
    notes = []
    for option, sure, read in forms:
        values = len(text) - text.null_count()
        odd = values if read is None else read.null_count() - text.null_count()
        if read is not None and (odd == 0 or (sure and odd < values)):
            notes += [say_misfits(text.name, option, rules, odd, values, kept=False)] if odd else []
            return pl.select(pl.coalesce(read.alias("read"), text)).to_series().alias(text.name), notes
        half = (option == "dates" and odd < values) or (option == "decimal" and needs_signs(text, read))
        if read is not None and (sure or half):
            notes.append(say_misfits(text.name, option, rules, odd, values, kept=True))
    return text, notes


def needs_signs(text: pl.Series, read: pl.Series | None) -> bool:
    """Return whether some cells are other numbers, or numbers at all, by their declared signs, as `1.234,5` is."""
    return read is not None and bool((read != text.str.replace_all(r"[\s+]", "")).any())


def say_misfits(column: str, option: str, rules: CellRules, odd: int, values: int, *, kept: bool) -> str:
    """Say that some cells of a column do not have the declared form."""
    option = option if getattr(rules, option) else "thousands"
    declared = getattr(rules, option)
    said = (
        f"column {column!r}: {odd:,} of {values:,} values do not have the form of `{option}: {declared}` in report.yaml"
    )
    if not kept:
        return f"{said}, and are read as they are"
    alone = f"; to read the others, say it for this column: `{write_column_line({column: {option: declared}})}`"
    return f"{said}, so the column is read as it is{alone if odd < values else ''}"


def unguard(text: pl.Series, *, strip: bool) -> pl.Series:
    """Unwrap cells such as `="00123"` and, if that is declared, cells such as `'00123`."""
    if text.str.starts_with(GUARD).any():
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


def read_mixed_dates(text: pl.Series, rules: CellRules) -> pl.Series | None:
    """See `read_dates`. Beside some dates of the form, those that need no declaration are read, too."""
    read = read_dates(text, rules)
    if read is None or read.null_count() in (text.null_count(), len(text)):
        return read
    zoned = shift_zone(text, rules.zone)
    known = pl.select(read_moment(pl.lit(text), pl.String())).to_series().is_not_null()
    plain = _where(text if zoned is None else zoned.alias(text.name), ~known, pl.lit(None, pl.String))
    return pl.select(pl.coalesce(read.alias("read"), plain.alias("plain"))).to_series()


def read_dates(text: pl.Series, rules: CellRules) -> pl.Series | None:
    """Rewrite dates and times of the declared form in ISO 8601; null where a cell does not have it.

    None when no form is declared.
    """
    if rules.dates is None:
        return None
    bare = text.str.strip_chars()
    if rules.dates in COUNTED:
        return read_counted(bare, rules.dates, rules.zone)
    if not HAS_TIME.search(rules.dates):
        return bare.str.to_date(rules.dates, strict=False).dt.to_string("%Y-%m-%d")
    moments = bare.str.to_datetime(rules.dates, strict=False, time_unit="us")
    return _write_moments(moments, rules.zone)


def read_counted(text: pl.Series, dates: str, zone: str | None) -> pl.Series:
    """Rewrite seconds or milliseconds since 1970, or Excel's days, in ISO 8601; null for other text."""
    count = text.str.extract(r"^(\d+(?:\.\d+)?)$").cast(pl.Float64, strict=False)
    microseconds = (count * COUNTED[dates]).round().cast(pl.Int64, strict=False)
    if dates in EXCEL_STARTS:
        # Excel holds a second as a fraction of a day, so the last digits are never exact.
        whole = (microseconds / 1_000_000).round().cast(pl.Int64) * 1_000_000
        return _write_moments((whole + EXCEL_STARTS[dates]).cast(pl.Datetime("us")), zone)
    return _write_moments(microseconds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), None)


def shift_zone(text: pl.Series, zone: str | None) -> pl.Series | None:
    """Rewrite times that name no zone as UTC; null where a cell is not a date or time.

    Dates, and times with a zone of their own, stay. None when no zone is declared, or the column has no such time.
    """
    if zone is None:
        return None
    cells = text.to_frame("text").select(
        pl.col("text"),
        read_moment(pl.col("text"), pl.String()).alias("moment"),
        (pl.col("text").str.contains(":", literal=True) & ~pl.col("text").str.contains(NAMES_ZONE)).alias("naive"),
    )
    if not cells["naive"].any():
        return None
    shifted = _write_moments(cells["moment"].dt.replace_time_zone(None), zone).alias("shifted")
    read = pl.when("naive").then("shifted").otherwise("text")
    return cells.with_columns(shifted).select(pl.when(pl.col("moment").is_not_null()).then(read)).to_series()


def read_numbers(text: pl.Series, rules: CellRules) -> pl.Series | None:
    """Rewrite numbers of the declared form as `-1234.5`; null where a cell does not have it.

    A percent sign after a number stays. None when no form is declared.
    """
    if rules.decimal is None and rules.thousands is None:
        return None
    decimal = rules.decimal or ("." if rules.thousands != "." else ",")
    bare = text.str.strip_chars()
    plain = bare.str.replace_all("\u2212", "-").str.replace_all(rf"[{CURRENCY}\s\u00a0\u202f+]", "")
    if rules.thousands:
        plain = plain.str.replace_all(f"[{GROUP_SIGNS.get(rules.thousands, re.escape(rules.thousands))}]", "")
    plain = plain.str.replace(decimal, ".", literal=True).str.replace(r"^\((.*)\)$", "-$1")
    plain = plain.str.replace(r"^([^-]*)-(%?)$", "-$1$2")
    return _where(plain, ~bare.str.contains(number_form(decimal, rules.thousands)), pl.lit(None, pl.String))


def number_form(decimal: str, thousands: str | None) -> str:
    """Return the regular expression of numbers with these signs: `1.234,5`, `(12)`, `12-`, `$1,200.00`, `50 %`."""
    group = f"[{GROUP_SIGNS.get(thousands, re.escape(thousands))}]" if thousands else ""
    whole = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)" if thousands else r"\d+"
    number = rf"{whole}(?:{re.escape(decimal)}\d+)?\s*"
    before = rf"(?:[+\-\u2212]?\s?[{CURRENCY}]?\s*|[{CURRENCY}]\s*[+\-\u2212]?)"
    signed = rf"{before}{number}[{CURRENCY}%]?"
    negative = rf"\([{CURRENCY}]?\s*{number}[{CURRENCY}%]?\)|[{CURRENCY}]?\s*{number}[\-\u2212]\s*[{CURRENCY}%]?"
    return rf"^(?:{signed}|{negative})$"


def _write_moments(moments: pl.Series, zone: str | None) -> pl.Series:
    """Write times as ISO 8601 in UTC. Times that name no zone are in `zone`."""
    if not isinstance(moments.dtype, pl.Datetime) or moments.dtype.time_zone is None:
        name, hour = ZoneInfo(zone or "UTC").key, timedelta(hours=1)
        local = moments.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
        # In the hour that summer time leaves out, clocks that were not put forward show a time that never was.
        before = (moments - hour).dt.replace_time_zone(name, ambiguous="earliest", non_existent="null") + hour
        moments = pl.select(pl.coalesce(local.alias("local"), before.alias("before"))).to_series()
    utc = moments.dt.convert_time_zone("UTC")
    return utc.dt.to_string("%Y-%m-%dT%H:%M:%SZ").alias(moments.name)


def check_dates(form: str, *, all_columns: bool) -> str:
    """Check the form of dates that `report.yaml` declares, and return it.

    Args:
        form: the form.
        all_columns: whether it is declared for the whole report.

    Raises:
        ValueError: no date can be read in this form.
    """
    if form in COUNTED:
        if all_columns:  # every column of whole numbers would become dates
            raise ValueError(
                f"{form!r} must be said for a column, such as `columns: {{Last Login: {{dates: {form}}}}}`"
            )
        return form
    if "%" not in form:
        minutes = re.sub(r"(?i)(?<=:)mm", "%M", form)
        written = re.sub(r"(?i)yyyy|yy|mm|dd|hh|ss", lambda found: LETTERS[found[0].lower()], minutes)
        raise ValueError(f"{form!r} is not a form in the notation of strftime, such as {written!r}")
    form = form.replace(".%f", "%.f")  # as Python writes fractions of a second
    try:
        shown = pl.Series([SOME_MOMENT]).dt.to_string(form)
        read = shown.str.to_datetime(form) if HAS_TIME.search(form) else shown.str.to_date(form)
        if read.cast(pl.Date)[0] == SOME_MOMENT.date():
            return form
    except pl.exceptions.PolarsError:
        pass  # the form has letters that nothing is written for
    raise ValueError(f"{form!r} does not tell a day in the notation of strftime, as '%d.%m.%Y' does")


def _where(text: pl.Series, mask: pl.Series, value: pl.Expr) -> pl.Series:
    """Replace the cells where the mask is true."""
    other = pl.when(mask).then(value).otherwise(pl.col(text.name))
    return text.to_frame().select(other.alias(text.name)).to_series()
