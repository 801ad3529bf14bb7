"""Read the formats of report files as text: delimited text, Excel workbooks, Parquet and JSON Lines."""

import io
import zipfile
from collections.abc import Callable, Mapping

import fastexcel
import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited.form import Table
from integration_center.insights.delimited.header import name_columns
from integration_center.insights.delimited.reading import drop_nameless, read_table
from integration_center.insights.drop_names import Format
from integration_center.insights.report_yaml import ReportFile
from integration_center.insights.unpacking import check_size, is_workbook
from integration_center.wording.near_names import say_nearest

MIDNIGHT = " 00:00:00"


def read_file(data: bytes, source: str, named: Format, file: ReportFile, *, largest: int) -> Table:
    """Read the rows of a report's file as text.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        named: the format in the file's name.
        file: what `report.yaml` declares.
        largest: the largest size of an unpacked workbook, in bytes.

    Raises:
        UnreadableReport: the file does not have its format, or is not a table. The message says what to do.
    """
    kind = file.format or named
    if kind == "csv":
        if is_workbook(data):
            raise UnreadableReport(
                f"{source} is an Excel workbook; call it .xlsx, say `format: xlsx` in report.yaml, or export it as CSV"
            )
        return read_table(data, source, file.form)
    readers: Mapping[str, Callable[[], Table]] = {
        "xlsx": lambda: read_workbook(data, source, file, largest=largest),
        "parquet": lambda: read_parquet(data, source),
        "jsonl": lambda: read_json_lines(data, source),
    }
    return readers[kind]()


def read_workbook(data: bytes, source: str, file: ReportFile, *, largest: int) -> Table:
    """Read a sheet of an Excel workbook: real dates as ISO 8601, numbers and truth values as text.

    Raises:
        UnreadableReport: the file is not a workbook, or has no such sheet or header.
    """
    if not is_workbook(data):
        raise UnreadableReport(f"{source} is no Excel workbook (xlsx); export it again, or declare its `format:`")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_size(len(data), sum(member.file_size for member in archive.infolist()), source, largest, "a workbook")
    try:
        workbook = fastexcel.read_excel(data)
        sheet = file.sheet or workbook.sheet_names[0]
        if sheet not in workbook.sheet_names:
            said = say_nearest(sheet, workbook.sheet_names)
            raise UnreadableReport(f"{source} has no sheet {sheet!r}; {said}. Correct `sheet:` in report.yaml")
        rows = workbook.load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableReport(f"{source}: the workbook cannot be read ({reason}); save it again as xlsx") from None
    notes = [f"the workbook has {len(workbook.sheet_names)} sheets, and {sheet!r} is read"]
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null() | (pl.all().str.strip_chars() == "")))
    top = file.skip_lines + file.header_row - 1
    if rows.height <= top:
        raise UnreadableReport(f"{source}: sheet {sheet!r} has {rows.height} rows, and no row {top + 1} for the header")
    names, found = name_columns([cell or "" for cell in rows.row(top)])
    below = rows.slice(top + 1 + file.skip_after_header)
    if isinstance(file.footer, int):
        below = below.head(max(below.height - file.footer, 0))
    below.columns = [str(number) for number in range(below.width)]
    return Table(drop_nameless(clear_text(below), names, source), [*notes[: len(workbook.sheet_names) - 1], *found])


def read_parquet(data: bytes, source: str) -> Table:
    """Read a Parquet file.

    Raises:
        UnreadableReport: the file is not a Parquet file, or a column holds lists or records.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableReport(f"{source} is no whole Parquet file ({type(error).__name__}); export it again") from None
    return Table(write_text(frame, source))


def read_json_lines(data: bytes, source: str) -> Table:
    """Read a file with one JSON object per line.

    Raises:
        UnreadableReport: a line is not a JSON object, or a value is a list or an object.
    """
    try:
        frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise UnreadableReport(
            f"{source} is not a JSON object a line ({reason}); export it so, or declare its `format:`"
        ) from None
    return Table(write_text(frame, source))


def write_text(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Write the values as text: times as ISO 8601 in UTC, Booleans as true and false, empty text as null.

    Raises:
        UnreadableReport: a column holds lists or records.
    """
    if nested := [name for name, dtype in frame.schema.items() if dtype.is_nested()]:
        raise UnreadableReport(
            f"{source}: {', '.join(map(repr, nested))} hold lists or records; export plain columns, or leave these out"
        )
    return clear_text(pl.DataFrame([_write_series(series) for series in frame]))


def clear_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn empty cells into null, and remove midnight from dates in columns that hold only dates."""
    columns = []
    for text in frame:
        text = text.replace("", None)
        if (values := text.drop_nulls()).len() and values.str.ends_with(MIDNIGHT).all():
            text = text.str.strip_suffix(MIDNIGHT)
        columns.append(text)
    return pl.DataFrame(columns)


def _write_series(series: pl.Series) -> pl.Series:
    match series.dtype:
        case pl.String():
            return series
        case pl.Datetime() as dtype:
            zoned = series if dtype.time_zone else series.dt.replace_time_zone("UTC")
            return zoned.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
        case pl.Binary() | pl.Object():
            return pl.Series(series.name, [None] * len(series), pl.String)
        case _:
            return series.cast(pl.String)
