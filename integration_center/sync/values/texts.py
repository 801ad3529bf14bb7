r"""Convert text, e-mail addresses and picklist values to what the org stores.

Length is counted in UTF-16 units, as in Java (an emoji counts 2). Where Salesforce counts code points instead, text
that fits here still fits there. Counting code points here could let through text that Salesforce refuses.

Line breaks become `\n`, the line ending that Bulk jobs declare. In single-line fields they become a blank, because the
org stores them differently by channel, and a value that comes back changed would be sent again every day.
Other control characters are dropped: every channel passes through XML, which cannot carry them.
"""

from collections.abc import Callable, Iterable

import polars as pl

from integration_center.sync.schema import SObjectField
from integration_center.sync.values.distinct import map_distinct
from integration_center.sync.values.rich_text import canonical_rich_text
from integration_center.sync.values.rules import FittedValue, Rule, judge_value, say, say_of

LINE_BREAK = r"\r\n?|[\x0b\x0c\x{85}\x{2028}\x{2029}]"
CONTROL_CHARACTER = r"[\x00-\x08\x0e-\x1f\x7f\x{fffe}\x{ffff}]"
BEYOND_BMP = r"[\x{10000}-\x{10ffff}]"
FILLER = "\uffff"
"""A noncharacter. Cleaned text does not contain it, because `CONTROL_CHARACTER` matches it too."""
EMAIL = r"^[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+\.[^\s@,;:<>()\[\]\\\".]+$"
NULL_MARK = "#N/A"
"""The text that clears a field in a Bulk job, and so cannot be stored as text (reference/salesforce-api.md, 6.2)."""
MULTIPLE = ";"
RANK_DIGITS = 5
UNKNOWN_RANK = "9" * RANK_DIGITS


def normalise_line_breaks(text: pl.Expr) -> pl.Expr:
    """Turn all line breaks into line feeds. Text typed into the web pages of the org has CR LF."""
    return text.str.replace_all(LINE_BREAK, "\n")


def clean_text(text: pl.Expr, field: SObjectField) -> pl.Expr:
    """Clean text as the org does: remove control characters, trim outer blanks, and turn blank text into null."""
    cleaned = normalise_line_breaks(text).str.replace_all(CONTROL_CHARACTER, "")
    if field.type != "textarea":
        cleaned = cleaned.str.replace_all(r"[ \t]*\n\s*", " ")
    return blank_to_null(cleaned.str.strip_chars())


def blank_to_null(text: pl.Expr) -> pl.Expr:
    """Turn empty text into null, because Salesforce does not store empty text."""
    return pl.when(text.str.len_bytes() > 0).then(text)


def count_units(text: pl.Expr) -> pl.Expr:
    """Return the length in UTF-16 units."""
    return text.str.len_chars() + text.str.count_matches(BEYOND_BMP)


def measure_texts(rows: pl.LazyFrame, columns: Iterable[str]) -> dict[str, int]:
    """Measure the longest text of each of the columns, in UTF-16 units. Columns that hold no text are left out."""
    schema = rows.collect_schema()
    texts = {name for name in columns if schema.get(name) == pl.String}
    longest = rows.select(count_units(pl.col(name)).max().fill_null(0) for name in texts)
    return longest.collect(engine="streaming").row(0, named=True) if texts else {}


def truncate_text(text: pl.Expr, length: int) -> pl.Expr:
    """Return the first `length` UTF-16 units, or one unit less where the cut would split a character."""
    # A filler after each two-unit character makes characters and units equal in number. A two-unit character that is
    # cut off from its filler is dropped.
    units = text.str.replace_all(f"({BEYOND_BMP})", "${1}" + FILLER).str.head(length)
    whole = units.str.replace(f"{BEYOND_BMP}$", "").str.replace_all(FILLER, "", literal=True)
    return blank_to_null(whole.str.strip_chars_end())


def fit_text(text: pl.Expr, field: SObjectField, *, truncate: bool) -> FittedValue:
    """Fit canonical text to a text field.

    Rich text is never cut, because a cut could split a tag. Its length counts `&` as the stored `&amp;`.
    """
    value = clean_text(text, field)
    rules: list[Rule] = []
    if field.type == "email":
        # Salesforce stores e-mail addresses in lowercase, so anything else would differ on every run.
        value = value.str.to_lowercase()
        rules.append(Rule(~value.str.contains(EMAIL), "BAD_EMAIL", say_of(value, "is not an e-mail address")))
    if field.length:
        if field.html_formatted:
            rules.append(_too_long(canonical_rich_text(value), field.length))
        elif truncate and field.type != "email":
            value = truncate_text(value, field.length)
        else:
            rules.append(_too_long(value, field.length))
    return judge_value(value, [_null_mark(value), *rules])


