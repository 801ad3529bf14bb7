"""Values of reports and records as people read them."""

from datetime import date, datetime, time
from typing import Any

import polars as pl

from integration_center.sync.values.fit import kind_of

CELL_CHARACTERS = 80


def name_type(dtype: pl.DataType | None) -> str:
    """What a column holds, for people."""
    if dtype is None:
        return "missing"
    if dtype.is_integer():
        return "whole number"
    return {"datetime": "date and time", "boolean": "yes or no"}.get(kind := kind_of(dtype) or str(dtype), kind)


def show_value(value: Any) -> str | None:
    """A value as people read it: times in UTC, long texts cut; None where there is none."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date() | time():
            return value.isoformat()
        case float():
            return f"{value:,.10g}" if abs(value) < 1e15 else repr(value)
    text = str(value)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"
