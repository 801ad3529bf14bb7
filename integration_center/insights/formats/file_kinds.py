"""Read the formats of report files as text: delimited text, Excel workbooks, Parquet and JSON Lines."""

import json
from collections.abc import Mapping

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import OpenTable, Table, open_frame
from integration_center.insights.delimited.header import list_names
from integration_center.insights.delimited.reading import open_table
from integration_center.insights.drop_folders.drop_names import Format
from integration_center.insights.formats.service_errors import LOOKED_AT, find_service_error
from integration_center.insights.second_table import watch_tables
from integration_center.insights.sizes import SizeLimit
from integration_center.insights.unpacking import is_workbook

TITLES: Mapping[Format, str] = {
    "csv": "delimited text",
    "xlsx": "an Excel workbook",
    "parquet": "a Parquet file",
    "jsonl": "JSON Lines",
}
_ROWS = ("skip_lines", "header_row", "skip_after_header", "footer")
_CELLS = ("delimiter", "quote", "escape", "skip_blanks")
APPLY: Mapping[Format, frozenset[str]] = {
    "csv": frozenset({*_ROWS, *_CELLS, "encoding"}),
    "xlsx": frozenset({*_ROWS, "sheet"}),
    "parquet": frozenset(),
    "jsonl": frozenset({"encoding"}),
}
"""The options of `report.yaml` about the form of a file that apply to each format."""
FORM_OPTIONS = (*_ROWS, *_CELLS, "encoding", "sheet")


def read_file(data: Data, source: str, named: Format, file: ReportFile, *, limit: SizeLimit) -> Table:
    """Read all rows of a report's file as text; see `open_file`."""
    return open_file(data, source, named, file, limit=limit).read_all()


def open_file(data: Data, source: str, named: Format, file: ReportFile, *, limit: SizeLimit) -> OpenTable:
    """Open a report's file, to read its rows as text.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        named: the format in the file's name.
        file: what `report.yaml` declares.
        limit: how large the unpacked file may be.

    Raises:
        UnreadableReport: the file does not have its format, is not a table, or `report.yaml` declares something that
            the format does not have. The message says what to do.
    """
    kind = file.format or named
    if kind in ("csv", "jsonl") and (names := find_service_error(data)):
        raise UnreadableReport(
            f"{source} is no report, but the error of a service: one JSON object with {list_names(names)}; export the"
            " report again"
        )
    found = find_format(data)
    if found not in (None, kind):
        raise UnreadableReport(
            f"{source} is {TITLES[found]}; call it .{found}, say `format: {found}` in report.yaml, or export it as"
            f" {TITLES[kind]}",
            {"format": found},
        )
    refuse_options(kind, file, source)
    if kind == "csv":
        return watch_tables(open_table(data, source, file.form), source)
    # The other formats are rare, and what reads them is imported for them alone.
    if kind == "jsonl":
        from integration_center.insights.formats.json_lines import open_json_lines

        return open_json_lines(data, source, file.encoding, file.ignored)
    if kind == "parquet":
        from integration_center.insights.formats.parquet import open_parquet

        return open_parquet(bytes(data), source, file.ignored, limit=limit)
    from integration_center.insights.formats.workbooks import read_workbook

    return watch_tables(open_frame(read_workbook(bytes(data), source, file, limit=limit)), source)


def find_format(data: Data) -> Format | None:
    """Find the format of a file that shows it beyond doubt; None for any other file."""
    if is_workbook(data):
        return "xlsx"
    if data.startswith(b"PAR1") and data.endswith(b"PAR1") and len(data) > 8:
        return "parquet"
    lines = [line for line in data[:LOOKED_AT].splitlines()[:3] if line.strip()]
    return "jsonl" if lines and all(map(_is_object, lines[:2])) else None


def refuse_options(kind: Format, file: ReportFile, source: str) -> None:
    """Check that `report.yaml` declares nothing that a file of this format does not have.

    Raises:
        UnreadableReport: it does.
    """
    odd = [name for name in FORM_OPTIONS if name not in APPLY[kind] and file.declares(name)]
    if odd:
        names = ", ".join(f"`{name}:`" for name in odd)
        raise UnreadableReport(
            f"{source} is {TITLES[kind]}, to which {names} of report.yaml cannot apply; remove"
            f" {'it' if len(odd) == 1 else 'them'}, or correct `format:`"
        )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
