"""Exports of analytics, survey and database tools: the lines around their tables, and their own signs, are found."""

import io
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.batches import BATCH_ROWS
from integration_center.insights.delimited.reading import read_table
from integration_center.insights.drop_folders.drop_names import Format
from integration_center.insights.formats.file_kinds import read_file
from integration_center.insights.inspecting.inspection import Inspection, inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center_tests.insights.workbooks import write_workbook

LIMIT = SizeLimit(10_000_000)
PEOPLE = [("ana@x.example", "1", "12"), ("bob@x.example", "2", "3")]
TABLE = "User ID,Views,Users\nana@x.example,1,12\nbob@x.example,2,3\n"
COMMENTS = ("# ----", "# Acme, Inc.", "#", "# Pages: Path, Views, Users", "# Start date: 20261101", "# End: 20261122")


def inspect(content: str) -> Inspection:
    return inspect_file(content.encode(), "x.csv", "csv", ReportFile(), limit=LIMIT)


def read(content: str, declared: Mapping[str, Any]) -> list[tuple[str | None, ...]]:
    file = ReportFile.model_validate(declared)
    return read_file(content.encode(), "x.csv", "csv", file, limit=LIMIT).frame.rows()


@pytest.mark.parametrize("rows", [1, 2, 50])
@pytest.mark.parametrize("number", [2, 3, 6])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_is_found_below_lines_of_comment(number: int, rows: int, delimiter: str) -> None:
    """Google and Adobe Analytics write more lines of comment than a small report has rows."""
    table = [line.replace(",", delimiter) for line in TABLE.splitlines()]
    content = "\n".join([*COMMENTS[:number], table[0], *(table[1:] * rows)]) + "\n"
    with pytest.raises(UnreadableReport, match=f"The header seems to be row {number + 1}: say `header_row:"):
        read(content, {})
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"header_row": number + 1})
    assert read(content, found.proposal) == PEOPLE * rows


@pytest.mark.parametrize("comments", [1, 2, 6])
def test_a_header_that_begins_like_a_comment_is_found_below_comments(comments: int) -> None:
    content = "\n".join([*COMMENTS[:comments], f"#{TABLE}"])
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"header_row": comments + 1})
    assert [column.name for column in found.columns] == ["#User ID", "Views", "Users"]
    assert read(content, found.proposal) == PEOPLE


@pytest.mark.parametrize("sign", ["#", "##"])
def test_a_table_whose_rows_begin_like_comments_has_its_own_header(sign: str) -> None:
    content = f"{sign}Ticket,User ID\n{sign}12,ana@x.example\n{sign}13,bob@x.example\nx,eve@x.example\n"
    assert inspect(content).proposal == {}
    assert len(read(content, {})) == 3


@pytest.mark.parametrize(
    ("footer", "lines"),
    [
        ('"Applied filters:\nRegion is EMEA\n\nDay is today"\n', 3),
        ('\n"Applied filters:\nRegion is EMEA"\n', 2),
        ('\n\n"Logins"\n"Confidential Information - Do Not Distribute"\n"By:\nAna"\n', 4),
    ],
)
def test_a_footer_is_counted_in_lines_also_where_its_cells_hold_line_ends(footer: str, lines: int) -> None:
    content = TABLE + footer
    with pytest.raises(UnreadableReport, match=f"such as `footer: {lines}`"):
        read(content, {})
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"footer": lines})
    assert read(content, found.proposal) == PEOPLE


def test_a_refusal_names_the_line_on_which_a_row_begins() -> None:
    with pytest.raises(UnreadableReport, match=r"x.csv, line 5: 1 cell"):
        read(TABLE + '\n"Applied filters:\nRegion is EMEA"\n', {})


@pytest.mark.parametrize("title", ["SQL> select * from logins;", "logins; as of today", "a|b"])
def test_a_sign_in_a_title_separates_no_quoted_cells(title: str) -> None:
    content = f'{title}\n"User ID","Views","Users"\n"ana@x.example","1","12"\n"bob@x.example","2","3"\n'
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"header_row": 2})
    assert read(content, found.proposal) == PEOPLE


@pytest.mark.parametrize("delimiter", ["~", "^", "\x1f", ":", "!", "*", " "])
def test_odd_delimiters_between_quotes_are_proposed(delimiter: str) -> None:
    content = TABLE.replace(",", f'"{delimiter}"').replace("\n", '"\n"').removesuffix('"')
    content = '"' + content
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"delimiter": delimiter})
    assert read(content, found.proposal) == PEOPLE


