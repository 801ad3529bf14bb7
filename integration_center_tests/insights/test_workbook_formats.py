"""Cells of workbooks that show something else than they hold are read as they are held, and named."""

from datetime import datetime, timedelta

import pytest

from integration_center_tests.insights.conftest import Read
from integration_center_tests.insights.workbooks import FIRST_DAY, change_member, write_workbook

SHEET, STYLES = "xl/worksheets/1.xml", "xl/styles.xml"
USED = '<xf numFmtId="14" applyNumberFormat="1"/>'


def write(cells: list[object], *, format_id: int = 0, code: str = "", cell_type: str = "") -> bytes:
    """A workbook with the numbers of one column in a format."""
    workbook = write_workbook({"Data": [["User ID", "N"], *(["a@x.example", cell] for cell in cells)]})
    own = f'<numFmts><numFmt numFmtId="{format_id}" formatCode="{code}"/></numFmts><fonts' if code else "<fonts"
    workbook = change_member(workbook, STYLES, "<fonts", own)
    workbook = change_member(workbook, STYLES, USED, f'{USED}<xf numFmtId="{format_id}" applyNumberFormat="1"/>')
    for row in range(2, len(cells) + 2):
        workbook = change_member(workbook, SHEET, f'<c r="B{row}">', f'<c r="B{row}" s="3"{cell_type}>')
    return workbook


@pytest.mark.parametrize(
    ("cells", "form", "read_as", "said"),
    [
        ([0.625, 1], (10, ""), ["0.625", "1"], "column B are shown as per cent"),
        ([0.625], (164, "0.0%"), ["0.625"], "say `factor: 100`"),
        ([123, 7], (164, "00000"), ["123", "7"], "column B are shown with zeros in front"),
        ([1.5], (46, ""), ["1900-01-01 12:00:00"], "the durations in column B"),
        ([1.2345678901234568e17], (0, ""), None, "column B holds numbers of more than 15 digits"),
        ([1234.5], (4, ""), ["1234.5"], None),
        ([0.625], (164, "0.00"), ["0.625"], None),
    ],
)
def test_a_format_that_changes_what_a_cell_shows_is_named(
    read: Read, cells: list[object], form: tuple[int, str], read_as: list[str] | None, said: str | None
) -> None:
    workbook = write(cells, format_id=form[0], code=form[1])
    report = read(workbook, suffix=".xlsx")
    if read_as:
        assert report.frame["N"].to_list() == read_as
    assert [said in note for note in report.notes if said] == ([True] if said else [])
    assert bool(report.notes) is bool(said)


def test_a_text_in_such_a_format_is_read_as_it_shows(read: Read) -> None:
    workbook = write([1], format_id=164, code="00000", cell_type=' t="str"')
    report = read(change_member(workbook, SHEET, "<v>1</v>", "<v>00123</v>"), suffix=".xlsx")
    assert (report.frame["N"].to_list(), report.notes) == (["00123"], [])


def test_a_time_without_a_day_gets_none(read: Read) -> None:
    times = [FIRST_DAY + timedelta(hours=7, minutes=30), FIRST_DAY, datetime(2026, 11, 22, 7, 30)]  # noqa: DTZ001
    report = read(write_workbook({"Data": [["User ID", "N"], *(["a", each] for each in times)]}), suffix=".xlsx")
    assert report.frame["N"].to_list() == ["07:30:00", "00:00:00", "2026-11-22 07:30:00"]


def test_days_in_the_header_are_days(read: Read) -> None:
    report = read(write_workbook({"Data": [["User ID", datetime(2026, 11, 1)], ["a", 5]]}), suffix=".xlsx")  # noqa: DTZ001
    assert report.frame.columns == ["User ID", "2026-11-01"]


def test_what_a_sheet_hides_is_named_with_its_place(read: Read) -> None:
    rows: list[list[object]] = [
        [None],
        ["User ID", "N"],
        ["a@x.example", 1],
        [],
        ["b@x.example", "NULL"],
        ["c@x.example", 3],
    ]
    workbook = write_workbook({"Data": rows, "Other": [["x"]]})
    workbook = change_member(
        workbook, SHEET, "<sheetData>", '<cols><col min="2" max="2" hidden="1"/></cols><sheetData>'
    )
    workbook = change_member(workbook, SHEET, '<row r="5">', '<row hidden="1" r="5">')
    workbook = change_member(workbook, SHEET, '<c r="B3"><v>1</v>', '<c r="B3" t="e"><v>#REF!</v>')
    workbook = change_member(workbook, SHEET, '<c r="B6"><v>3</v>', '<c r="B6"><f>1+2</f>')
    merged = (
        '</sheetData><autoFilter ref="A2:B6"/><mergeCells><mergeCell ref="A1:B1"/><mergeCell ref="A5:A6"/></mergeCells>'
    )
    workbook = change_member(workbook, SHEET, "</sheetData>", merged)
    workbook = change_member(
        workbook, "xl/worksheets/2.xml", 't="inlineStr"><is><t xml:space="preserve">x</t></is>', 't="e"><v>#N/A</v>'
    )
    report = read(workbook, suffix=".xlsx")
    assert report.frame["N"].to_list() == [None, "NULL", None]
    said = "; ".join(report.notes)
    assert "1 cell holds an error such as #REF! (first in cell B3), read as empty" in said
    assert "1 cell holds a formula without a result (first in cell B6)" in said
    assert "1 area of cells is merged (first A5:A6); only the first cell" in said
    assert "1 row is hidden by a filter (first row 5), and read like the others" in said
    assert "the columns B are hidden, and read like the others" in said
    assert "column 'N' holds 'NULL' in 1 cell (first in row 5)" in said
