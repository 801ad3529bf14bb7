"""Find what is odd about a sheet of a workbook, which the library that reads its cells does not say."""

import re
import zipfile
from dataclasses import dataclass, field
from posixpath import join, normpath
from xml.sax.saxutils import unescape

from integration_center.wording.sentences import count

WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
MOST_READ = 4_000_000
SHEET_TAG = re.compile(rb"<(?:\w+:)?sheet\s[^<>]*>")
RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^<>]*>")
VALUED = re.compile(
    rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r=[\"'][A-Z]{1,3}(\d{1,10})[\"'][^<>]*(?<!/)>\s*"
    rb"(?:<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*)?<(?:\w+:)?(?:v|is)>"
)
ERROR = re.compile(rb"<(?:\w+:)?c\s[^<>]*\bt=[\"']e[\"'][^<>]*>")
ERROR_TEXT = re.compile(rb"<(?:\w+:)?v>(#[^<]{1,20})</")
NOT_COMPUTED = re.compile(rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>")
ADDRESS = re.compile(rb"\sr=[\"']([A-Z]{1,3}\d{1,10})[\"']")
HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s(?=[^<>]*\bhidden=[\"'](?:1|true)[\"'])[^<>]*?\br=[\"'](\d{1,10})[\"']")
HIDDEN_COLUMN = re.compile(rb"<(?:\w+:)?col\s(?=[^<>]*\bhidden=[\"'](?:1|true)[\"'])[^<>]*>")
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]*\bref=[\"']([A-Z]{1,3}(\d{1,10}):[A-Z]{1,3}(\d{1,10}))[\"']")
FILTER = re.compile(rb"<(?:\w+:)?autoFilter\s")
MOST_NAMED = 5


@dataclass
class Cells:
    """How many cells or rows there are of a kind, and the first."""

    count: int = 0
    first: str = ""

    def note(self, first: str) -> None:
        """Note one more."""
        self.count += 1
        self.first = self.first or first


@dataclass
class SheetLook:
    """What is odd about a sheet.

    Attributes:
        cells: the number of its cells.
        first_row: the first row with a value, counted from 1; None for a sheet without any.
        errors: the cells with an error such as `#N/A`.
        error: the text of the first error.
        not_computed: the formulas without a result.
        hidden_rows: the numbers of the hidden rows.
        hidden_columns: the letters of the hidden columns.
        has_filter: whether a filter may hide rows.
        merged: the areas of merged cells, each with its last row.
    """

    cells: int = 0
    first_row: int | None = None
    errors: Cells = field(default_factory=Cells)
    error: str = "#N/A"
    not_computed: Cells = field(default_factory=Cells)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[str] = field(default_factory=list)
    has_filter: bool = False
    merged: list[tuple[str, int]] = field(default_factory=list)

    def look_at(self, text: bytes, end: int) -> None:
        """Look at the next part of the sheet's XML, up to a place."""
        if self.first_row is None and (found := VALUED.search(text, 0, end)):
            self.first_row = int(found[1])
        # Hardly any sheet has these, and to look for a word takes far less time than for a pattern.
        if b'"e"' in text or b"'e'" in text:
            self._look_for_errors(text, end)
        if b"f>" in text:
            self._look_for_formulas(text, end)
        if b"hidden=" in text:
            self.hidden_rows += [int(row) for row in HIDDEN_ROW.findall(text, 0, end)]
            for column in HIDDEN_COLUMN.findall(text, 0, end):
                first, last = _read_number(column, b"min"), _read_number(column, b"max")
                self.hidden_columns += map(name_column, range(first, min(last, first + MOST_NAMED) + 1))
        if b"autoFilter" in text:
            self.has_filter |= bool(FILTER.search(text, 0, end))
        if b"mergeCell" in text:
            self.merged += [(area.decode(), int(last)) for area, _, last in MERGED.findall(text, 0, end)]

    def _look_for_errors(self, text: bytes, end: int) -> None:
        for error in ERROR.finditer(text, 0, end):
            if not self.errors.count and (said := ERROR_TEXT.match(text, error.end())):
                self.error = said[1].decode(errors="replace")
            self.errors.note(_read_address(error[0]))

    def _look_for_formulas(self, text: bytes, end: int) -> None:
        for formula in NOT_COMPUTED.finditer(text, 0, end):
            tag = max(text.rfind(b"<c ", 0, formula.start()), text.rfind(b":c ", 0, formula.start()))
            self.not_computed.note(_read_address(text[tag : formula.start()]) if tag >= 0 else "")

    def list_notes(self, header_row: int) -> list[str]:
        """List the findings about the rows below the header, whose row in the sheet is given; one sentence each."""
        notes = []
        if self.errors.count:
            notes.append(
                f"{count(self.errors.count, 'cell holds an error', 'cells hold errors')} such as {self.error} (first"
                f" in cell {self.errors.first}), read as empty"
            )
        if self.not_computed.count:
            notes.append(
                f"{count(self.not_computed.count, 'cell holds a formula', 'cells hold formulas')} without a result"
                f" (first in cell {self.not_computed.first}), read as empty; open the workbook in Excel, and save it"
            )
        if merged := [area for area, last in self.merged if last > header_row]:
            notes.append(
                f"{count(len(merged), 'area of cells is', 'areas of cells are')} merged (first {merged[0]}); only the"
                " first cell of each has the value, and the others are read as empty"
            )
        if hidden := [row for row in self.hidden_rows if row > header_row]:
            by = "by a filter" if self.has_filter else "in the sheet"
            notes.append(
                f"{count(len(hidden), 'row is', 'rows are')} hidden {by} (first row {min(hidden):,}), and read like the"
                " others"
            )
        if self.hidden_columns:
            shown = ", ".join(self.hidden_columns[:MOST_NAMED])
            more = len(self.hidden_columns) - MOST_NAMED
            notes.append(f"the columns {shown}{' and more' if more > 0 else ''} are hidden, and read like the others")
        return notes


def find_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Find the parts of a workbook that hold its sheets, by the names of the sheets."""
    if RELATIONS not in archive.namelist():
        return {}
    tags = _read_tags(archive)
    with archive.open(RELATIONS) as part:
        relations = RELATION.findall(part.read(MOST_READ))
    targets = {_read_text(tag, rb"Id"): normpath(join("/xl", _read_text(tag, rb"Target"))) for tag in relations}
    return {_read_name(tag): targets.get(_read_text(tag, rb"(?:\w+:)id"), "").lstrip("/") for tag in tags}


def find_hidden(archive: zipfile.ZipFile) -> set[str]:
    """Find the names of the sheets that a workbook hides."""
    return {_read_name(tag) for tag in _read_tags(archive) if _read_text(tag, rb"state") in {"hidden", "veryHidden"}}


def _read_tags(archive: zipfile.ZipFile) -> list[bytes]:
    if WORKBOOK not in archive.namelist():
        return []
    with archive.open(WORKBOOK) as part:
        return SHEET_TAG.findall(part.read(MOST_READ))


def _read_name(tag: bytes) -> str:
    return unescape(_read_text(tag, rb"name"), {"&quot;": '"', "&apos;": "'"})


def name_column(number: int) -> str:
    """Return the letters of a column, such as `AB` for 28."""
    letters = ""
    while number > 0:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def _read_address(tag: bytes) -> str:
    found = ADDRESS.search(tag)
    return found[1].decode() if found else ""


def _read_text(tag: bytes, name: bytes) -> str:
    found = re.search(rb"\s" + name + rb"=(?:\"([^\"]*)\"|'([^']*)')", tag)
    return (found[1] or found[2] or b"").decode(errors="replace") if found else ""


def _read_number(tag: bytes, name: bytes) -> int:
    text = _read_text(tag, name)
    return int(text) if text.isdecimal() and len(text) < 6 else 0