def test_more_than_one_row_of_texts_above_the_values_is_pointed_out() -> None:
    """Qualtrics writes the questions and their identifiers below the names."""
    header = "StartDate,Finished,User ID,Q1\nStart Date,Finished,Recipient Email,How likely?\n"
    ids = ",".join('"{""ImportId"":""' + name + '""}"' for name in ("startDate", "finished", "recipient", "QID1"))
    rows = "".join(f"2026-11-22 07:0{n}:00,true,u{n}@x.example,{n}\n" for n in range(5))
    note = inspect(f"{header}{ids}\n{rows}").notes[0]
    assert "the first 2 rows below the header are written otherwise" in note
    assert "`skip_after_header: 2`" in note
    note = inspect(header + rows).notes[0]
    assert "the first row below the header is written otherwise" in note


def test_rows_of_json_texts_are_no_errors() -> None:
    objects = '"{""a"":1}","{""b"":2}"\n'
    assert (
        read_table(f'User ID,Note\n{objects}a@x.example,x\nb@x.example,"{{""b"":2}}"\n'.encode(), "x.csv").notes == []
    )
    (note,) = read_table(b'User ID,Note\na@x.example,x\n"{""error"":1",x\nb@x.example,x\n', "x.csv").notes
    assert "JSON error" in note


@pytest.mark.parametrize("word", ["∅", "(not set)", "(No value)", "(none)"])
def test_words_for_no_value_of_more_tools_are_proposed(word: str) -> None:
    assert inspect(f"User ID,N\nana@x.example,1\nbob@x.example,{word}\n").proposal == {"empty": [word]}


def test_a_point_means_no_value_among_numbers_and_dates_alone() -> None:
    """SAS writes it so."""
    assert inspect("User ID,N\nana@x.example,1.5\nbob@x.example,.\n").proposal == {"empty": ["."]}
    assert inspect("User ID,N\nana@x.example,yes\nbob@x.example,.\n").proposal == {}