def fit_picklist(text: pl.Expr, field: SObjectField) -> FittedValue:
    """Fit text to a picklist: use the API name that is equal, else the one that differs only in case.

    A value that is not in the picklist is unfit when the picklist is restricted; otherwise it is stored as text.
    """
    return _fit_distinct(text, lambda distinct: _fit_single(distinct, field))


def fit_multipicklist(text: pl.Expr, field: SObjectField) -> FittedValue:
    """Fit `;`-separated text to a multi-select picklist: fit each value as in a picklist, sort, and drop repeats."""
    return _fit_distinct(text, lambda distinct: _fit_multiple(distinct, field))


def normalise_multipicklist(text: pl.Expr, field: SObjectField) -> pl.Expr:
    """Write the set of values as one text: API names in the picklist's order, without repeats, unknown values last."""
    return map_distinct(text, lambda distinct: _order_values(distinct, field))


def _fit_distinct(text: pl.Expr, fit: Callable[[pl.Expr], FittedValue]) -> FittedValue:
    return FittedValue(
        value=map_distinct(text, lambda distinct: fit(distinct).value),
        code=map_distinct(text, lambda distinct: fit(distinct).code),
        reason=map_distinct(text, lambda distinct: fit(distinct).reason),
    )


def _fit_single(text: pl.Expr, field: SObjectField) -> FittedValue:
    cleaned = clean_text(text, field)
    value = _to_api_name(cleaned, field)
    rules = [_null_mark(cleaned)]
    if field.restricted_picklist:
        unknown = cleaned.is_not_null() & value.is_null()
        rules.append(Rule(unknown, "NOT_IN_PICKLIST", say_of(cleaned, "is not a value of the restricted picklist")))
    value = pl.coalesce(value, cleaned)
    if field.length:
        rules.append(_too_long(value, field.length))
    return judge_value(value, rules)


def _fit_multiple(text: pl.Expr, field: SObjectField) -> FittedValue:
    cleaned = clean_text(text, field)
    value = _order_values(cleaned, field)
    rules = [_null_mark(cleaned)]
    if field.restricted_picklist:
        unknown = value.str.split(MULTIPLE).list.eval(~pl.element().is_in(list(field.picklist))).list.any()
        rules.append(Rule(unknown, "NOT_IN_PICKLIST", say_of(cleaned, "holds a value outside the restricted picklist")))
    if field.length:
        rules.append(_too_long(value, field.length))
    return judge_value(value, rules)


def _order_values(text: pl.Expr, field: SObjectField) -> pl.Expr:
    ranks = {value: f"{rank:0{RANK_DIGITS}}" for rank, value in enumerate(field.picklist)}
    element = pl.element().str.strip_chars()
    name = pl.coalesce(_to_api_name(element, field), element)
    rank = name.replace_strict(ranks, default=UNKNOWN_RANK, return_dtype=pl.String)
    ranked = pl.when(element.str.len_bytes() > 0).then(pl.concat_str(rank, name))
    values = text.str.split(MULTIPLE).list.eval(ranked).list.drop_nulls().list.unique().list.sort()
    return blank_to_null(values.list.eval(pl.element().str.slice(RANK_DIGITS)).list.join(MULTIPLE))


def _to_api_name(text: pl.Expr, field: SObjectField) -> pl.Expr:
    """Return the picklist's own spelling; null for a value that is not in the picklist."""
    folded = {value.lower(): value for value in reversed(field.picklist)}
    exact = {value: value for value in field.picklist}
    return pl.coalesce(
        text.replace_strict(exact, default=None, return_dtype=pl.String),
        text.str.to_lowercase().replace_strict(folded, default=None, return_dtype=pl.String),
    )


def _null_mark(text: pl.Expr) -> Rule:
    return Rule(
        text == NULL_MARK, "NOT_STORABLE", say(f"'{NULL_MARK}' cannot be stored: it clears the field in Bulk jobs")
    )


def _too_long(text: pl.Expr, length: int) -> Rule:
    units = count_units(text)
    return Rule(units > length, "TOO_LONG", pl.format("has {} characters; the field holds {}", units, pl.lit(length)))
