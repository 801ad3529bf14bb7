"""Files that look like a report and are none, or that hold what nobody sees, are called by their names."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import NoDataForDay, UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.formats import workbooks
from integration_center.insights.formats.workbook_formats import Odd, OddCells
from integration_center.insights.formats.workbook_sheets import SheetLook
from integration_center.insights.inspecting.inspection import Inspection, inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center_tests.insights.conftest import DAY, Read
from integration_center_tests.insights.workbooks import write_workbook

ROWS = "User ID,Seen,N\nann@x.example,2026-11-20,1\nbo@x.example,2026-11-21,2\n"


def inspect(content: str, **declared: object) -> Inspection:
    return inspect_file(content.encode(), "x.csv", "csv", ReportFile.model_validate(declared), limit=SizeLimit())


def inspect_dates(*dates: str) -> Inspection:
    return inspect("User ID,Seen\n" + "".join(f'u{number}@x.example,"{each}"\n' for number, each in enumerate(dates)))


def zipped(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return sink.getvalue()


@pytest.mark.parametrize("name", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    "body",
    [
        {"error": "link expired", "code": 410},
        {"errors": [{"message": "no"}], "request-id": "1"},
        {"Message": "Unauthorized"},
        {"error": {"code": 403}, "error_description": "x"},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_error_of_a_service_is_no_report(read: Read, body: object, name: str, indent: int | None) -> None:
    with pytest.raises(UnreadableReport, match="no report, but the error of a service"):
        read(json.dumps(body, indent=indent), "", name)


def test_one_row_may_be_about_errors(read: Read) -> None:
    assert read('{"User ID": "a", "Errors": 3, "Message": "x"}\n', "", ".jsonl").frame.shape == (1, 3)


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ('{"error": "timeout", "at": 3}\n', "line 4: a JSON error begins here"),
        ("<html><body>Sorry, try later</body></html>\n", "line 4: a web page or an XML error begins here"),
    ],
)
def test_an_error_with_a_comma_below_the_rows_is_no_short_row(read: Read, below: str, expected: str) -> None:
    with pytest.raises(UnreadableReport, match=expected):
        read(ROWS + below)


def test_an_error_as_wide_as_the_table_is_named(read: Read) -> None:
    notes = read(ROWS + '{"error": "timeout", "at": 3, "of": 4}\n').notes
    assert any("1 row begins like an error page or a JSON error (first in row 4)" in note for note in notes)
    assert not any("error page" in note for note in read(ROWS).notes)


@pytest.mark.parametrize("begin", ["<p>", "<b>", "<html>"])
def test_formatted_text_is_no_error(read: Read, begin: str) -> None:
    report = read(f"Answer,By,N\n{begin}Good,a,1\n{begin}Bad,b,2\n{begin}So,c,3\nx,d,4\n")
    assert (report.frame.height, report.notes) == (4, [])
    assert read(f"Answer,By,N\nx,a,1\n{begin.replace('html', 'p')}Good,a\n").frame.height == 2


def test_text_that_is_called_jsonl_names_its_format(read: Read) -> None:
    with pytest.raises(UnreadableReport, match="say `format: csv`") as refused:
        read(ROWS, "", ".jsonl")
    assert refused.value.remedy == {"format": "csv"}
    assert read(ROWS, "format: csv\n", ".jsonl").frame.height == 2


def test_a_value_without_a_name_is_kept(read: Read) -> None:
    report = read('{"User ID": "a", "": "1"}\n', "", ".jsonl")
    assert report.frame.rows() == [("a", "1")]
    assert any("no name for 'column 2'" in note for note in report.notes)


@pytest.mark.parametrize(
    ("member", "kind"),
    [("word/document.xml", "a Word document"), ("Index/Document.iwa", "a document of Apple's Numbers")],
)
def test_a_document_is_no_zip_of_files(read: Read, member: str, kind: str) -> None:
    with pytest.raises(UnreadableReport, match=f"it is {kind}"):
        read(zipped("a", member), "", ".xlsx")


def test_marks_of_writing_direction_are_no_part_of_a_name() -> None:
    assert find_column("User ID", ["\u202eUser ID\u202c", "N"]) == "\u202eUser ID\u202c"
    assert find_column("User ID", ["\u200eUser\u2066 ID", "N"]) == "\u200eUser\u2066 ID"


@pytest.mark.parametrize(
    ("name", "columns", "found"),
    [
        ("Last Login", ["User ID", "Last Login  \u2191"], "Last Login  \u2191"),
        ("Last Login  \u2191", ["User ID", "last login"], "last login"),
        ("Last Login \u2191", ["Last Login \u25bc"], "Last Login \u25bc"),
        ("Last Login", ["Last Login \u2191", "last login"], "last login"),
        ("Trend", ["Trend \u2191", "Trend \u2193"], None),
        ("Trend \u2191", ["Trend \u2191", "Trend \u2193"], "Trend \u2191"),
        ("\u2191", ["\u2193"], None),
    ],
)
def test_the_arrow_of_a_sorted_column_is_no_part_of_its_name(name: str, columns: list[str], found: str | None) -> None:
    assert find_column(name, columns) == found


@pytest.mark.parametrize("type_", ["", ' t="n"', ' s="1" t="n"'])
def test_long_numbers_of_a_workbook_are_found_whatever_says_that_they_are_numbers(type_: str) -> None:
    odd = OddCells()
    cell = f'<c r="C2"{type_}><v>12345678901234567</v></c>'.encode()
    odd.look_at(cell, len(cell))
    assert odd.columns[Odd.LONG] == {b"C"}
    shared = cell.replace(b'<c r="C2"', b'<c r="D2" t="s"')
    odd.look_at(shared, len(shared))
    assert odd.columns[Odd.LONG] == {b"C"}


@pytest.mark.parametrize("letter", ["\0", "\ufffd"])
def test_cells_that_are_damaged_are_named_with_their_row(read: Read, letter: str) -> None:
    notes = read(ROWS.replace("bo@", f"b{letter}o@")).notes
    assert any("'User ID' has 1 cell with the character 0, or with � in place of" in note for note in notes)
    assert any("(first in row 3)" in note for note in notes)


def test_letters_of_two_encodings_are_named_by_each_run(read: Read) -> None:
    mixed = "User ID,Name\na,Müller\n".encode() + "b,Jörg\n".encode("cp1252")
    notes = read(mixed, "encoding: cp1252\n").notes
    assert any("1 cell with letters such as Ã¼ for ü (first in row 2)" in note for note in notes)


@pytest.mark.parametrize(
    ("footer", "below", "refused"),
    [
        ("1", "", "line 3"),
        ("2", "Total,,3\n", "line 3"),
        ("1", "Total,,3\n", None),
        ("1", "Questions to,help@x.example,\n", None),
        ("2", "\nConfidential\n\nask ann@x.example\n", None),
        ("0", "", None),
    ],
)
def test_a_counted_footer_takes_no_row_away(read: Read, footer: str, below: str, refused: str | None) -> None:
    if refused is None:
        assert read(ROWS + below, f"footer: {footer}\n").frame.height == 2
        return
    with pytest.raises(UnreadableReport, match=f"`footer: {footer}` of report.yaml leaves out {refused}, which has an"):
        read(ROWS + below, f"footer: {footer}\n")


def test_a_counted_footer_takes_no_row_of_a_sheet_away(read: Read) -> None:
    sheet = [line.split(",") for line in ROWS.splitlines()]
    with pytest.raises(UnreadableReport, match="leaves out a row, which has an e-mail address"):
        read(write_workbook({"A": sheet}), "footer: 1\n", ".xlsx")
    assert read(write_workbook({"A": [*sheet, ["Total", "", "3"]]}), "footer: 1\n", ".xlsx").frame.height == 2


@pytest.mark.parametrize(
    ("keys", "below", "is_row"),
    [
        (["00Qd3ebDB50A6Dc", "00QD06B3bDf70aE", "00QCFFd5EaeCAF1"], "", True),
        (["2455ba0f-6a3b-0785-a19b-35e0ce37d3d9", "dca7cafa-c235-5158-6d23-985955b85181"], "", True),
        (["00Qd3ebDB50A6Dc", "00QD06B3bDf70aE"], "Total,2\n", False),
        (["00Qd3ebDB50A6Dc", "00QD06B3bDf70aE"], "Made-by-walkme,2\n", False),
        (["2026-11-20", "2026-11-21"], "2026-11-22,2\n", False),
        (["100234", "100235"], "200469,2\n", False),
    ],
)
def test_a_counted_footer_takes_no_row_with_an_identifier_away(
    read: Read, keys: list[str], below: str, is_row: bool
) -> None:
    content = "Key,Count\n" + "".join(f"{key},1\n" for key in keys) + below
    if is_row:
        with pytest.raises(UnreadableReport, match="an identifier like the row above the footer"):
            read(content, "footer: 1\n")
    else:
        assert read(content, "footer: 1\n").frame.height == len(keys)


def test_a_row_that_is_too_long_is_no_footer_where_rows_follow(read: Read) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read("User ID,Name,N\na,Lee, Ann,1\nb,Bo,2\n")
    assert "put cells that hold commas or line breaks in quotes" in str(refused.value)
    assert "footer" not in str(refused.value)


@pytest.mark.parametrize(
    ("dates", "proposal", "note"),
    [
        (["31/02/2026", "30/01/2026", "13/05/2026"], {"columns": {"Seen": {"dates": "%d/%m/%Y"}}},
         "1 of 3 values (first in row 2) do not have the form"),
        (["01/02/2026", "13/02/2026", "02/13/2026"], {},
         "contradict each other: row 3 can only be '%d/%m/%Y', and row 4 only '%m/%d/%Y'"),
        (["2026-11-22 23:59:59", "2026-11-22 24:00:00"], {}, "1 are dates in no known form (first in row 3)"),
        (["2016-12-31 23:59:60", "2016-12-31 23:59:59"], {}, "1 are dates in no known form (first in row 2)"),
        (["2026-11-22", "22/11/26", "01/02/2026"], {},
         "some can mean two things: of 3 different values 2 cannot be read (first in row 3)"),
    ],
)  # fmt: skip
def test_dates_that_are_none_are_said_with_their_row(dates: list[str], proposal: object, note: str) -> None:
    found = inspect_dates(*dates)
    assert found.proposal == proposal
    assert any(note in each for each in found.notes)
    assert not any(each in " ".join(found.notes) for each in dates)  # values are personal data


def test_a_title_and_a_note_around_a_table_are_proposed_together() -> None:
    rows = ROWS + "cy@x.example,2026-11-22,3\n"
    content = "Report\tLogins\nof today\n\n" + rows.replace(",", "\t") + "Confidential\n"
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"header_row": 3, "footer": 1})
    cut_off = inspect_file(
        content.encode("utf-16-le")[:-3], "x.csv", "csv", ReportFile.model_validate({}), limit=SizeLimit()
    )
    assert (cut_off.problem is None, cut_off.line_end) == (False, "LF")


def test_units_in_brackets_are_no_row() -> None:
    found = inspect(ROWS.replace("N\n", "N\n(e-mail),(UTC),(count)\n"))
    assert found.proposal == {"skip_after_header": 1}
    assert inspect(ROWS.replace("N\n", "N\n(x),(y),3\n")).proposal == {}


def test_three_digits_behind_a_decimal_comma_are_said() -> None:
    said = "read as decimals, 1.234, by `decimal: ','`"
    found = inspect('User ID,N\na,50%\nb,"1,234"\nc,"1.234,5"\n')
    assert found.proposal == {"decimal": ",", "thousands": "."}
    assert any(
        "column 'N' holds numbers such as 1,234 (first in row 3)" in note and said in note for note in found.notes
    )
    assert not any(said in note for note in inspect('User ID,N\na,"0,125"\nb,"1.234,5"\n').notes)


def test_blanks_are_no_value() -> None:
    found = inspect("User ID,Note\na@x.example,' '\n".replace("'", '"') + 'b@x.example,"   "\n')
    assert (found.columns[1].empty, found.keys) == (1, ["User ID"])


@pytest.mark.parametrize("sign", ["\x1f", "\x01", "~"])
def test_odd_separators_are_proposed(sign: str) -> None:
    found = inspect(ROWS.replace(",", sign))
    assert found.proposal == {"delimiter": sign}
    assert [column.name for column in found.columns] == ["User ID", "Seen", "N"]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("Access denied. Your session is over, sign in again.\n", "it may be an error message"),
        ("1,2,3\na@x.example,1,2\n", "so the file may have none"),
    ],
)
def test_what_is_no_header_is_said(content: str, note: str) -> None:
    assert any(note in each for each in inspect(content).notes)
    assert not any(note in each for each in inspect(ROWS).notes)


def test_more_texts_that_mean_no_value_are_named(read: Read) -> None:
    report = read("User ID,N\na,#NV\nb,k.A.\nc,1\n")
    assert any("say `empty: ['#NV', 'k.A.']` in report.yaml" in note for note in report.notes)
    assert report.frame["N"].to_list() == ["#NV", "k.A.", "1"]
    assert report.frame.dtypes == [pl.String, pl.String]


@pytest.mark.parametrize(("sign", "shown"), [("~", '"~"'), ("\x1f", '"\\u001f"')])
def test_a_table_of_one_column_names_what_may_separate_its_cells(read: Read, sign: str, shown: str) -> None:
    report = read(ROWS.replace(",", sign))
    assert any(f"say `delimiter: {shown}` in report.yaml" in note for note in report.notes)
    assert read(ROWS.replace(",", sign), f"delimiter: {shown}\n").frame.width == 3
    assert not any("delimiter" in note for note in read("Note\na!\nb\n").notes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{DAY}.xls", "Excel workbooks of the old kind are not read; save it as xlsx or CSV"),
        (f"{DAY}.csv.bz2", "such archives are not read; pack it by gzip, zstd or zip"),
        (f"{DAY}.tar.gz", "such archives are not read; pack it by gzip, zstd or zip"),
        (f"~${DAY}.xlsx", None),
    ],
)
def test_a_kind_that_is_not_read_is_named(tmp_path: Path, name: str, kind: str | None) -> None:
    (tmp_path / "logins").mkdir()
    (tmp_path / "logins" / name).write_bytes(b"x")
    source = FilesSource(LocalDrops(tmp_path))
    assert [each.reason for each in source.list_not_taken()] == ([kind] if kind else [])
    with pytest.raises(NoDataForDay) as refused:
        source.read(source.find("Logins"), DAY)
    assert (kind or "") in str(refused.value)


def test_times_of_a_declared_form_say_that_they_are_read_as_utc() -> None:
    said = "times in 'Seen' name no time zone, and are read as UTC"
    assert any(said in note for note in inspect_dates("22.11.2026 07:05", "01.02.2026 09:00").notes)
    assert not any(said in note for note in inspect_dates("22.11.2026", "01.02.2026").notes)


def test_samples_are_beside_the_cells_of_the_file() -> None:
    found = inspect("user id;Day;N\na;22.11.2026;1.234,5\nb;;'7\n", columns={"User ID": {"name": "Who"}}, strip=True)
    assert [column.name for column in found.columns] == ["Who", "Day", "N"]
    assert [list(zip(column.written, column.samples, strict=True)) for column in found.columns] == [
        [("a", "a"), ("b", "b")], [("22.11.2026", "2026-11-22")], [("1.234,5", "1234.5"), ("'7", "7")],
    ]  # fmt: skip


def test_a_workbook_has_no_more_cells_than_fit_into_memory(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook = write_workbook({"A": [line.split(",") for line in ROWS.splitlines()]})
    monkeypatch.setattr(workbooks, "MOST_CELLS", 8)
    with pytest.raises(UnreadableReport, match=r"the workbook holds 9 cells, .* say `max_size: 20 GB`"):
        read(workbook, "", ".xlsx")
    assert read(workbook, "max_size: 20 GB\n", ".xlsx").frame.height == 2
    monkeypatch.setattr(workbooks, "MOST_CELLS", 9)
    assert read(workbook, "", ".xlsx").frame.height == 2


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (ROWS, "columns: {N: {name: Seen}}", "report.yaml gives the columns 'Seen' and 'N' one name, 'Seen'"),
        (ROWS, "columns: {N: {name: X}, Seen: {name: X}}", "gives the columns 'Seen' and 'N' one name, 'X'"),
        (ROWS.encode("utf-16"), "encoding: utf-8", "the text is utf-16-le, but report.yaml has `encoding: utf-8`"),
        (ROWS.replace("ann", "änn"), "encoding: ascii", "the text is UTF-8, so remove `encoding:` in report.yaml"),
        (ROWS[:20], "footer: 2", "correct `header_row: 1`, `footer: 2` in report.yaml"),
    ],
)
def test_a_declaration_that_is_wrong_is_named(read: Read, content: str | bytes, declared: str, expected: str) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(content, f"{declared}\n")
    assert expected in str(refused.value)


def test_columns_may_change_names_and_give_theirs_to_others(read: Read) -> None:
    assert read(ROWS, "columns: {N: {name: Seen}, Seen: {name: N}}\n").frame.columns == ["User ID", "N", "Seen"]
    assert read(ROWS, "columns: {N: {name: Seen}, Seen: {ignore: true}}\n").frame.columns == ["User ID", "Seen"]


def test_a_delimiter_that_is_declared_and_not_there_is_said(read: Read) -> None:
    report = read(ROWS, "delimiter: ;\n")
    assert report.frame.width == 3
    assert any("no line is separated by semicolons, so the delimiter that is declared" in note for note in report.notes)


@pytest.mark.parametrize("declared", ["footer: ^Total", "footer: 1"])
def test_old_line_ends_have_footers(read: Read, declared: str) -> None:
    content = ("User ID,Seen,N\na,x,1\nTotal,,1\n").replace("\n", "\r")
    assert read(content, f"{declared}\n").frame.rows() == [("a", "x", "1")]
    assert read(f"# by x\r{content}", f"{declared}\nskip_lines: 1\n").frame.height == 1


@pytest.mark.parametrize(
    "cell", ['<c r="XFD9"', '<c s="1" r="XFD9"', '<x:c r="XFD9"', '<c\tr="XFD9"', "<c r='XFD9'", '<x:c\nr="XFD9"']
)
def test_cells_are_measured_however_they_are_written(cell: str) -> None:
    extent = workbooks.Extent()
    text = f'<row><c r="A1"><v>1</v></c>{cell}><v>1</v></c></row>'.encode()
    workbooks.count_cells(io.BytesIO(text), extent, SheetLook())
    assert (extent.cells, extent.rows, extent.columns) == (2, 9, 16_384)
