"""Apply what `report.yaml` declares about the columns and cells of a report."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.declared.cell_reader import CellReader
from integration_center.insights.declared.column_reader import Locate
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import Rows, name_row
from integration_center.insights.likely_types import find_whole
from integration_center.sync.mapping.doubts import Doubt
from integration_center.wording.near_names import say_nearest


def declare_cells(
    frame: pl.DataFrame, file: ReportFile, locate: Locate = name_row
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Apply what `report.yaml` declares about columns and cells.

    Args:
        frame: all rows, under the names of the file.
        file: the `report.yaml`.
        locate: names a row for people.

    Returns:
        The frame; the remaining doubts; and why a run would refuse the cells, one sentence each.
    """
    reader = DeclaredReader(frame.columns, file)
    named = reader.rename(Rows(frame)).frame
    return reader.read(frame, find_whole(named, named.columns)), reader.list_notes(locate), reader.list_clashes(locate)


class DeclaredReader:
    """Applies what `report.yaml` declares about columns and cells, to one slice of the rows after another.

    Args:
        columns: the columns of the file.
        file: the `report.yaml`.
        settled: see `CellReader`.

    Attributes:
        zones: the declared time zone of each column of what `read` returns that has one.
    """

    def __init__(self, columns: Sequence[str], file: ReportFile, settled: Mapping[str, str] | None = None) -> None:
        found = {name: find_column(name, columns) or name for name in file.columns}
        cells = replace(file.cells, columns={found[name]: rules for name, rules in file.cells.columns.items()})
        ignored = {found[name] for name in file.ignored}
        self._kept = [name for name in columns if name not in ignored]
        self._renamed = {found[name]: new for name, new in file.renamed.items() if found[name] in self._kept}
        self._cells = CellReader(cells, settled)
        self._ruled = {self._renamed.get(name, name) for name in self._kept if cells.has_rules(name)}
        zones = {self._renamed.get(name, name): cells.find(name).zone for name in self._kept}
        self.zones = {name: zone for name, zone in zones.items() if zone}

    def read(self, frame: pl.DataFrame, plain: Collection[str] = ()) -> pl.DataFrame:
        """Read the next rows.

        Args:
            frame: the rows, under the names of the file.
            plain: columns for `CellReader.read`, under their final names.
        """
        named = [name for name in self._kept if self._renamed.get(name, name) in plain]
        kept = frame if frame.columns == self._kept else frame[self._kept]
        return self._cells.read(kept, named).rename(self._renamed)

    def rename(self, rows: Rows) -> Rows:
        """Give the columns that are kept their final names, without reading cells."""
        return rows.rename({self._renamed.get(name, name): name for name in self._kept})

    def find_same(self, names: Iterable[str], before: pl.DataFrame, cells: pl.DataFrame) -> set[str]:
        """Find the columns among `names`, of plain values, whose cells were read as they are."""
        return {name for name in names if name not in self._ruled or cells[name].equals(before[name], null_equal=True)}

    @property
    def columns(self) -> list[str]:
        """The columns of what `read` returns."""
        return [self._renamed.get(name, name) for name in self._kept]

    def list_notes(self, locate: Locate) -> list[str]:
        """List the doubts about the rows that were read, one sentence each."""
        return self._cells.list_notes(locate)

    def find_doubts(self, locate: Locate) -> dict[str, Doubt]:
        """See `CellReader.find_doubts`; by the final names of the columns."""
        found = self._cells.find_doubts(locate)
        return {self._renamed.get(name, name): doubt for name, doubt in found.items()}

    def list_clashes(self, locate: Locate) -> list[str]:
        """See `CellReader.list_clashes`."""
        return self._cells.list_clashes(locate)

    def settle(self) -> dict[str, str] | None:
        """See `CellReader.settle`."""
        return self._cells.settle()


def check_columns(columns: Sequence[str], file: ReportFile, source: str, place: str) -> None:
    """Check that a report has the columns that `report.yaml` names.

    Args:
        columns: the columns of the file.
        file: the `report.yaml`.
        source: the name of the report's file in errors.
        place: the name of the `report.yaml` in errors.

    Raises:
        UnreadableReport: a column is missing, or two would have one name.
    """
    absent = [name for name in file.named_columns if find_column(name, columns) is None]
    check_names(columns, file, source, place)
    if absent:
        said = "; ".join(f"column {name!r}: {say_nearest(name, columns)}" for name in absent)
        raise UnreadableReport(
            f"{source}: {place} names columns that the file does not have ({said}). Change one of the two"
        )


def check_names(columns: Sequence[str], file: ReportFile, source: str, place: str) -> None:
    """Check that no two columns have one name when `report.yaml` has renamed them; see `check_columns`."""
    final: dict[str, str] = {}
    ignored = {find_column(name, columns) for name in file.ignored}
    renamed = {find_column(name, columns): new for name, new in file.renamed.items()}
    for name in columns:
        if name in ignored:
            continue
        other = final.setdefault(renamed.get(name, name), name)
        if other != name:
            raise UnreadableReport(
                f"{source}: {place} gives the columns {other!r} and {name!r} one name, {renamed.get(name, name)!r};"
                " choose another name, or leave one out by `ignore: true`"
            )
