"""Read a Parquet file as text."""

import io
import re
from collections.abc import Collection, Iterator

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.polars_errors import UNREADABLE
from integration_center.insights.column_names import find_column
from integration_center.insights.delimited.form import SLICE_ROWS, OpenTable, name_row
from integration_center.insights.delimited.header import check_width, list_names
from integration_center.insights.delimited.kinds import refuse_unlike
from integration_center.insights.formats.kept_frames import name_slices
from integration_center.insights.formats.value_text import Forms, find_forms, refuse_columns, write_text
from integration_center.insights.sizes import SizeLimit

MAGIC = b"PAR1"
TWELVE_BYTES = re.compile(rb"\x15\x0e\x15\x18\x15[\x00\x02\x04]\x18([\x01-\x7f])")
INTERVAL = b"\x25\x2a"
"""A column of the type INTERVAL in the schema of a file: 12 bytes, the length of its name, its name, and the type 21.

The library panics there, and writes to standard error before we hear of it. So the file is looked at first.
Source: parquet-format, "parquet.thrift", SchemaElement; Thrift, "Thrift compact protocol".
"""


def open_parquet(data: bytes, source: str, ignored: Collection[str], *, limit: SizeLimit) -> OpenTable:
    """Open a Parquet file, to read its rows in slices.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        ignored: the columns that `report.yaml` leaves out; they may hold lists and records.
        limit: how large the unpacked file may be.

    Raises:
        UnreadableReport: the file is not a Parquet file, unpacks to too much, or a column holds lists or records.
    """
    if not data.startswith(MAGIC):
        raise refuse_unlike(data, source, "no whole Parquet file")
    if lengths := find_intervals(data):
        named = "columns" if len(lengths) > 1 else "column"
        raise UnreadableReport(
            f"{source}: {named} {list_names(lengths)} of the type INTERVAL, a length of time that cannot be read."
            " Export it as a number, such as its seconds, or leave it out of the export"
        )
    try:
        scan = pl.scan_parquet(io.BytesIO(data))
        schema = scan.collect_schema()
        if not len(schema):
            raise UnreadableReport(f"{source} is a Parquet file without columns; export it again")
        check_width(len(schema), source)
        # Repeated values take no room in the file, so the number of rows is bounded before they are built.
        height = int(scan.select(pl.len()).collect().item())
        limit.check(len(data), height * len(schema), source, "Parquet")
        left_out = {find_column(name, schema) for name in ignored}
        empty = [pl.lit(None, pl.String).alias(name) for name in schema if name in left_out]
        rows = scan.with_columns(empty)
        forms = find_forms(rows)
        first = rows.head(0).collect()
    except UNREADABLE as error:
        raise explain(error, data, source) from None
    header = first.columns
    write_text(first, source, forms)  # refuses lists and records before a row is read
    return name_slices(header, read_slices(rows, data, source, forms), source, [], name_row)


def read_slices(rows: pl.LazyFrame, data: bytes, source: str, forms: Forms) -> Iterator[pl.DataFrame]:
    """Read the rows as text, with the columns called `0`, `1` and so on.

    Raises:
        UnreadableReport: the file is damaged, or a column holds bytes.
    """
    try:
        for frame in rows.collect_batches(chunk_size=SLICE_ROWS, maintain_order=True):
            text = write_text(frame, source, forms)
            text.columns = [str(number) for number in range(text.width)]
            yield text
    except UNREADABLE as error:
        raise explain(error, data, source) from None


def find_intervals(data: bytes) -> list[str]:
    """Find the columns of the type INTERVAL by the schema at the end of a file."""
    end = len(data) - len(MAGIC) - 4
    size = int.from_bytes(data[end : end + 4], "little")
    schema = data[end - size : end] if 0 < size <= end else b""
    names = ((found.end(), found.end() + found[1][0]) for found in TWELVE_BYTES.finditer(schema))
    return [schema[begin:end].decode(errors="replace") for begin, end in names if schema[end:].startswith(INTERVAL)]


def explain(error: BaseException, data: bytes, source: str) -> UnreadableReport:
    """Build the error for a Parquet file that the library cannot read. It names the columns that spoil the file."""
    if not data.endswith(MAGIC):
        return UnreadableReport(f"{source} is no whole Parquet file ({type(error).__name__}); export it again")
    if isinstance(error, pl.exceptions.DuplicateError):
        return UnreadableReport(f"{source} names a column more than once; export it with one name for each column")
    try:
        odd = [name for name in pl.scan_parquet(io.BytesIO(data)).collect_schema() if not can_read(data, name)]
    except UNREADABLE:
        odd = []
    if not odd:
        return UnreadableReport(
            f"{source} is a Parquet file that cannot be read ({type(error).__name__}): it is damaged, or holds a column"
            " of a special type. Export it again with texts, numbers, dates and times in UTC"
        )
    return refuse_columns(odd, source, "cannot be read")


def can_read(data: bytes, name: str) -> bool:
    """Return whether a column can be read."""
    try:
        pl.scan_parquet(io.BytesIO(data)).select(name).head(1).collect()
    except UNREADABLE:
        return False
    return True
