"""Apply what `report.yaml` declares about the columns and cells of a report."""

from dataclasses import replace

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.cells import read_cells
from integration_center.insights.column_names import find_column
from integration_center.insights.report_yaml import ReportFile
from integration_center.wording.near_names import say_nearest


def declare_cells(frame: pl.DataFrame, file: ReportFile) -> tuple[pl.DataFrame, list[str]]:
    """Apply what `report.yaml` declares about columns and cells, and return the frame and the remaining doubts."""
    found = {name: find_column(name, frame.columns) or name for name in file.columns}
    frame = frame.drop([found[name] for name in file.ignored])
    cells = replace(file.cells, columns={found[name]: rules for name, rules in file.cells.columns.items()})
    frame, doubts = read_cells(frame, cells)
    return frame.rename(
        {found[name]: new for name, new in file.renamed.items() if found[name] in frame.columns}
    ), doubts


def check_columns(frame: pl.DataFrame, file: ReportFile, source: str, place: str) -> None:
    """Check that a report has the columns that `report.yaml` names.

    Args:
        frame: the report, with the names of the file.
        file: the `report.yaml`.
        source: the name of the report's file in errors.
        place: the name of the `report.yaml` in errors.

    Raises:
        UnreadableReport: a column is missing.
    """
    absent = [name for name in file.named_columns if find_column(name, frame.columns) is None]
    if absent:
        said = "; ".join(f"column {name!r}: {say_nearest(name, frame.columns)}" for name in absent)
        raise UnreadableReport(
            f"{source}: {place} names columns that the file does not have ({said}). Change one of the two"
        )
