"""The first rows of a report, as text with types."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        rows=[[show_value(value) for value in row] for row in frame.head(ROWS).iter_rows()],
        total=frame.height,
    )
