"""The first rows of a report, as text with types."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import polars as pl

from integration_center.report_preview import NewestReport
from integration_center.sync.values import kind_of

ROWS = 6
CELL_CHARACTERS = 80


@dataclass(frozen=True)
class Preview:
    """A table of text.

    Attributes:
        columns: name and type of each.
        rows: cells; None where the report has none.
        total: rows of the report.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str | None]]
    total: int


def build_preview(report: NewestReport) -> Preview:
    """The first rows."""
    frame = report.frame
    return Preview(
        columns=[(name, name_type(dtype)) for name, dtype in frame.schema.items()],
        rows=[[show_value(value) for value in row] for row in frame.head(ROWS).iter_rows()],
        total=frame.height,
    )


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
