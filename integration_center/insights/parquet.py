"""Read a Parquet file as text."""

import io
from collections.abc import Collection

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.delimited.form import Table
from integration_center.insights.delimited.header import name_table
from integration_center.insights.delimited.kinds import refuse_unlike
from integration_center.insights.sizes import SizeLimit
from integration_center.insights.value_text import write_text

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
        raise UnreadableReport(f"{source} is no whole Parquet file ({type(error).__name__}); export it again") from None
    header = frame.columns
    text = write_text(frame, source)
    text.columns = [str(number) for number in range(len(header))]
    table, notes = name_table(text, header, source)
    return Table(table, notes)
