"""Files as people have them: read as they are, or refused with the line of report.yaml that reads them."""

import pytest

from integration_center.errors import UnreadableReport
from integration_center_tests.insights.conftest import Read

ROWS = [("ann@x.example", "2026-11-20 10:00:00", "7"), ("zoë@x.example", None, "8")]
HEADER = "User ID,Last Login,Count"
PLAIN = f"{HEADER}\nann@x.example,2026-11-20 10:00:00,7\nzoë@x.example,,8\n"


def with_delimiter(delimiter: str) -> str:
    return PLAIN.replace(",", delimiter)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN, None),
        (with_delimiter(";"), "cells are separated by semicolons"),
        (with_delimiter("\t"), "cells are separated by tabs"),
        (with_delimiter("|"), "cells are separated by pipes"),
        ("sep=;\n" + with_delimiter(";"), "a line says sep=;"),
        ('"sep=|"\r\n' + with_delimiter("|"), "a line says sep=|"),
        ("\ufeff\ufeff" + PLAIN, None),
        (PLAIN.encode("utf-16"), "the text is utf-16-le"),
        (PLAIN.encode("utf-16-be"), "the text is utf-16-be"),
        (PLAIN.encode("utf-16-le"), "the text is utf-16-le"),
        (PLAIN.replace("\n", "\r"), None),
        (PLAIN + "\x1a", None),
        (PLAIN + "   \n", None),
        (PLAIN.replace("\n", ",\n"), None),
        (PLAIN.replace("8\n", "8,\n"), "1 row has extra empty cells at the end"),
        (PLAIN.replace(HEADER, '\u00a0user id ,"""Last Login""",Cou\u200bnt'), None),
    ],
)
def test_what_a_file_shows_is_found(read: Read, content: str | bytes, note: str | None) -> None:
    report = read(content)
    assert report.frame.rows() == ROWS
    assert [name.casefold() for name in report.frame.columns] == [name.casefold() for name in HEADER.split(",")]
    assert report.info.key_column is not None
    assert [each for each in report.notes if note is None or note not in each] == []
    assert bool(report.notes) is (note is not None)


def test_rows_without_their_last_cells_are_filled_up_and_counted(read: Read) -> None:
    report = read(f"{HEADER}\nann@x.example,2026-11-20 10:00:00\nbo@x.example,\n")
    assert report.frame.rows() == [("ann@x.example", "2026-11-20 10:00:00", None), ("bo@x.example", None, None)]
    assert report.notes == [
        "logins/2026-11-22.csv: 2 rows lack their last cells (first in row 2), which are read as empty"
    ]


def test_a_name_that_occurs_twice_is_the_name_of_no_column(read: Read) -> None:
    report = read("User ID,Comment,Count,Comment\na,1,2,3\n")
    assert report.frame.to_dicts() == [
        {"User ID": "a", "Comment (column 2)": "1", "Count": "2", "Comment (column 4)": "3"}
    ]
    assert "the header names 'Comment' more than once" in report.notes[0]


@pytest.mark.parametrize(
    ("content", "expected", "declared"),
    [
        (PLAIN.encode("cp1252"), ["line 3", "`encoding: cp1252`"], "encoding: cp1252"),
        ("Logins of November\n\n" + PLAIN, ["header seems to be row 2", "`header_row: 2`"], "header_row: 2"),
        ("Logins\nMade by: Ann\n" + with_delimiter(";"), ["`header_row: 3`"], "header_row: 3\ndelimiter: ;"),
        ("Logins, of November\n" + PLAIN, ["`header_row: 2`"], "skip_lines: 1"),
        (PLAIN + "2 rows\n", ["line 4", "1 cell", "`footer: 1`"], "footer: 1"),
        (PLAIN + "\nConfidential.\nDo not share.\n", ["`footer: 2`"], "footer: '^(Confidential|Do not)'"),
        (PLAIN + "Total,,15\n", [], "footer: ^Total"),
        (PLAIN.replace("\n", "\nid,moment,logins\n", 1), [], "skip_after_header: 1"),
        (PLAIN.replace("ann@x.example", "'ann@x.example'"), [], 'quote: "\'"'),
        (PLAIN.replace("zoë@x.example,", 'zoë@x.example,"-"').replace('"-"', "-"), ["'-'"], "empty: ['-', NEVER]"),
        (with_delimiter("^"), [], "delimiter: ^"),
        (PLAIN.replace("User ID", "Nutzer").replace("7", "'7").replace("8", "'8"), ["`strip: true`"],
         "strip: true\ncolumns: {Nutzer: {name: User ID}}"),
        (PLAIN.replace("2026-11-20 10:00:00", "20.11.2026 10:00"), [], "dates: '%d.%m.%Y %H:%M'"),
        (PLAIN.replace("2026-11-20 10:00:00", "11/20/2026 11:00 AM"), [],
         "columns: {Last Login: {dates: '%m/%d/%Y %I:%M %p', zone: Europe/Berlin}}"),
    ],
)  # fmt: skip
def test_what_a_file_does_not_show_is_declared(
    read: Read, content: str | bytes, expected: list[str], declared: str
) -> None:
    try:
        said = "; ".join(read(content).notes)
    except UnreadableReport as error:
        said = str(error)
    assert [each for each in expected if each not in said] == []
    same = ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00+01:00")
    rows = [tuple("2026-11-20 10:00:00" if cell in same else cell for cell in row)
            for row in read(content, declared + "\n").frame.rows()]  # fmt: skip
    assert rows == ROWS


