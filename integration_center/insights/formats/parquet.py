"""Read a Parquet file as text."""

import io
from collections.abc import Collection

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.delimited.form import Table
from integration_center.insights.delimited.header import name_table
from integration_center.insights.delimited.kinds import refuse_unlike
from integration_center.insights.formats.value_text import refuse_columns, write_text
from integration_center.insights.sizes import SizeLimit

MAGIC = b"PAR1"


def read_parquet(data: bytes, source: str, ignored: Collection[str], *, limit: SizeLimit) -> Table:
    """Read a Parquet file.

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
    try:
        scan = pl.scan_parquet(io.BytesIO(data))
        schema = scan.collect_schema()
        if not len(schema):
            raise UnreadableReport(f"{source} is a Parquet file without columns; export it again")
        # Repeated values take no room in the file, so the number of rows is bounded before they are built.
        height = int(scan.select(pl.len()).collect().item())
        limit.check(len(data), height * len(schema), source, "Parquet")
        left_out = {find_column(name, schema) for name in ignored}
        empty = [pl.lit(None, pl.String).alias(name) for name in schema if name in left_out]
        frame = scan.with_columns(empty).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise explain(error, data, source) from None
    header = frame.columns
    text = write_text(frame, source)
    text.columns = [str(number) for number in range(len(header))]
    table, notes = name_table(text, header, source)
    return Table(table, notes)


def explain(error: BaseException, data: bytes, source: str) -> UnreadableReport:
    """Build the error for a Parquet file that the library cannot read. It names the columns that spoil the file."""
    if not data.endswith(MAGIC):
        return UnreadableReport(f"{source} is no whole Parquet file ({type(error).__name__}); export it again")
    if isinstance(error, pl.exceptions.DuplicateError):
        return UnreadableReport(f"{source} names a column more than once; export it with one name for each column")
    try:
        odd = [name for name in pl.scan_parquet(io.BytesIO(data)).collect_schema() if not can_read(data, name)]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
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
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return True
