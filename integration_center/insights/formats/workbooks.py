"""Read a sheet of an Excel workbook as text."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

import fastexcel
import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.declared.date_forms import EXCEL, EXCEL_1904, EXCEL_STARTS
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.footer_pattern import is_match, is_row, refuse_counted
from integration_center.insights.delimited.form import Table
from integration_center.insights.delimited.header import list_names, name_table, refuse_person
from integration_center.insights.delimited.kinds import refuse_unlike
from integration_center.insights.formats.value_text import MIDNIGHT, clear_text
from integration_center.insights.formats.workbook_formats import OddCells, find_styles
from integration_center.insights.formats.workbook_sheets import SheetLook, find_hidden, find_parts
from integration_center.insights.sizes import SUSPICIOUS_BYTES, SizeLimit, show_max_size
from integration_center.insights.unpacking import BROKEN, WORKBOOK, is_workbook
from integration_center.sync.row_numbers import RowNumbers
from integration_center.wording.near_names import say_nearest
from integration_center.wording.sentences import count

READ_AT_A_TIME = 4_000_000
COUNTS_FROM_1904 = re.compile(rb"<(?:\w+:)?workbookPr\s[^<>]*\bdate1904=[\"'](?:1|true|on)[\"']")
CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r=[\"']([A-Z]{1,3})(\d{1,10})[\"']")
USUAL_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,10})"')
"""A cell as most programs write it, which is found five times as fast."""
OTHER_CELLS = tuple(before + b"c" + blank for before in (b"<", b":") for blank in (b" ", b"\t", b"\n", b"\r"))[1:]
"""How cells begin that others write."""
TIME_OF_DAY = r"^(?:1899-12-3[01]|1904-01-01) (\d{2}:\d{2}:\d{2}(?:\.\d+)?)$"
"""A time without a day, as the library gives it."""
STYLES = "xl/styles.xml"
LONGEST_TAG = 400
"""The most bytes that one of these patterns may take at the end of a piece, and so be cut in two."""
MOST_CELLS, CELL_BYTES = 20_000_000, 110
"""The most cells that are read unless `max_size` is declared, and what the library takes for one: 560 MB for a sheet of
1,000,000 rows and 5 columns. openpyxl reads in slices, in 65 MB, but takes 15 times the processor time."""
COVER = 10
"""How many times as many cells another sheet has where the one that is read is taken for a cover."""
FREE_CELLS, CELLS_PER_VALUE = 5_000_000, 50
"""The library makes a rectangle of all cells. It may be this large, or this many times larger than the real cells."""


@dataclass
class Extent:
    """The cells of a workbook, as its own text shows them.

    Attributes:
        cells: the number of cells.
        rows: the last row.
        columns: the last column.
        sheets: what is odd about each sheet, by its part of the workbook.
        parts: the parts of the sheets, by their names.
        hidden: the names of the hidden sheets.
        odd: the columns with cells that show something else than they hold.
    """

    cells: int = 0
    rows: int = 0
    columns: int = 0
    sheets: dict[str, SheetLook] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    odd: OddCells = field(default_factory=OddCells)

    def find_sheet(self, name: str) -> SheetLook:
        """Find what is odd about a sheet."""
        return self.sheets.get(self.parts.get(name, ""), SheetLook())

    def find_fuller(self, name: str, others: Sequence[str]) -> str | None:
        """Find the sheet in whose place `name` is read, which is a cover then: another that is seen and far fuller."""
        seen = [each for each in others if each not in self.hidden]
        fullest = max(seen, key=lambda each: self.find_sheet(each).cells, default=None)
        cells = self.find_sheet(fullest).cells if fullest else 0
        return fullest if cells and cells >= COVER * self.find_sheet(name).cells else None


def read_workbook(data: bytes, source: str, file: ReportFile, *, limit: SizeLimit) -> Table:
    """Read a sheet of an Excel workbook: real dates as ISO 8601, numbers and truth values as text.

    Raises:
        UnreadableReport: the file is not a workbook, or has no such sheet or header.
    """
    if not is_workbook(data):
        raise refuse_unlike(data, source, "no Excel workbook (xlsx)")
    extent = measure(data, source, limit)
    check_days(data, file, source)
    try:
        workbook = fastexcel.read_excel(data)
        name, rows = load_sheet(workbook, file.sheet, source)
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableReport(f"{source}: the workbook cannot be read ({reason}); save it again as xlsx") from None
    notes: list[str] = []
    if others := [each for each in workbook.sheet_names if each != name and file.sheet is None]:
        sheets, listed = len(workbook.sheet_names), list_names(others)
        notes.append(
            f"the workbook has {sheets} sheets, and {name!r} is read, not {listed}; `sheet:` in report.yaml chooses one"
        )
    look, fuller = extent.find_sheet(name), extent.find_fuller(name, others)
    filled = rows.select(~pl.all_horizontal(pl.all().is_null() | (pl.all().str.strip_chars() == ""))).to_series()
    rows, places = rows.filter(filled), filled.arg_true() + (look.first_row or 1)
    top = file.skip_lines + file.header_row - 1
    if rows.height <= top:
        there = f" (the other sheets are {list_names(others)})" if others else ""
        raise UnreadableReport(
            f"{source}: sheet {name!r} has {count(rows.height, 'row')}, and no row {top + 1} for the header; correct"
            f" `sheet:`{there} or `header_row:` in report.yaml",
            {"sheet": fuller} if fuller else {},
        )
    below = drop_footer(rows.slice(top + 1 + file.skip_after_header), file.footer, source)
    below.columns = [str(number) for number in range(below.width)]
    below = below.with_columns(pl.all().str.replace(TIME_OF_DAY, "$1"))
    header = [(cell or "").removesuffix(MIDNIGHT) for cell in rows.row(top)]
    table, found = name_table(clear_text(below), header, source, row=file.header_row)
    refuse_person(header, [[cell or "" for cell in row] for row in rows[file.skip_lines : top].rows()], source)
    notes += [*look.list_notes(int(places[top])), *extent.odd.notes]
    first = top + 1 + file.skip_after_header
    own = places[first : first + table.height]
    return Table(
        table,
        [*notes, *found],
        locate=lambda row: f"row {own[row]:,}",
        fuller_sheet=fuller,
        find_numbers=lambda: number_places(own),
    )


def number_places(places: pl.Series) -> RowNumbers:
    """Return the numbers of rows at these places of a sheet."""
    begins = (places.diff() != 1).fill_null(True).arg_true()
    return RowNumbers.of_places(zip(begins, places.gather(begins), strict=True)) if len(places) else RowNumbers()


def check_days(data: bytes, file: ReportFile, source: str) -> None:
    """Check that `report.yaml` counts days as the workbook does.

    Raises:
        UnreadableReport: it does not.
    """
    declared = {form for rules in (file.cells.all_columns, *file.cells.columns.values()) for form in rules.dates}
    if not declared & EXCEL_STARTS.keys():
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(WORKBOOK) as part:
        first, fit = ("1904", EXCEL_1904) if COUNTS_FROM_1904.search(part.read(READ_AT_A_TIME)) else ("1900", EXCEL)
    if declared & (EXCEL_STARTS.keys() - {fit}):
        raise UnreadableReport(f"{source}: the workbook counts days from {first}; say `dates: {fit}` in report.yaml")


def load_sheet(workbook: fastexcel.ExcelReader, wanted: str | None, source: str) -> tuple[str, pl.DataFrame]:
    """Load the wanted sheet, or else the first one that is not hidden.

    Raises:
        UnreadableReport: there is no such sheet.
    """
    names = workbook.sheet_names
    wanted, asked = (find_column(wanted, names), wanted) if wanted else (None, None)
    if asked and not wanted:
        said = say_nearest(asked, names)
        raise UnreadableReport(f"{source} has no sheet {asked!r}; {said}. Correct `sheet:` in report.yaml")
    for name in [wanted] if wanted else names:
        sheet = workbook.load_sheet(name, header_row=None, dtypes="string")
        if wanted or sheet.visible == "visible":
            return name, sheet.to_polars()
    raise UnreadableReport(f"{source}: all its sheets are hidden; name one with `sheet:` in report.yaml")


def drop_footer(rows: pl.DataFrame, footer: int | str | None, source: str) -> pl.DataFrame:
    """Drop the rows of the footer.

    Args:
        rows: the rows below the header.
        footer: the number of rows of the footer, or a regular expression that each of them matches. It is searched in
            the cells of a row, joined by commas.
        source: the name of the file in errors.

    Raises:
        UnreadableReport: there is no such footer.
    """
    if footer is None:
        return rows
    if isinstance(footer, int):
        if footer > rows.height:
            raise UnreadableReport(
                f"{source} has {count(rows.height, 'row')} below the header, but report.yaml has `footer: {footer}`;"
                " correct it"
            )
        above, below = rows.head(rows.height - footer), rows.tail(footer)
        if above.height and any(is_row(row, above.row(-1)) for row in below.rows()):
            raise UnreadableReport(refuse_counted(source, footer, "a row"))
        return above
    kept = rows.height
    while kept and is_match(footer, ",".join(cell or "" for cell in rows.row(kept - 1))):
        kept -= 1
    if kept == rows.height:
        raise UnreadableReport(
            f"{source}: the last row does not match `footer: {footer}` of report.yaml, so the file may be incomplete;"
            " correct the pattern, or remove it"
        )
    return rows.head(kept)


def measure(data: bytes, source: str, limit: SizeLimit) -> Extent:
    """Measure the cells of a workbook, before a library reserves memory for them.

    Raises:
        UnreadableReport: the workbook is too large, or its cells are so far apart that reading them would take far more
            memory than they hold.
    """
    extent = Extent()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            limit.check(len(data), sum(each.file_size for each in archive.infolist()), source, "a workbook")
            extent.parts, extent.hidden = find_parts(archive), find_hidden(archive)
            if STYLES in archive.namelist():
                with archive.open(STYLES) as part:
                    extent.odd = OddCells(find_styles(part.read(READ_AT_A_TIME)))
            for member in archive.infolist():
                if member.filename.lower().endswith((".xml", ".rels")):
                    with archive.open(member) as file:
                        count_cells(file, extent, extent.sheets.setdefault(member.filename, SheetLook()))
    except BROKEN as error:
        raise UnreadableReport(
            f"{source}: not whole as a workbook ({type(error).__name__}); export or copy it again"
        ) from None
    if extent.cells > MOST_CELLS and not limit.declared:
        more = show_max_size(max(limit.largest, SUSPICIOUS_BYTES))
        raise UnreadableReport(
            f"{source}: the workbook holds {extent.cells:,} cells, and a workbook is in memory at once, here in about"
            f" {extent.cells * CELL_BYTES / 1_000_000_000:.0f} GB. Export it as CSV or Parquet, which are read in"
            f" slices, or where there is so much memory, say `max_size: {more}` in report.yaml"
        )
    if extent.rows * extent.columns > max(FREE_CELLS, CELLS_PER_VALUE * extent.cells):
        raise UnreadableReport(
            f"{source}: the workbook's cells reach to row {extent.rows:,} and column {extent.columns:,}, but only"
            f" {extent.cells:,} of them hold something; delete the cells far from the table, and save it again"
        )
    return extent


def count_cells(file: IO[bytes], extent: Extent, look: SheetLook) -> None:
    """Add the cells of one part of a workbook to `extent`, in pieces of bounded size; `look` is of this part."""
    rest = b""
    while piece := file.read(READ_AT_A_TIME):
        text = rest + piece
        end = max(text.rfind(b"<", 0, len(text) - LONGEST_TAG), 0) if len(piece) == READ_AT_A_TIME else len(text)
        found = USUAL_CELL.findall(text, 0, end)
        odd = any(text.find(beginning, 0, end) >= 0 for beginning in OTHER_CELLS)
        if odd or len(found) != text.count(b"<c ", 0, end):
            found = CELL.findall(text, 0, end)
        if found:
            extent.cells += len(found)
            look.cells += len(found)
            extent.rows = max(extent.rows, max(int(row) for _, row in found))
            extent.columns = max(extent.columns, max(map(count_columns, {column for column, _ in found})))
        look.look_at(text, end)
        extent.odd.look_at(text, end)
        rest = text[end:]


def count_columns(letters: bytes) -> int:
    """Return the number of a column, such as 28 for `AB`."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
