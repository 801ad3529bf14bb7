"""Try a `report.yaml` on the newest file of its report, before it is saved."""

from collections.abc import Sequence
from dataclasses import dataclass

from integration_center.console.plain_words import say_error
from integration_center.console.report_form import FORMATS
from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size
from integration_center.insights.declared.declaring import check_columns, declare_cells
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import DELIMITERS
from integration_center.insights.drop_folders.drop_names import FILE_NAME
from integration_center.insights.files import Fetched, FilesSource
from integration_center.insights.formats.file_kinds import read_file
from integration_center.insights.inspecting.inspection import Inspection, inspect_fetched
from integration_center.insights.sizes import SizeLimit
from integration_center.wording.sentences import count

ROWS = 6
USUAL_ENCODINGS = frozenset({"ascii", "utf-8"})


@dataclass(frozen=True)
class Trial:
    """What a `report.yaml` makes of the newest file.

    Attributes:
        found: what was found in the file, read as declared.
        refused: why the file cannot be read as declared; None where it can.
        rows: the first rows, as they are then carried.
        names: the names of their columns.
    """

    found: Inspection
    refused: str | None = None
    names: Sequence[str] = ()
    rows: Sequence[Sequence[str | None]] = ()


def say_file(found: Inspection) -> str:
    """Say what a file is: `Text with delimiters, 4,950 rows, 12 columns, 340 kB`. What is usual is left out."""
    facts = [
        FORMATS[found.format],
        found.rows is not None and count(found.rows, "row"),
        found.columns and count(len(found.columns), "column"),
        show_size(found.size),
        found.packing and f"packed by {found.packing}",
        found.delimiter and found.delimiter != DELIMITERS[","] and f"cells separated by {found.delimiter}",
        found.encoding and found.encoding not in USUAL_ENCODINGS and f"encoding {found.encoding}",
        found.header_row is not None and found.header_row > 1 and f"header in row {found.header_row:,}",
    ]
    return ", ".join(fact for fact in facts if fact)


def try_file(source: FilesSource, folder: str, file: ReportFile) -> Trial | None:
    """Try a `report.yaml` on the newest file of a folder; None where there is no file.

    Raises:
        UnreadableReport: the file cannot be read or unpacked at all.
    """
    fetched = source.fetch_newest(folder, file)
    return None if fetched is None else try_on(fetched, file)


def try_on(fetched: Fetched, file: ReportFile) -> Trial:
    """Try a `report.yaml` on a file."""
    found = inspect_fetched(fetched, file)
    try:
        limit = file.limit or SizeLimit()
        table = read_file(fetched.data, fetched.label, fetched.named, file, limit=limit)
        check_columns(table.frame.columns, file, fetched.label, FILE_NAME)
    except UnreadableReport as error:
        return Trial(found, say_error(error))
    read, _, _ = declare_cells(table.frame.head(ROWS), file)
    return Trial(found, None, read.columns, read.rows())
