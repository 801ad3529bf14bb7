"""Apply what `report.yaml` declares about the columns and cells of a report."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.declared.cell_reader import CellReader
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.wording.near_names import say_nearest


def declare_cells(frame: pl.DataFrame, file: ReportFile) -> tuple[pl.DataFrame, list[str]]:
    """Apply what `report.yaml` declares about columns and cells, and return the frame and the remaining doubts."""
    reader = DeclaredReader(frame.columns, file)
    return reader.read(frame), reader.notes


class DeclaredReader:
    """Applies what `report.yaml` declares about columns and cells, to one slice of the rows after another.

    Args:
        columns: the columns of the file.
        file: the `report.yaml`.
    """

    def __init__(self, columns: Sequence[str], file: ReportFile) -> None:
        found = {name: find_column(name, columns) or name for name in file.columns}
        cells = replace(file.cells, columns={found[name]: rules for name, rules in file.cells.columns.items()})
        ignored = {found[name] for name in file.ignored}
        self._kept = [name for name in columns if name not in ignored]
        self._renamed = {found[name]: new for name, new in file.renamed.items() if found[name] in self._kept}
        self._cells = CellReader(cells)
        self.needs_all_rows = cells.need_all_rows

    def read(self, frame: pl.DataFrame, plain: Collection[str] = ()) -> pl.DataFrame:
        """Read the next rows; all of them at once where `needs_all_rows`.

        Args:
            frame: the rows, under the names of the file.
            plain: columns for `CellReader.read`, under their final names.
        """
        named = [name for name in self._kept if self._renamed.get(name, name) in plain]
        return self._cells.read(frame[self._kept], named).rename(self._renamed)

    def rename(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give the columns that are kept their final names, without reading cells."""
        return frame[self._kept].rename(self._renamed)

    @property
    def columns(self) -> list[str]:
        """The columns of what `read` returns."""
        return [self._renamed.get(name, name) for name in self._kept]

    @property
    def notes(self) -> list[str]:
        """The doubts about the rows that were read, one sentence each."""
        return self._cells.notes


def check_columns(columns: Sequence[str], file: ReportFile, source: str, place: str) -> None:
    """Check that a report has the columns that `report.yaml` names.

    Args:
        columns: the columns of the file.
        file: the `report.yaml`.
        source: the name of the report's file in errors.
        place: the name of the `report.yaml` in errors.

    Raises:
        UnreadableReport: a column is missing.
    """
    absent = [name for name in file.named_columns if find_column(name, columns) is None]
    if absent:
        said = "; ".join(f"column {name!r}: {say_nearest(name, columns)}" for name in absent)
        raise UnreadableReport(
            f"{source}: {place} names columns that the file does not have ({said}). Change one of the two"
        )
