"""Keep successive rows in a temporary file of columns, and name the columns of a table that is read in slices."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from integration_center.files.file_bytes import Data, keep_parts
from integration_center.insights.column_names import clean_name
from integration_center.insights.delimited.form import OpenTable, Rows, Table, open_frame
from integration_center.insights.delimited.header import name_table
from integration_center.sync.row_numbers import RowNumbers


@dataclass
class KeptFrames:
    """Successive frames, packed, large ones in a temporary file. Later ones may have columns that none before has.

    Attributes:
        columns: the names of all columns, in the order in which they came.
        height: the number of rows.
    """

    columns: dict[str, None] = field(default_factory=dict)
    height: int = 0
    _sizes: list[int] = field(default_factory=list)
    _packed: Data = b""

    def keep(self, frames: Iterable[tuple[pl.DataFrame, Sequence[str]]], source: str) -> None:
        """Keep frames.

        Args:
            frames: each with the names of those of its columns that count.
            source: the name of the report's file in errors.
        """
        self._packed = keep_parts(self._pack(frames), source)

    def read(self) -> Iterator[pl.DataFrame]:
        """Read the frames, in order."""
        begin = 0
        for size in self._sizes:
            yield pl.read_ipc(io.BytesIO(self._packed[begin : begin + size]))
            begin += size

    def _pack(self, frames: Iterable[tuple[pl.DataFrame, Sequence[str]]]) -> Iterator[bytes]:
        for frame, names in frames:
            packed = io.BytesIO()
            frame.write_ipc(packed, compression="lz4")
            self._sizes.append(packed.tell())
            self.columns.update(dict.fromkeys(names))
            self.height += frame.height
            yield packed.getvalue()


def name_slices(
    header: Sequence[str],
    slices: Iterator[pl.DataFrame],
    source: str,
    notes: Sequence[str],
    locate: Callable[[int], str],
    find_numbers: Callable[[], RowNumbers] = RowNumbers,
) -> OpenTable:
    """Name the columns of a table that is read in slices; see `name_table`.

    Only where a column has no name, all rows are needed to see whether it holds values.

    Args:
        header: the names of the columns.
        slices: the rows, whose columns are called `0`, `1` and so on.
        source: the name of the file in errors.
        notes: what was found about the file.
        locate: names a row for people.
        find_numbers: see `Table`.
    """
    schema = {str(number): pl.String() for number in range(len(header))}
    if not all(map(clean_name, header)):
        frame = pl.concat([pl.DataFrame(schema=schema), *slices])
        table, found = name_table(frame, header, source)
        return open_frame(Table(table, [*notes, *found], locate=locate, find_numbers=find_numbers))
    named, found = name_table(pl.DataFrame(schema=schema), header, source)
    names = dict(zip(named.columns, schema, strict=True))
    renamed = (Rows(frame).rename(names) for frame in slices)
    return OpenTable(named.columns, renamed, None, [*notes, *found], locate=locate, find_numbers=find_numbers)
