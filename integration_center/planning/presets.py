"""Named ways to make a value, such as a sum or NPS: each writes the SQL, which people can edit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import polars as pl

from integration_center.integration.expression import parse_expression
from integration_center.integration.spec import Rows
from integration_center.integration.sql_words import quote_name, quote_text

OWN_SQL = "sql"
"""How a value is called that no preset writes."""
COMPARED = re.compile(r"\s*(?P<sign>>=|<=|<>|!=|=|>|<)?\s*(?P<value>.*?)\s*", re.DOTALL)
BAND = re.compile(r"\s*(?P<name>.*?\S)\s+(?P<from>-?\d+(?:\.\d+)?)\s*")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Preset:
    """One named way to make a value of a column.

    Attributes:
        label: what people call it; the name of the column follows.
        rolls_up: whether it makes one value of all rows of a key. The others work on single rows, too.
        argument: what has to be said besides the column; empty for nothing.
        example: of the argument.
    """

    label: str
    rolls_up: bool = True
    argument: str = ""
    example: str = ""


PRESETS: Mapping[str, Preset] = {
    "sum": Preset("Sum of"),
    "mean": Preset("Mean of"),
    "count": Preset("Number of rows with"),
    "distinct": Preset("Number of different values of"),
    "newest": Preset("Newest row's"),
    "oldest": Preset("Oldest row's"),
    "share": Preset("Percent of rows where", argument="is", example="Completed, or >= 80"),
    "nps": Preset("NPS of"),
    "days": Preset("Days since", rolls_up=False),
    "bands": Preset(
        "Bands of", rolls_up=False, argument="names and where they begin", example="Active 0, Fading 15, Gone 31"
    ),
}
PLAIN: Mapping[str, str] = {
    "count": "COUNT({})",
    "distinct": "COUNT(DISTINCT {})",
    "newest": "LAST({})",
    "oldest": "FIRST({})",
}


def write_value(name: str, column: str, dtype: pl.DataType, rows: Rows, argument: str = "") -> str:
    """Write the SQL of a preset.

    Args:
        name: one of `PRESETS`.
        column: the report column.
        dtype: what the column holds.
        rows: see `IntegrationSpec.rows`.
        argument: see `Preset.argument`.

    Raises:
        ValueError: the argument is missing or wrong.
    """
    quoted = quote_name(column)
    number = quoted if dtype.is_numeric() else write_number(column)
    match name:
        case "sum":
            return f"SUM({number})"
        case "mean":
            return f"AVG({number})"
        case "share":
            return f"100.0 * SUM(CASE WHEN {_compare(quoted, dtype, argument)} THEN 1 ELSE 0 END) / COUNT(*)"
        case "nps":
            return (
                f"100.0 * (SUM(CASE WHEN {number} >= 9 THEN 1 ELSE 0 END)"
                f" - SUM(CASE WHEN {number} <= 6 THEN 1 ELSE 0 END)) / COUNT({number})"
            )
        case "days":
            return _count_days(quoted, rows)
        case "bands":
            rolled = f"AVG({number})" if rows == "all" else number
            return _write_bands(_count_days(quoted, rows) if dtype.is_temporal() else rolled, argument)
    return PLAIN[name].format(quoted)


def write_number(column: str) -> str:
    """Write the SQL of a text column's numbers; a text that is none becomes null."""
    return f"TRY_CAST({quote_name(column)} AS DOUBLE)"


def recognise(value: str, rows: Rows) -> tuple[str, str] | None:
    """Return the preset and the column of an SQL that a preset without an argument writes; None for any other."""
    try:
        columns = parse_expression(value).columns
    except ValueError:
        return None
    if len(columns) != 1:
        return None
    plain = [name for name, preset in PRESETS.items() if not preset.argument]
    for name, dtype in product(plain, (pl.Float64(), pl.String())):
        if write_value(name, columns[0], dtype, rows) == value.strip():
            return name, columns[0]
    return None


def _count_days(quoted: str, rows: Rows) -> str:
    return f"RUN_DATE - CAST({f'MAX({quoted})' if rows == 'all' else quoted} AS DATE)"


def _compare(quoted: str, dtype: pl.DataType, argument: str) -> str:
    found = COMPARED.fullmatch(argument)
    if found is None or not found["value"]:
        raise ValueError("Say what the column has to be, such as Completed, or >= 80.")
    sign, value = found["sign"] or "=", found["value"]
    if dtype.is_numeric() and not NUMBER.fullmatch(value):
        raise ValueError(f"The column holds numbers, and {value!r} is none.")
    if isinstance(dtype, pl.Boolean) and value.lower() not in ("true", "false"):
        raise ValueError("The column is true or false; write one of the two.")
    is_bare = dtype.is_numeric() or isinstance(dtype, pl.Boolean)
    return f"{quoted} {sign} {value.upper() if is_bare else quote_text(value)}"


def _write_bands(measured: str, argument: str) -> str:
    bands = [BAND.fullmatch(part) for part in argument.split(",")]
    found = [(float(band["from"]), band["from"], band["name"]) for band in bands if band]
    if not found or len(found) < len(bands):
        raise ValueError("Say each band's name and where it begins, such as: Active 0, Fading 15, Gone 31")
    whens = [f"WHEN {measured} >= {begin} THEN {quote_text(name)}" for _, begin, name in sorted(found, reverse=True)]
    return f"CASE {' '.join(whens)} END"