@pytest.mark.parametrize(
    ("cells", "declared", "numbers"),
    [
        (
            ["1.234,5", "-2.000", "7", "(12)", "1 %"],
            "decimal: ','\nthousands: .",
            ["1234.5", "-2000", "7", "-12", "1%"],
        ),
        (["1,234", "$1,200.00", "0.5"], "thousands: ','", ["1234", "1200.00", "0.5"]),
        (["1 234,5", "1\u00a0000 €"], "decimal: ','\nthousands: ' '", ["1234.5", "1000"]),
        (["1.234", "2.500"], "", ["1.234", "2.500"]),
        (["1.234", "soon"], "thousands: .", ["1.234", "soon"]),  # not all are numbers, so none is changed
        (["1.234", "soon"], "columns: {N: {thousands: .}}", ["1234", "soon"]),
    ],
)
def test_numbers_are_read_as_they_are_declared(read: Read, cells: list[str], declared: str, numbers: list[str]) -> None:
    report = read("User ID;N\n" + "".join(f"a;{cell}\n" for cell in cells), declared)
    assert report.frame["N"].to_list() == numbers
    doubts = [note for note in report.notes if "if they are thousands" in note]
    assert bool(doubts) is (not declared)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'{"error": "expired"}', "JSON"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel workbook of the old kind"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"%PDF-1.7\n", "PDF"),
        (PLAIN.encode() + b"<html><body>502 Bad Gateway</body></html>\n", "a web page or an XML error begins here"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(read: Read, content: bytes, kind: str) -> None:
    with pytest.raises(UnreadableReport, match=kind) as refused:
        read(content)
    assert "send it again" not in str(refused.value)


def test_the_time_of_a_footer_pattern_grows_with_the_line_alone(read: Read) -> None:
    with pytest.raises(UnreadableReport, match="the last one, does not match"):
        read(b"Email,Count\na@x.example,1\n" + b"x" * 100_000 + b"!\n", "footer: ^(x+)+$")


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("delimiter: ;;", "delimiter in line 1: ';;' must be one character, or the word tab"),
        ("encoding: klingon", "encoding in line 1: 'klingon' is not a known encoding"),
        ("encoding: base64", "'base64' is not a known encoding"),
        ("footer: '('", r"'(' is not a regular expression (unclosed group)"),
        ("footer: '^(?!Total)'", "look-ahead and look-behind, is not supported"),
        ("footer: 'a{1000}{1000}{1000}'", "Compiled regex exceeds size limit"),
        ("footer: 9", "logins/2026-11-22.csv has 3 lines, but report.yaml has `footer: 9`"),
        ("footer: ^Total", "line 3, the last one, does not match `footer: ^Total`"),
        ("header_row: 9", "it has 3 rows, and no row 9"),
        ("zone: Mars", "'Mars' is not a time zone"),
        ("columns: {Nobody: {ignore: true}}", "column 'Nobody'"),
        (
            "columns: {Count: {tpye: date}}",
            "columns.Count.tpye in line 1: there is no such name; the nearest is",
        ),
        ("encoding: utf-16", "the text is UTF-8, so remove `encoding:`"),
    ],
)
def test_a_declaration_that_does_not_fit_is_named(read: Read, declared: str, expected: str) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(PLAIN, declared)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "declared", "times"),
    [
        (["2026-11-20 10:00:00", "2026-07-20 10:00"], "zone: Europe/Berlin",
         ["2026-11-20T10:00:00+01:00", "2026-07-20T10:00:00+02:00"]),
        (["2026-11-20 10:00:00 GMT", "20 Nov 2026 10:00 AM"], "zone: America/New_York",
         ["2026-11-20 10:00:00 GMT", "2026-11-20T10:00:00-05:00"]),
        (["2026-11-20", "2026-11-21T10:00+02:00"], "zone: Asia/Tokyo", ["2026-11-20", "2026-11-21T10:00+02:00"]),
        (["2026-11-20 10:00", "soon"], "zone: Asia/Tokyo", ["2026-11-20 10:00", "soon"]),
        (["2026-11-20 10:00", "soon"], "columns: {N: {zone: Asia/Tokyo}}", ["2026-11-20T10:00:00+09:00", "soon"]),
        (["29.03.2026 02:30", "25.10.2026 02:30"], "dates: '%d.%m.%Y %H:%M'\nzone: Europe/Berlin",
         ["2026-03-29T03:30:00+02:00", "2026-10-25T02:30:00+02:00"]),
        (["1764000000", "1764000000.5"], "columns: {N: {dates: epoch}}",
         ["2025-11-24T16:00:00Z", "2025-11-24T16:00:00Z"]),
        (["1764000000000", "soon"], "columns: {N: {dates: epoch_ms}}", ["2025-11-24T16:00:00Z", "soon"]),
        (["46348.29172453704", "46349"], "columns: {N: {dates: excel}}",
         ["2026-11-22T07:00:05Z", "2026-11-23T00:00:00Z"]),
        (["20.11.2026 10:00:00.5", "20.11.2026 10:00:00.250"], "dates: '%d.%m.%Y %H:%M:%S.%f'",
         ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"]),
        (["1'234.50", "2’500"], "thousands: \"'\"", ["1234.50", "2500"]),
        (["€ -1.234,5", "−7 €"], "decimal: ','\nthousands: .", ["-1234.5", "-7"]),
    ],
)  # fmt: skip
def test_times_are_read_in_their_zone_and_numbers_with_their_signs(
    read: Read, cells: list[str], declared: str, times: list[str]
) -> None:
    content = 'User ID;N\n"a";"' + '"\n"b";"'.join(cells) + '"\n'
    assert read(content, declared + "\n").frame["N"].to_list() == times


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("dates: DD.MM.YYYY hh:mm", "is not a form in the notation of strftime, such as '%d.%m.%Y %H:%M'"),
        ("dates: '%H:%M'", "does not tell a day"),
        ("dates: '%Q'", "does not tell a day"),
        ("dates: epoch", "'epoch' must be said for a column"),
        ("decimal: ','\nthousands: ','", "decimal and thousands are both ','"),
        ("columns: {Count: {decimal: '.', thousands: '.'}}", "columns.Count: decimal and thousands are both '.'"),
    ],
)
def test_a_form_that_reads_nothing_is_refused(read: Read, declared: str, expected: str) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(PLAIN, declared)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            "dates: '%d/%m/%Y'",
            "1 of 2 values (first in row 3) do not have the form of `dates: '%d/%m/%Y'` in report.yaml, so the",
        ),
        ("columns: {Day: {dates: '%d/%m/%Y'}}", "1 of 2 values (first in row 3) do not have the form"),
        ("columns: {Day: {dates: '%Y%m%d'}}", "2 of 2 values do not have the form of `dates: '%Y%m%d'`"),
    ],
)
def test_cells_that_contradict_the_declared_form_are_said(read: Read, declared: str, said: str) -> None:
    report = read("User ID,Day\na,22/11/2026\nb,11/22/2026\n", declared)
    assert said in "; ".join(report.notes)


