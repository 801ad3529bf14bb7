"""The first rows of a report, as text with types."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration_center.console.shell.moments import show_moment
from integration_center.console.shell.values import name_type, show_value
from integration_center.planning.newest_report import NewestReport

ROWS = 6


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
        columns=[(name, name_type(dtype)) for name, dtype in report.likely_dtypes.items()],
        rows=[[_show(value) for value in row] for row in frame.head(ROWS).iter_rows()],
        total=frame.height,
    )


def _show(value: Any) -> str | None:
    """Show a cell as the report has it. Most reports hold times as text, so none is shown in the viewer's zone."""
    return show_moment(value) if isinstance(value, datetime) else show_value(value)