def write_parquet(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


NAMES = ["User ID", "N"]
WITHOUT_ROWS: Mapping[Format, bytes] = {
    "xlsx": write_workbook({"Logins": [NAMES]}),
    "csv": b"User ID,N\n",
    "parquet": write_parquet(pl.DataFrame(schema=dict.fromkeys(NAMES, pl.String))),
}


@pytest.mark.parametrize("form", WITHOUT_ROWS)
def test_a_report_without_rows_is_read_in_each_format(form: Format) -> None:
    content = WITHOUT_ROWS[form]
    table = read_file(content, f"x.{form}", form, ReportFile(), limit=LIMIT)
    assert (table.frame.columns, table.frame.height, table.notes) == (NAMES, 0, [])
    assert inspect_file(content, f"x.{form}", form, ReportFile(), limit=LIMIT).rows == 0


@pytest.mark.parametrize(
    ("written", "form", "read_as"),
    [
        ("22/Nov/26 7:00 AM", "%d/%b/%y %I:%M %p", "2026-11-22T07:00:00Z"),
        ("22/Nov/26", "%d/%b/%y", "2026-11-22"),
        ('"11/22/2026, 8:00 PM"', "%m/%d/%Y, %I:%M %p", "2026-11-22T20:00:00Z"),
        ('"11/22/2026, 8:00:00 PM"', "%m/%d/%Y, %I:%M:%S %p", "2026-11-22T20:00:00Z"),
        ("11/22/2026 8:00PM", "%m/%d/%Y %I:%M %p", "2026-11-22T20:00:00Z"),
        ("22NOV2026", None, "22NOV2026"),
        ("22NOV2026:07:00:00.000", None, "22NOV2026:07:00:00.000"),
        ("22/Nov/2026:07:00:00 +0100", None, "22/Nov/2026:07:00:00 +0100"),
    ],
)
def test_dates_of_more_tools_are_read_or_declared(written: str, form: str | None, read_as: str) -> None:
    found = inspect(f"User ID,Seen\nana@x.example,{written}\n")
    assert found.proposal == ({"dates": form} if form else {})
    (_, seen) = found.columns
    assert (seen.type in {"date", "datetime"}, list(seen.samples)) == (True, [read_as])


@pytest.mark.parametrize(("delimiter", "word"), [(";", "';'"), ("\t", "tab"), ("|", "'|'")])
@pytest.mark.parametrize("name", ["Amount, EUR", "Amount, EUR{}N"])
def test_a_delimiter_is_not_chosen_without_a_word_where_two_fit(delimiter: str, word: str, name: str) -> None:
    """A German export has commas in its numbers and in the names of columns."""
    cells = f"1,50{delimiter}1" if "{}" in name else "1,50"
    header = f"E-Mail;{name.format(delimiter)}".replace(";", delimiter)
    content = f"{header}\nana@x.example{delimiter}{cells}\nbob@x.example{delimiter}{cells}\n"
    (note,) = (note for note in inspect(content).notes if "separate" in note)
    assert f"say `delimiter: {word}` in report.yaml" in note
    option = note.partition("`delimiter: ")[2].partition("`")[0].strip("'")
    assert [row[:2] for row in read(content, {"delimiter": option})] == [
        (f"{who}@x.example", "1,50") for who in ("ana", "bob")
    ]


@pytest.mark.parametrize(
    "above", [["SQL> select * from logins;"], ["Logins", "of today"], ["# Acme", "# Start: 20261101"]]
)
@pytest.mark.parametrize("below", [["2 rows selected."], ["2 rows selected.", "SQL> spool off"]])
def test_a_title_and_a_footer_may_be_around_a_table_of_few_rows(above: list[str], below: list[str]) -> None:
    content = "\n".join([*above, TABLE, *below]) + "\n"
    found = inspect(content)
    assert (found.problem, found.proposal) == (None, {"header_row": len(above) + 1, "footer": len(below)})
    assert read(content, found.proposal) == PEOPLE


@pytest.mark.parametrize(
    ("content", "declared", "said"),
    [
        (
            "User ID,N\n\na@x.example,1\n\x1a\nc@x.example,\n,\n,3,\n",
            {},
            "extra empty cells at the end (first in row 7)",
        ),
        (
            "User ID,N,M\na@x.example,1,2\n\n\x1a\nb@x.example,2\nc@x.example,3\n",
            {},
            "2 rows lack their last cells (first in row 5)",
        ),
        (
            'Logins\nUser ID,N,M\n"a@x.example\n",1,2\nb@x.example,2\n',
            {"header_row": 2},
            "1 row lacks its last cells (first in row 4)",
        ),
    ],
)
def test_odd_rows_are_named_by_the_first_of_them(content: str, declared: dict[str, Any], said: str) -> None:
    file = ReportFile.model_validate(declared)
    notes = read_file(content.encode(), "x.csv", "csv", file, limit=LIMIT).notes
    assert [said in note for note in notes] == [True]


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_delimiter_in_each_row_makes_no_header_of_a_person(rows: int) -> None:
    content = "User ID,N\n" + "a@x.example,1,200\n" * rows
    with pytest.raises(UnreadableReport, match="line 2: 3 cells, the header has 2; put cells that hold commas"):
        read(content, {})
    assert inspect(content).proposal == {}
    blanks = "User ID, N\n" + 'a@x.example, "1,200"\n' * rows
    found = inspect(blanks)
    assert found.proposal["skip_blanks"] is True
    assert read(blanks, {"skip_blanks": True}) == [("a@x.example", "1,200")] * rows


@pytest.mark.parametrize("encoding", [None, "utf-8", "cp1252", "cp1250", "mac_roman", "utf-16-le"])
@pytest.mark.parametrize("mark", ["\ufeff".encode(), "\ufeff\ufeff".encode(), "ï»¿".encode(), "\ufeffï»¿".encode()])
def test_a_mark_of_utf_8_is_no_part_of_a_name(mark: bytes, encoding: str | None) -> None:
    """Programs put it before text of any encoding, and encode it once more where they take it for three letters."""
    content = mark + "User ID,Zoë\na@x.example,é\n".encode(encoding or "utf-8")
    file = ReportFile.model_validate({"encoding": encoding} if encoding else {})
    frame = read_file(content, "x.csv", "csv", file, limit=LIMIT).frame
    assert (frame.columns, frame.rows()) == (["User ID", "Zoë"], [("a@x.example", "é")])


@pytest.mark.parametrize("titles", [1, 3])
@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("footer", [True, False])
def test_the_header_is_found_where_the_title_is_beside_the_table(titles: int, rows: int, footer: bool) -> None:
    """Salesforce formats its reports so."""
    above: list[list[object]] = [[f"Title {number}"] for number in range(titles)]
    row: list[object] = [None, "ana@x.example", "1"]
    table: list[list[object]] = [[None, "User ID", "N"], *[row] * rows]
    below: list[list[object]] = [[None, "Total", "1"], [], [None, "Confidential Information - Do Not Distribute"]]
    content = write_workbook({"Logins": [*above, [], *table, *(below if footer else [])]})
    found = inspect_file(content, "x.xlsx", "xlsx", ReportFile(), limit=LIMIT)
    assert (found.problem, found.proposal) == (None, {"header_row": titles + 1} | ({"footer": 2} if footer else {}))
    file = ReportFile.model_validate(found.proposal)
    frame = read_file(content, "x.xlsx", "xlsx", file, limit=LIMIT).frame
    assert (frame.columns, frame.rows()) == (["User ID", "N"], [("ana@x.example", "1")] * rows)


@pytest.mark.parametrize("gap", ["\n", "\n\n", "   \n\x1a\n"])
def test_a_second_table_below_an_empty_line_is_refused(gap: str) -> None:
    """Its rows are as wide as those of the first one, so they would be read with them."""
    content = f"{TABLE}{gap}Country,Sessions,Users\nGermany,4,1\nFrance,3,1\n"
    with pytest.raises(UnreadableReport, match=f"row {4 + gap.count(chr(10))} is below an empty line.*`footer: 3`"):
        read(content, {})
    assert inspect(content).proposal == {"footer": 3}
    assert read(content, {"footer": 3}) == PEOPLE
    rows: list[list[object]] = [["User ID", "N"], ["a@x.example", 1], [], ["Team", "Count"], ["EMEA", 4]]
    workbook = write_workbook({"S": rows})
    with pytest.raises(UnreadableReport, match="row 4 is below an empty line"):
        read_file(workbook, "x.xlsx", "xlsx", ReportFile(), limit=LIMIT)
    found = inspect_file(workbook, "x.xlsx", "xlsx", ReportFile(), limit=LIMIT)
    assert (found.problem, found.proposal, found.rows) == (None, {"footer": 2}, 1)


@pytest.mark.parametrize("rows", [1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS])
def test_a_second_table_is_found_wherever_the_rows_are_cut(rows: int) -> None:
    table = "User ID,Sessions,Users\n" + "ana@x.example,1,2\n" * rows
    with pytest.raises(UnreadableReport, match=f"row {rows + 3:,} is below an empty line"):
        read(f"{table}\nCountry,Sessions,Users\nGermany,4,1\nFrance,3,1\n", {})


@pytest.mark.parametrize(
    "below",
    [
        "cyd@x.example,Cyd,3\n",
        "x,no name,\ny,none,1\n",
        "Team,Count,\n",
        "Cyd,Cyd,never\nDan,Dan,4\n",
        "Cyd,unknown,unknown\nDan,Dan,4\n",
    ],
)
def test_rows_below_an_empty_line_are_mostly_rows(below: str) -> None:
    content = f"User ID,Name,N\nana@x.example,Ana,1\nbob@x.example,Bob,2\n\n{below}"
    assert inspect(content).problem is None
    assert len(read(content, {})) == 2 + below.count("\n")


OBJECTS = '{"User ID": "a@x.example"}\n{"User ID": "b@x.example", "message": "hi"}\n'


@pytest.mark.parametrize(
    ("below", "kind"),
    [
        ('{"error": {"code": 504}}\n', "a JSON error"),
        ('\n{"message": "timeout", "status": 504}', "a JSON error"),
        ("<html>504</html>\n", "a web page or an XML error"),
        ('<?xml version="1.0"?>', "a web page or an XML error"),
    ],
)
def test_an_error_below_json_lines_is_named(below: str, kind: str) -> None:
    """The rows that the service did not send are missing."""
    line = 3 + below.startswith("\n")
    with pytest.raises(UnreadableReport, match=f"x.jsonl, line {line}: {kind} begins here, below the rows; the export"):
        read_file((OBJECTS + below).encode(), "x.jsonl", "jsonl", ReportFile(), limit=LIMIT)


@pytest.mark.parametrize(
    "objects",
    [
        OBJECTS + '{"message": "x"}\n{"User ID": "c@x.example"}\n',
        '{"User ID": "a@x.example", "message": "x"}\n{"message": "y"}\n',
        '{"id": 1, "message": "x"}\n{"id": 2, "message": "y"}\n',
    ],
)
def test_objects_about_messages_are_rows(objects: str) -> None:
    table = read_file(objects.encode(), "x.jsonl", "jsonl", ReportFile(), limit=LIMIT)
    assert table.frame.height == objects.count("\n")


@pytest.mark.parametrize(
    ("totals", "pattern"),
    [
        ("Total,3,15\n", r"^\W*Total"),
        ("Average,2,7\nTotal,3,15\n", r"^\W*(Average|Total)"),
        ("Total,1,2\nTotal,3,15\n", r"^\W*Total"),
        ("Summe: alle,3,15\nMittelwert,2,7\nAnzahl,2,2\n", r"^\W*(Summe|Mittelwert|Anzahl)"),
    ],
)
def test_all_rows_of_totals_are_left_out(totals: str, pattern: str) -> None:
    found = inspect(TABLE + totals)
    assert found.proposal == {"footer": pattern}
    assert read(TABLE + totals, found.proposal) == PEOPLE


@pytest.mark.parametrize("good", [1, 2, 5])
def test_rows_with_a_delimiter_in_a_cell_do_not_make_the_first_of_them_the_header(good: int) -> None:
    content = "Code,N\nu1,1,200\nu2,1,300\n" + "u3,5\n" * good
    assert inspect(content).proposal == {}
    with pytest.raises(UnreadableReport, match="line 2: 3 cells, the header has 2; put cells that hold commas"):
        read(content, {})