@pytest.mark.parametrize(
    ("cells", "declared", "first"),
    [
        (["28.03.2026 02:30", "29.03.2026 02:30"], "dates: '%d.%m.%Y %H:%M'\nzone: Europe/Berlin", "row 3"),
        (["2026-03-29 02:59:59", "2026-03-29 03:00:00"], "zone: Europe/Berlin", "row 2"),
        (
            ["2026-03-29 01:59", "29.03.2026 02:00"],
            "dates: ['%Y-%m-%d %H:%M', '%d.%m.%Y %H:%M']\nzone: Europe/Berlin",
            "row 3",
        ),
        (["2026-03-29 02:30Z", "2026-03-29 03:00"], "zone: Europe/Berlin", None),
        (["2026-03-29 02:30", "2026-03-29 02:30"], "zone: UTC", None),
    ],
)
def test_times_that_never_were_are_named(read: Read, cells: list[str], declared: str, first: str | None) -> None:
    content = "User ID,Seen\n" + "".join(f"p{number}@x.example,{cell}\n" for number, cell in enumerate(cells))
    notes = [note for note in read(content, declared).notes if "summer time" in note]
    expected = f"column 'Seen': 1 of 2 values (first in {first}) are times that clocks in Europe/Berlin skip"
    assert [expected in note for note in notes] == ([True] if first else [])


@pytest.mark.parametrize(
    ("cells", "declared", "first"),
    [
        (["2026-10-25 01:59", "2026-10-25 02:30"], "zone: Europe/Berlin", "row 3"),
        (["2026-10-25 02:30", "2026-10-25 03:00"], "dates: '%Y-%m-%d %H:%M'\nzone: Europe/Berlin", "row 2"),
        (
            ["2026-10-25 01:59", "25.10.2026 02:00"],
            "dates: ['%Y-%m-%d %H:%M', '%d.%m.%Y %H:%M']\nzone: Europe/Berlin",
            "row 3",
        ),
        (["2026-10-25 02:30Z", "2026-10-25 03:00"], "zone: Europe/Berlin", None),
        (["2026-10-25 02:30", "2026-10-25 02:30"], "zone: UTC", None),
    ],
)
def test_times_that_clocks_show_twice_are_named(read: Read, cells: list[str], declared: str, first: str | None) -> None:
    content = "User ID,Seen\n" + "".join(f"p{number}@x.example,{cell}\n" for number, cell in enumerate(cells))
    report = read(content, declared)
    notes = [note for note in report.notes if "summer time ends" in note]
    expected = f"column 'Seen': 1 of 2 values (first in {first}) are times that clocks in Europe/Berlin show twice"
    assert [expected in note for note in notes] == ([True] if first else [])
    if first:
        assert "2026-10-25T02:30:00+02:00" in report.frame["Seen"].to_list() or first == "row 3"
