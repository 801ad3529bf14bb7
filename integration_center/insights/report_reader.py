"""Read the rows of a report's files, one slice after another, as they are declared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.catalogue import ColumnType, ReportInfo, fit_columns
from integration_center.insights.column_names import find_column
from integration_center.insights.columns import DeclaredTypes
from integration_center.insights.declared.declaring import DeclaredReader, check_columns, check_names
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import OpenTable, Rows
from integration_center.insights.delimited.header import list_names
from integration_center.insights.drop_folders.drops import Content
from integration_center.insights.likely_types import TypeJudge
from integration_center.sync.mapping.doubts import Doubt
from integration_center.sync.row_numbers import RowNumbers


@dataclass(frozen=True)
class Part:
    """A file of a report: its name, its rows, and the bytes that hold them."""

    label: str
    table: OpenTable
    content: Content


@dataclass
class Parts:
    """The files of one day, each of which is opened when the one before has been read.

    Attributes:
        source: the names of the files in errors.
        openers: open the files, in order.
        columns: the names of the columns, as the first file has them.
        versions: the versions of the files that were read.
        notes: what was found about the files that were read, without a declaration.
    """

    source: str
    openers: Sequence[Callable[[], Part]]
    columns: Sequence[str] = field(init=False)
    versions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _tables: list[tuple[str, int, OpenTable]] = field(default_factory=list)
    """The files that were opened, each with its name and the number of rows of those before it."""
    _rows: int = 0

    def __post_init__(self) -> None:
        self._first: Part | None = self.openers[0]()
        self.columns = self._first.table.columns

    def read(self) -> Iterator[Rows]:
        """Read the rows of all files, once.

        Raises:
            UnreadableReport: a file cannot be read, or the files differ in their columns.
        """
        differs = ""
        for opener in self.openers:
            part, self._first = self._first or opener(), None
            self._tables.append((part.label, self._rows, part.table))
            names = {name: find_column(name, part.table.columns) for name in self.columns}
            differs = differs or say_differences(part, names)
            with part.content.reading(), ThreadPoolExecutor(1, "version") as finder:
                version = finder.submit(part.content.find_version)
                for rows in part.table.slices:
                    self._rows += rows.frame.height
                    # What is wrong with the rows may be why the columns differ, so all rows are read.
                    if not differs:
                        yield rows.rename({name: own or name for name, own in names.items()})
            self.versions.append(version.result())
            self.notes += [f"{part.label}: {note}" for note in part.table.notes]
        if differs:
            raise UnreadableReport(
                f"{self.source}: the parts of one day differ in their columns: {differs}; send them with one header"
            )

    def find_numbers(self) -> RowNumbers:
        """Find the numbers of all rows in their files, when these were read."""
        ends = [*(before for _, before, _ in self._tables[1:]), self._rows]
        heights = [end - before for (_, before, _), end in zip(self._tables, ends, strict=True)]
        found = [table.find_numbers() for _, _, table in self._tables]
        if len(found) > 1:
            found = [numbers.in_file(label) for numbers, (label, _, _) in zip(found, self._tables, strict=True)]
        return RowNumbers.join(zip(found, heights, strict=True))

    def locate(self, row: int) -> str:
        """Name a row of the files, counted from 0, for people: as a spreadsheet counts the rows of its file."""
        label, before, table = next(each for each in reversed(self._tables) if each[1] <= row)
        place = table.locate(row - before)
        return place if len(self.openers) == 1 else f"{place} of {label}"


def say_differences(part: Part, names: Mapping[str, str | None]) -> str:
    """Say in which columns a file differs from the first one; empty where it has the same.

    Args:
        part: the file.
        names: the columns of the first file, and which of its own columns each of them is.
    """
    lacks = [name for name, own in names.items() if own is None]
    more = [name for name in part.table.columns if name not in names.values()]
    said = [f"{word} {list_names(found)}" for word, found in (("lacks", lacks), ("also has", more)) if found]
    return f"{part.label} {' and '.join(said)}" if said else ""


@dataclass(frozen=True)
class Described:
    """What is known about a report without its rows, its `report.yaml`, and the name of that file in errors."""

    info: ReportInfo
    file: ReportFile
    place: str


class ReportReader:
    """Reads the rows of a report as its `report.yaml` and the integrations declare them.

    Args:
        parts: the files.
        described: the report without its rows.
        asked: the report as it was asked for, with the columns that stay text.
        settled: which declared options apply, as an earlier reading of the same files has shown.

    Attributes:
        settled: after the rows were read: which declared options apply, if some rows were read otherwise and have to be
            read again; else None.
    """

    def __init__(
        self, parts: Parts, described: Described, asked: ReportInfo, settled: Mapping[str, str] | None = None
    ) -> None:
        self._parts, self._described = parts, described
        self.settled: Mapping[str, str] | None = None
        check_names(parts.columns, described.file, parts.source, described.place)
        self._cells = DeclaredReader(parts.columns, described.file, settled)
        names = self._cells.columns
        self.info = fit_columns(described.info, names)
        key, declared = self.info.key_column, self.info.declare(asked)
        own = {name: type_ for name, type_ in declared.items() if name != key}
        self._types = DeclaredTypes(own, parts.source, self._cells.zones)
        self._judge = TypeJudge(names, key_column=key, declared=declared)
        self.schema = self._types.fit_schema(names)

    @property
    def likely_types(self) -> Mapping[str, ColumnType]:
        """For text columns whose values all look like another type, that type by column."""
        return self._judge.types

    @property
    def notes(self) -> list[str]:
        """The doubts about the cells, one sentence each."""
        return [f"{self._parts.source}: {doubt}" for doubt in self._cells.list_notes(self._parts.locate)]

    @property
    def doubts(self) -> dict[str, Doubt]:
        """What the values of columns may mean besides what they say. A declared type settles that."""
        found = self._cells.find_doubts(self._parts.locate)
        return {
            name: replace(doubt, said=f"{self._parts.source}: {doubt.said}")
            for name, doubt in found.items()
            if self.schema[name] == pl.String
        }

    def read(self) -> Iterator[pl.DataFrame]:
        """Read all rows, slice by slice.

        Raises:
            UnreadableReport: `report.yaml` names a column that is missing, or a value does not fit its column's
                declared type. What is wrong with the rows is said first, because it may be why a column is missing.
        """
        for rows in self._parts.read():
            # Most columns go on as they began. Then one query of a column is enough.
            named = self._cells.rename(rows)
            plain = self._judge.find_plain(named)
            cells = self._cells.read(rows.frame, plain)
            same = self._cells.find_same(plain, named.frame, cells)
            self._judge.look_at(Rows(cells, named.whole & same), same)
            yield self._types.read(cells)
        check_columns(self._parts.columns, self._described.file, self._parts.source, self._described.place)
        self.settled = self._cells.settle()
        if self.settled is None:
            if clashes := self._cells.list_clashes(self._parts.locate):
                raise UnreadableReport(f"{self._parts.source}: {clashes[0]}")
            self._types.check(self._parts.locate)
