"""Read cells as the report declares them: which texts mean no value, and how dates and numbers are written.

A form that is declared for a column applies to that column. A form that is declared for the whole report applies to the
columns whose values all have it. A cell that does not fit stays as it is, and is checked against its field later.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from integration_center.sync.values.booleans import FALSE_WORDS, TRUE_WORDS

GUARD = '="'
GUARDED = r'^="[^"]*"$'
"""A cell such as `="00123"`, which makes a spreadsheet keep the text as it is. It has no other meaning."""
APOSTROPHE = r"^'[0-9=+@-]"
CURRENCY = r"\p{Sc}"
"""The signs of currencies, such as $, € and ₹."""
CURRENCY_CODES = (
    r"(?:AED|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SAR|SEK|SGD|THB|TRY|USD"
    r"|ZAR)"
)
"""Codes of currencies (ISO 4217) before or behind a number. Any three letters would make numbers of other codes."""
CURRENCY_WORDS = r"(?:zł|[Kk]r\.?|Kč|Ft|лв\.?|lei|TL|S?Fr\.|руб\.?|грн\.?|(?:US|CA|AU|NZ|HK|NT|MX|[ACRS])\$)"
"""What is written for currencies that have no sign of their own, and for the dollars of countries."""
MONEY = rf"(?:{CURRENCY}|{CURRENCY_CODES}|{CURRENCY_WORDS})"
"""A currency before or behind a number."""
GROUP_SIGNS = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
"""The signs that a declared sign between groups of digits also means: special blanks, and the curved apostrophe."""

OVERRIDING = ("dates", "zone", "decimal", "thousands", "strip", "true_values", "false_values")
"""The rules of a column that replace those of the whole report."""


@dataclass(frozen=True)
class CellRules:
    """How the cells of a column are written. What is not declared is None or empty.

    Attributes:
        empty: texts that mean no value.
        dates: the forms of dates or times, in the notation of `strftime`, or words for dates that are counted.
        zone: the time zone of times whose form has none; None for UTC.
        decimal: the sign before decimals.
        thousands: the sign between groups of three digits.
        strip: whether to remove an apostrophe before a digit or a sign.
        true_values: texts that mean yes, besides those that are read anyway.
        false_values: texts that mean no, likewise.
    """

    empty: Sequence[str] = ()
    dates: tuple[str, ...] = ()
    zone: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    strip: bool | None = None
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()

    @property
    def decimal_sign(self) -> str:
        """The sign before decimals that is declared, or that the declared sign between thousands leaves."""
        return self.decimal or ("." if self.thousands != "." else ",")

    def over(self, all_columns: "CellRules") -> "CellRules":
        """Combine these rules with the rules of the whole report, which apply where these have none."""
        said = {name: getattr(self, name) for name in OVERRIDING}
        merged = replace(all_columns, **{name: value for name, value in said.items() if value not in (None, ())})
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

    def has_rules(self, column: str) -> bool:
        """Return whether anything is declared about the cells of a column."""
        return any(vars(self.find(column)).values())

    def find(self, column: str) -> CellRules:
        """Find the rules that apply to a column."""
        own = self.columns.get(column)
        return own.over(self.all_columns) if own else self.all_columns


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
    return _where(text, text.to_frame().select(mean_nothing(pl.first(), empty)).to_series(), pl.lit(None, pl.String))


def mean_nothing(text: pl.Expr, empty: Sequence[str]) -> pl.Expr:
    """Return whether cells hold a text that means no value, ignoring case and outer blanks."""
    return text.str.strip_chars().str.to_lowercase().is_in([each.strip().lower() for each in empty])


def read_words(text: pl.Series, rules: CellRules) -> pl.Series:
    """Rewrite texts that mean yes or no as `true` and `false`, ignoring case and outer blanks; null for other text."""
    words = {word: "true" for word in TRUE_WORDS} | {word: "false" for word in FALSE_WORDS}
    words |= {word.strip().lower(): "true" for word in rules.true_values}
    words |= {word.strip().lower(): "false" for word in rules.false_values}
    return text.str.strip_chars().str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)


def read_numbers(text: pl.Series, rules: CellRules) -> pl.Series:
    """Rewrite numbers of the declared form as `-1234.5`; null where a cell does not have it.

    A percent sign after a number stays.
    """
    decimal = rules.decimal_sign
    bare = text.str.strip_chars()
    fits = bare.str.contains(number_form(decimal, rules.thousands))
    if not fits.any():
        return pl.Series(text.name, [None], pl.String).new_from_index(0, len(text))
    plain = bare.str.replace_all("\u2212", "-").str.replace_all(rf"{MONEY}|[\s+]", "")
    if rules.thousands:
        plain = plain.str.replace_all(group_form(rules.thousands), "")
    plain = plain.str.replace(decimal, ".", literal=True).str.replace(r"^\((.*)\)$", "-$1")
    plain = plain.str.replace(r"^([^-]*)-(%?)$", "-$1$2")
    return _where(plain, ~fits, pl.lit(None, pl.String))


def group_form(thousands: str) -> str:
    """Return the pattern of a declared sign between groups of digits."""
    return f"[{GROUP_SIGNS.get(thousands, re.escape(thousands))}]"


def number_form(decimal: str, thousands: str | None) -> str:
    """Return the pattern of numbers with these signs: `1.234,5`, `(12)`, `12-`, `$1,200.00`, `EUR 5`, `5 kr`."""
    group = group_form(thousands) if thousands else ""
    indian = rf"[1-9]\d?(?:{group}\d{{2}})+{group}\d{{3}}"  # 12,34,567
    whole = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|{indian}|\d+)" if thousands else r"\d+"
    number = rf"{whole}(?:{re.escape(decimal)}\d+)?\s*"
    unit = rf"(?:%|{MONEY})?"
    before = rf"(?:[+\-\u2212]?\s?{MONEY}?\s*|{MONEY}\s*[+\-\u2212]?)"
    signed = rf"{before}{number}{unit}"
    behind = rf"{MONEY}?\s*{number}{unit}\s*[\-\u2212]\s*{unit}"
    negative = rf"(?:{MONEY}\s*)?\({MONEY}?\s*{number}{unit}\)|{behind}"
    return rf"^(?:{signed}|{negative})$"


def _where(text: pl.Series, mask: pl.Series, value: pl.Expr) -> pl.Series:
    """Replace the cells where the mask is true."""
    other = pl.when(mask).then(value).otherwise(pl.col(text.name))
    return text.to_frame().select(other.alias(text.name)).to_series()
