"""Files that programs, people and networks spoil: right as they are, or refused with the line that reads them."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.report_yaml import read_report_file
from integration_center.insights.drop_folders.drop_names import name_format
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.inspecting.inspection import Inspection, inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center.insights.source import Report
from integration_center.insights.unpacking import unpack
from integration_center_tests.insights.workbooks import MAIN, change_member, write_workbook

DAY = date(2026, 11, 22)
LIMIT = 10_000_000
HEADER = "User ID,Last Login,Count"
PLAIN = f"{HEADER}\nann@x.example,2026-11-20 10:00:00,7\nbo@x.example,2026-11-21 10:00:00,8\n"
ROWS = [("ann@x.example", "2026-11-20 10:00:00", "7"), ("bo@x.example", "2026-11-21 10:00:00", "8")]
SHEET = [HEADER.split(","), *(list(row) for row in ROWS)]

Read = Callable[..., Report]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_file(content: bytes | str, name: str = ".csv", declared: str = "") -> Report:
        folder = tmp_path / "logins"
        folder.mkdir(exist_ok=True)
        (folder / f"{DAY}{name}").write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "report.yaml").write_text(declared, encoding="utf-8")
        source = FilesSource(LocalDrops(tmp_path), largest=LIMIT)
        return source.read(source.find("Logins"), DAY)

    return read_file


def inspect(content: bytes | str, name: str = ".csv", declared: str = "") -> Inspection:
    data = content.encode() if isinstance(content, str) else content
    file = read_report_file(declared.encode(), "report.yaml")
    limit = SizeLimit(LIMIT)
    return inspect_file(bytes(unpack(data, "x", limit=limit)), f"x{name}", name_format(f"x{name}"), file, limit=limit)


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pl.DataFrame({"User ID": ["a", "b"], **columns}).write_parquet(sink)
    return sink.getvalue()


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


CSV = PLAIN.encode()
SPACED = "\n".join(", ".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.splitlines()).replace(
    "7", "7,5"
)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (CSV + b"\0" * 600, ".csv"),
        (PLAIN.encode("utf-32"), ".csv"),
        (PLAIN.replace("\n", "\r\n", 2), ".csv"),
        (PLAIN.replace("\n", "\r", 2), ".csv"),
        (gzip.compress(gzip.compress(CSV)), ".csv.gz"),
        (zipped({"x.csv.gz": gzip.compress(CSV)}), ".zip"),
        (gzip.compress(zstandard.compress(CSV)), ".csv"),
        (zipped({"x.xlsx": write_workbook({"A": SHEET})}), ".xlsx.zip"),
        ("\n".join(f"'{line.replace(',', chr(39) + ',' + chr(39))}'" for line in PLAIN.splitlines()), ".csv"),
        (write_workbook({"A": [[None], [None], *SHEET, ["", " "], [None]]}), ".xlsx"),
        (change_member(write_workbook({"Old": [["x"]], "A": SHEET}), "xl/workbook.xml", 'name="Old"',
                       'name="Old" state="hidden"'), ".xlsx"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_a_file_shows_needs_no_declaration(read: Read, content: bytes | str, name: str) -> None:
    assert read(content, name).frame.rows() == ROWS
    assert inspect(content, name).proposal == {}


@pytest.mark.parametrize(
    ("content", "name", "expected", "proposal"),
    [
        ("Logins,,\n" + PLAIN, ".csv", "no name for column 2, 3", {"header_row": 2}),
        ("Logins,,\n,,\n" + PLAIN, ".csv", "`header_row: 3`", {"header_row": 3}),
        (write_workbook({"A": [["Logins"], [None], *SHEET]}), ".xlsx", "`header_row: 2`", {"header_row": 2}),
        (PLAIN + "".join(f"note {n}\n" for n in range(30)), ".csv", "`footer: 30`", {"footer": 30}),
        (SPACED, ".csv", "`skip_blanks: true`", {"skip_blanks": True, "decimal": ",", "thousands": "."}),
        (PLAIN.replace(",", "^"), ".csv", None, {"delimiter": "^"}),
        (PLAIN.replace(",", "\x01"), ".csv", None, {"delimiter": "\x01"}),
        (write_workbook({"A": SHEET}), ".csv", "is an Excel workbook", {"format": "xlsx"}),
        (CSV, ".xlsx", "is no Excel workbook (xlsx), but text", {"format": "csv"}),
        (CSV, ".parquet", "is no whole Parquet file, but text", {"format": "csv"}),
        (lines(*(dict(zip(HEADER.split(","), row, strict=True)) for row in ROWS)), ".csv", "is JSON Lines",
         {"format": "jsonl"}),
        (write_workbook({"A": [*SHEET, ["Total", None, 15]]}), ".xlsx", None, {"footer": r"^\W*Total"}),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_has_to_be_declared_is_proposed(
    read: Read, content: bytes | str, name: str, expected: str | None, proposal: dict[str, Any]
) -> None:
    if expected:
        with pytest.raises(UnreadableReport) as refused:
            read(content, name)
        assert expected in str(refused.value)
    assert inspect(content, name).proposal == proposal
    rows = read(content, name, json.dumps(proposal)).frame.rows()
    assert [tuple(cell and cell.replace("7.5", "7") for cell in row) for row in rows] == ROWS


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"\0" * 100, ".csv", "is empty"),
        (bytes(range(256)), ".csv", "is not text: its first line holds the byte 0x02"),
        (b"SQLite format 3\0" + b"\0" * 9, ".csv", "an SQLite database"),
        (b"\x89PNG\r\n\x1a\n", ".csv", "an image"),
        (b"7z\xbc\xaf\x27\x1c\0", ".csv", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\0", ".csv", "a RAR archive"),
        (bz2.compress(CSV), ".csv", "packed by bzip2"),
        (lzma.compress(CSV), ".csv", "packed by xz"),
        (b"<!-- x --><html>", ".csv", "a web page"),
        (b"<table><tr>", ".csv", "a web page"),
        (b"<html>", ".xlsx", "but a web page"),
        (b"<html>", ".jsonl", "is a web page"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 90, ".xlsx", "of the old kind (xls), or one with a password"),
        (zipped({"mimetype": b"application/vnd.oasis", "content.xml": b"<x/>"}), ".csv", "an OpenDocument file"),
        (zipped({"xl/workbook.bin": b"x", "y": b""}), ".xlsx", "in binary form (xlsb)"),
        (gzip.compress(gzip.compress(gzip.compress(gzip.compress(CSV)))), ".csv", "packed more than 3 times"),
        (PLAIN + '{"error": "timeout"}\n', ".csv", "a JSON error begins here"),
        (PLAIN.encode("utf-16")[:-1], ".csv", "the file is cut off"),
        (PLAIN + f"x\n{PLAIN}" * 3, ".csv", "line 4: 1 cell, the header has 3, so it is not a row"),
        (parquet()[:-9], ".parquet", "no whole Parquet file"),
        (parquet(L=[[1], [2]]), ".parquet", "`columns: {L: {ignore: true}}`"),
        (parquet(B=[b"\xff", b""]), ".parquet", "'B' hold lists, records or bytes"),
        (write_workbook({"A": []}), ".xlsx", "has 0 rows, and no row 1"),
        (lines({"a": 1}, '{"a": '), ".jsonl", "line 2 is not JSON from character 6 on"),
        ('[{"a": 1},\n{"a": 2}]\n', ".jsonl", "line 1 begins an array that goes on in the next lines"),
        ('{"a": 1,\n"b": 2}\n', ".jsonl", "line 1 begins an object that goes on in the next lines"),
        ('{"columns": ["a"], "data": [[1]]}\n', ".jsonl", "holds lists and objects in all its columns"),
        (lines({"a": 1}, [1]), ".jsonl", "line 2 is a JSON array"),
        (lines({"a": 1}, "5"), ".jsonl", "line 2 is a single value"),
        (lines({"a": 1}, '{"a":1,"a":2}'), ".jsonl", "line 2 names one value twice"),
        (lines({"a": 1}, '{"a":"\\ud800"}'), ".jsonl", "line 2 holds half of a character"),
        (lines({"a": 1}, '{"a":' + "[" * 99_999), ".jsonl", "line 2 is nested too deeply"),
        (lines({"a": 1}, {"a": 2})[:-2], ".jsonl", "line 2 is cut off"),
        (lines({"a": 1}).encode() + b'{"a": "\xff"}', ".jsonl", "line 2: byte 16"),
        (b"", ".jsonl", "is empty"),
    ],
    ids=range(35),
)  # fmt: skip
def test_what_no_declaration_can_read_is_called_by_its_name(
    read: Read, content: bytes | str, name: str, kind: str
) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(content, name)
    assert kind in str(refused.value)
    assert str(DAY) in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "name"),
    [("delimiter: ;", ".xlsx"), ("encoding: cp1252", ".parquet"), ("skip_lines: 1", ".jsonl"), ("sheet: A", ".csv"),
     ("header_row: 2", ".parquet"), ("footer: 1", ".jsonl"), ("quote: none", ".xlsx"), ("skip_blanks: true", ".jsonl")],
)  # fmt: skip
def test_an_option_that_the_format_does_not_have_is_refused(read: Read, declared: str, name: str) -> None:
    content = {".xlsx": write_workbook({"A": SHEET}), ".parquet": parquet(), ".jsonl": b'{"a": 1}\n', ".csv": CSV}[name]
    with pytest.raises(UnreadableReport, match=f"`{declared.partition(':')[0]}:` of report.yaml cannot apply"):
        read(content, name, declared)
    assert read(content, name).frame.height


@pytest.mark.parametrize(
    ("footer", "expected"),
    [("footer: 9", "has 2 rows below the header"), ("footer: ^Total", "the last row does not match `footer: ^Total`")],
)
def test_a_footer_that_a_sheet_does_not_have_is_refused(read: Read, footer: str, expected: str) -> None:
    with pytest.raises(UnreadableReport, match=expected.replace("^", r"\^")):
        read(write_workbook({"A": SHEET}), ".xlsx", footer)


def test_a_parquet_file_gives_the_text_that_each_type_means(read: Read) -> None:
    naive = [datetime(2026, 11, 22, 7), datetime(2026, 3, 29, 2, 30)]  # noqa: DTZ001 - as a file without zones has it
    content = parquet(
        Price=pl.Series([Decimal("1.50"), Decimal("2.25")]),
        At=[time(7, 5), time(8)],
        Took=[timedelta(hours=1), timedelta(days=1)],
        Plan=pl.Series(["x", "y"], dtype=pl.Categorical),
        When=naive,
        Zoned=pl.Series([naive[0], None]).dt.replace_time_zone("Asia/Kolkata"),
        Days=pl.Series([datetime(2026, 11, 22, tzinfo=UTC), None]).dt.replace_time_zone(None),
        Float=[12345678.0, float("nan")],
        Huge=pl.Series([2**64 - 1, 7], dtype=pl.UInt64),
        Bytes=[b"gold", None],
        Nothing=[None, None],
    )
    assert read(content, ".parquet", "zone: Europe/Berlin").frame.rows() == [
        ("a", "1.50", "07:05:00", "PT1H", "x", "2026-11-22T07:00:00+01:00", "2026-11-22T07:00:00+05:30", "2026-11-22",
         "12345678", "18446744073709551615", "gold", None),
        # 02:30 never was on this day: clocks that were not put forward showed it.
        ("b", "2.25", "08:00:00", "P1D", "y", "2026-03-29T03:30:00+02:00", None, None, None, "7", None, None),
    ]  # fmt: skip


def test_json_lines_keep_numbers_as_they_are_written(read: Read) -> None:
    content = lines({"User ID": "a", "N": 1}, '{"User ID": "b", "N": 1.10}', '{"N": 12345678901234567890}', "", {}) + (
        '{"User ID": null, "N": true, "Late": NaN, "Extra": ""}'
    )
    report = read("\ufeff" + content, ".jsonl")
    assert report.frame.to_dict(as_series=False) == {
        "User ID": ["a", "b", None, None, None],
        "N": ["1", "1.10", "12345678901234567890", None, "true"],
        "Late": [None] * 5,
        "Extra": [None] * 5,
    }
    nested = lines({"User ID": "a", "T": [1]}, {"User ID": "b", "T": "x"})
    assert read(nested, ".jsonl", "columns: {t: {ignore: true}}").frame.rows() == [("a",), ("b",)]


def cell(place: str, inside: str, kind: str = "n") -> str:
    return f'<c r="{place}" t="{kind}">{inside}</c>'


def test_a_workbook_says_what_it_could_not_read(read: Read) -> None:
    rows = (
        cell("A1", "<v>User ID</v>", "str") + cell("B1", "<v>N</v>", "str"),
        cell("A2", "<v>a</v>", "str") + cell("B2", "<v>#N/A</v>", "e"),
        cell("A3", "<v>b</v>", "str") + cell("B3", "<f>1+1</f>"),
        cell("A4", "<v>c</v>", "str") + cell("B4", "<f>1+1</f><v>2</v>"),
    )
    sheet = "".join(f'<row r="{number}">{row}</row>' for number, row in enumerate(rows, 1))
    content = change_member(
        write_workbook({"A": [["x"]]}), "xl/worksheets/1.xml", None,
        f"<worksheet {MAIN}><sheetData>{sheet}</sheetData></worksheet>",
    )  # fmt: skip
    report = read(content, ".xlsx")
    assert report.frame.rows() == [("a", None), ("b", None), ("c", "2")]
    assert "1 cell holds an error such as #N/A" in report.notes[0]
    assert "1 cell holds a formula without a result" in report.notes[1]


def test_cells_far_from_the_table_do_not_fill_the_memory(read: Read) -> None:
    """Its two cells span a rectangle of half a terabyte, which would end the process."""
    sheet = f'<row r="1">{cell("A1", "<v>User ID</v>", "str")}</row><row r="2">{cell("XFD1048576", "<v>1</v>")}</row>'
    content = change_member(
        write_workbook({"A": [["x"]]}), "xl/worksheets/1.xml", None,
        f"<worksheet {MAIN}><sheetData>{sheet}</sheetData></worksheet>",
    )  # fmt: skip
    with pytest.raises(UnreadableReport, match="reach to row 1,048,576 and column 16,384, but only 2 of them"):
        read(content, ".xlsx")


def test_rows_that_take_no_room_do_not_fill_the_memory(read: Read) -> None:
    sink = io.BytesIO()
    pl.select(pl.repeat("ann@x.example", 11_000_000).alias("User ID")).write_parquet(sink)
    with pytest.raises(UnreadableReport, match=r"unpacks to more than 10 MB; if that is right, say `max_size: 20 MB`"):
        read(sink.getvalue(), ".parquet")


def test_the_line_of_a_bomb_raises_its_bound(read: Read) -> None:
    large = gzip.compress(CSV + b"x@x.example,,\n" * 900_000)
    with pytest.raises(UnreadableReport, match=r"say `max_size: 20 MB` in report\.yaml"):
        read(large, ".csv.gz")
    assert read(large, ".csv.gz", "max_size: 20 MB").frame.height == 900_002
    with pytest.raises(UnreadableReport, match="unpacks to more than 1 kB"):
        read(large, ".csv.gz", "max_size: 1 kB")
    with pytest.raises(UnreadableReport, match="max_size in line 1: '20' is not a size, such as 500 MB"):
        read(large, ".csv.gz", "max_size: '20'")


def test_a_column_without_a_name_stops_no_other(read: Read) -> None:
    report = read(",User ID,Count\n0,ann@x.example,7\n1,bo@x.example,8\n")
    assert report.frame.columns == ["column 1", "User ID", "Count"]
    assert report.frame.rows() == [("0", "ann@x.example", "7"), ("1", "bo@x.example", "8")]
    assert "no name for 'column 1'" in report.notes[0]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "cp850", "mac_roman", "iso8859-15"])
def test_text_in_utf_8_is_not_read_as_letters_of_one_byte(read: Read, encoding: str) -> None:
    with pytest.raises(
        UnreadableReport, match=rf"22\.csv, line 2: the text is UTF-8, but .* `encoding: {encoding}`; rem"
    ):
        read(PLAIN.replace("ann", "zoë"), declared=f"encoding: {encoding}")


@pytest.mark.parametrize("encoding", ["gb18030", "cp932", "cp949"])
def test_text_that_may_be_utf_8_by_chance_is_read_as_declared(read: Read, encoding: str) -> None:
    report = read(PLAIN.replace("ann", "上海"), declared=f"encoding: {encoding}")
    assert f"the text is UTF-8, but is read as {encoding}" in report.notes[0]
