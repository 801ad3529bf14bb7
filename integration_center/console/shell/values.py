"""Values of reports and records as people read them."""

from datetime import date, datetime, time
from itertools import takewhile
from typing import Any

import polars as pl

from integration_center.console.shell.moments import mark_stamp
from integration_center.sync.mapping.type_names import name_dtype

CELL_CHARACTERS = 80
COMPARED = 6
"""Texts that are shorter are shown as wholly changed."""


def name_type(dtype: pl.DataType | None) -> str:
    """What a column holds, for people."""
    if dtype is None:
        return "missing"
    return name_dtype(dtype)


def show_value(value: Any) -> str | None:
    """A value as people read it: times in the viewer's zone, long texts cut; None where there is none.

    Dates and times of day have no zone and stay as they are.
    """
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case datetime():
            return mark_stamp(value)
        case date() | time():
            return value.isoformat()
        case float():
            return f"{value:,.15g}" if abs(value) < 1e15 else repr(value)
    text = str(value)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"


def split_change(before: Any, after: Any) -> tuple[str, str, str, str]:
    """What two values share at their start, what each has alone, and what they share at their end, as people read them.

    Only texts of some length are compared by character: of short ones and of numbers, the whole value has changed.
    """
    old, new = show_value(before) or "", show_value(after) or ""
    if not (isinstance(before, str) and isinstance(after, str)) or min(len(old), len(new)) < COMPARED:
        return "", old, new, ""
    head = _count_same(old, new)
    tail = _count_same(old[head:][::-1], new[head:][::-1])
    return old[:head], old[head : len(old) - tail], new[head : len(new) - tail], old[len(old) - tail :]


def _count_same(first: str, second: str) -> int:
    """Count the characters that two texts share at their start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
