"""Files like those that people had trouble with: right, or refused with the sentence and the line that reads them."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
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
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.insights.workbooks import change_member, write_workbook

LIMIT = SizeLimit(10_000_000)
HEADER = "User ID,Last Login,Count"
PLAIN = f"{HEADER}\nann@x.example,2026-11-20 10:00:00,7\nbo@x.example,2026-11-21 10:00:00,8\n"
ROWS = [("ann@x.example", "2026-11-20 10:00:00", "7"), ("bo@x.example", "2026-11-21 10:00:00", "8")]
SHEET = [HEADER.split(","), *(list(row) for row in ROWS)]
WHOLE_LINES = "".join(f'"{line}"\n' for line in PLAIN.splitlines())
TWICE = "".join(f'"""{line}"""\n' for line in PLAIN.replace(",", '""","""').splitlines())
AT = datetime(2026, 11, 20, 10)  # noqa: DTZ001 - as Excel has it


def read(root: Path, content: bytes, name: str, declared: str = "") -> Report:
    folder = root / "logins"
    folder.mkdir(exist_ok=True)
    (folder / f"{YESTERDAY}{name}").write_bytes(content)
    (folder / "report.yaml").write_text(declared, encoding="utf-8")
    source = FilesSource(LocalDrops(root), largest=LIMIT.largest)
    return source.read(source.find("Logins"), YESTERDAY)


def inspect(content: bytes, name: str, declared: str = "") -> Inspection:
    file = read_report_file(declared.encode(), "report.yaml")
    return inspect_file(bytes(unpack(content, "x", limit=LIMIT)), "x", name_format(f"x{name}"), file, limit=LIMIT)


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def counted_from_1904(sheet: list[list[Any]]) -> bytes:
    return change_member(
        write_workbook({"A": sheet}), "xl/workbook.xml", "<sheets>", '<workbookPr date1904="1"/><sheets>'
    )


def parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "note"),
    [
        (f"\ufeffSEP=;\r\n{PLAIN.replace(',', ';')}".encode(), ".csv", "a line says sep=;"),
        (f"sep=;\r{PLAIN.replace(',', ';')}".encode(), ".csv", "a line says sep=;"),
        (b"\xff\xfe" + PLAIN.encode(), ".csv", "begins with the mark of utf-16-le, but its text is not"),
        (PLAIN.replace("\n", "\x85").encode(), ".csv", "lines end with U+0085"),
        (PLAIN.replace("\n", "\u2028").encode("utf-16"), ".csv", "lines end with U+2028"),
        (f"{PLAIN.strip()}\n".replace("\n", "\u2029", 2).encode(), ".csv", "lines end with U+2029"),
        (WHOLE_LINES.encode(), ".csv", "each line is one quoted cell"),
        (WHOLE_LINES.replace(",", ";").encode(), ".csv", "each line is one quoted cell"),
        (TWICE.encode(), ".csv", "all cells are quoted twice"),
        (zipped({"a/x.csv": PLAIN.encode(), ".DS_Store": b"\0", "a/._x.csv": b"\0", "Thumbs.db": b""}), ".zip", None),
        (b"\x50\x2a\x4d\x18\x04\0\0\0note" + zstandard.compress(PLAIN.encode()), ".csv.zst", None),
        (zstandard.ZstdCompressor(write_content_size=False).compress(PLAIN.encode()), ".csv.zst", None),
        (write_workbook({"A": SHEET}), ".xlsm", None),
        (b'{"User ID": "ann@x.example", "Last Login": "2026-11-20 10:00:00", "Count": 7}\n'
         b'{"User ID": "bo@x.example", "Last Login": "2026-11-21 10:00:00", "Count": 8}', ".json", None),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_has_one_meaning_is_read(tmp_path: Path, content: bytes, name: str, note: str | None) -> None:
    report = read(tmp_path, content, name)
    assert report.frame.rows() == ROWS
    assert (note or "") in " ".join(report.notes)
    assert inspect(content, name).proposal == {}


@pytest.mark.parametrize(
    ("content", "name", "expected", "proposal"),
    [
        (f"{PLAIN}Anzahl,,2\n".encode(), ".csv", None, {"footer": r"^\W*Anzahl"}),
        (f"{PLAIN}TRAILER|2\n".replace(",", "|").encode(), ".csv", "separated by pipes", {"footer": r"^\W*TRAILER"}),
        (PLAIN.replace("\n", "\n-------,-----,-----\n", 1).encode(), ".csv", None, {"skip_after_header": 1}),
        (write_workbook({"A": [*SHEET, ["Made by the export"], ["on 22 November"]]}), ".xlsx", None, {"footer": 2}),
        (write_workbook({"A": [["Users", None, "Logins"], *SHEET]}), ".xlsx", "say `header_row: 2`", {"header_row": 2}),
        (write_workbook({"Start": [], "Data": SHEET}), ".xlsx", "the other sheets are 'Data'", {"sheet": "Data"}),
        (b'{"User ID": "ann@x.example", "Last Login": "2026-11-20 10:00:00", "Count": 7}\n', ".csv",
         "say `format: jsonl`", {"format": "jsonl"}),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_has_to_be_declared_is_proposed(
    tmp_path: Path, content: bytes, name: str, expected: str | None, proposal: dict[str, Any]
) -> None:
    try:
        said = " ".join(read(tmp_path, content, name).notes)
    except UnreadableReport as error:
        said = str(error)
    assert (expected or "") in said
    assert inspect(content, name).proposal == proposal
    rows = read(tmp_path, content, name, yaml.safe_dump(proposal)).frame.rows()
    assert rows == ROWS[: len(rows)]
    assert rows


def test_the_sheet_behind_a_cover_is_proposed_unless_it_is_hidden_or_hardly_longer(tmp_path: Path) -> None:
    cover: list[list[object]] = [["Report", "Logins"], ["Made by", "the export"]]
    data: list[list[object]] = [["User ID", "Count"], *([f"p{number}@x.example", number] for number in range(30))]
    content = write_workbook({"Cover": cover, "Notes": [["none"]], "Data": data})
    assert "'Cover' is read, not 'Notes' and 'Data'" in " ".join(read(tmp_path, content, ".xlsx").notes)
    assert inspect(content, ".xlsx").proposal == {"sheet": "Data"}
    assert read(tmp_path, content, ".xlsx", "sheet: Data").frame.height == 30
    assert inspect(content, ".xlsx", "sheet: Cover").proposal == {}
    hide = 'name="Data" state="hidden"'
    assert inspect(change_member(content, "xl/workbook.xml", 'name="Data"', hide), ".xlsx").proposal == {}
    assert inspect(write_workbook({"Short": data[:9], "Data": data}), ".xlsx").proposal == {}


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (f"{PLAIN}Made by x, at y, for z, q\n".encode(), ".csv", "If it is no row, say `footer: 1`"),
        (zipped({}), ".zip", "is an empty zip"),
        (zipped({"a.csv": b"", "b.csv": b""}), ".zip", "a zip of 2 files; pack one file alone. It holds a.csv, b.csv"),
        (zipped({"x.csv": b"a"}).replace(b"\x14\0\0\0\0\0", b"\x14\0\0\0\x63\0"), ".zip", "packed in a special way"),
        (b"\x04\x22\x4d\x18rest", ".csv", "packed by lz4"),
        (b"x.csv".ljust(257, b"\0") + b"ustar", ".csv", "a tar archive"),
        (b'{"data": [{"User ID": "a"}], "next": null}', ".jsonl", "rows seem to be within 'data'"),
        (b"[1]", ".json", "line 1 is a JSON array"),
        (b'[\n  {\n    "a": 1\n  }\n]\n', ".json", "line 1 begins an array that goes on in the next lines"),
        (b'{\n  "a": 1\n}\n', ".jsonl", "line 1 begins an object that goes on in the next lines"),
    ],
    ids=range(10),
)
def test_what_cannot_be_read_is_called_by_its_name(tmp_path: Path, content: bytes, name: str, expected: str) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(tmp_path, content, name)
    assert expected in str(refused.value)


def test_commas_within_cells_are_no_delimiter(tmp_path: Path) -> None:
    content = "User ID;Name, full\na;Lee, Ann\nb;Bo\nc;Cy\n"
    report = read(tmp_path, content.encode(), ".csv")
    assert report.frame.rows() == [("a", "Lee, Ann"), ("b", "Bo"), ("c", "Cy")]


def test_dates_that_can_mean_one_thing_only_fit_each_declared_form(tmp_path: Path) -> None:
    cells = [AT, "22.11.2026 07:05", "2026-11-22T07:00:00+02", "22 Nov 2026 08:00"]
    content = write_workbook({"A": [["User ID", "Last Login"], *([str(n), cell] for n, cell in enumerate(cells))]})
    assert inspect(content, ".xlsx").proposal == {"dates": "%d.%m.%Y %H:%M"}
    report = read(tmp_path, content, ".xlsx", "dates: '%d.%m.%Y %H:%M'\nzone: Europe/Berlin\n")
    assert report.frame["Last Login"].to_list() == [
        "2026-11-20T10:00:00+01:00", "2026-11-22T07:05:00+01:00", "2026-11-22T07:00:00+02", "2026-11-22T08:00:00+01:00",
    ]  # fmt: skip
    assert report.notes == []


def test_days_are_counted_from_the_day_of_the_workbook(tmp_path: Path) -> None:
    serials: list[list[Any]] = [["User ID", "When"], ["a", 44884.5]]
    assert any("such as Excel's days" in note for note in inspect(write_workbook({"A": serials}), ".xlsx").notes)
    old = counted_from_1904(serials)
    with pytest.raises(UnreadableReport, match="counts days from 1904; say `dates: excel_1904`"):
        read(tmp_path, old, ".xlsx", "columns: {When: {dates: excel}}")
    declared = "columns: {When: {dates: excel_1904}}"
    assert read(tmp_path, old, ".xlsx", declared).frame["When"].to_list() == ["2026-11-20T12:00:00Z"]
    with pytest.raises(UnreadableReport, match="counts days from 1900; say `dates: excel`"):
        read(tmp_path, write_workbook({"A": serials}), ".xlsx", declared)
    real = counted_from_1904([["User ID", "When"], ["a", AT]])
    assert read(tmp_path, real, ".xlsx").frame["When"].to_list() == ["2030-11-21 10:00:00"]  # as Excel shows it


def test_a_sheet_is_named_without_regard_to_case_and_blanks(tmp_path: Path) -> None:
    assert read(tmp_path, write_workbook({"Data ": SHEET}), ".xlsx", "sheet: data").frame.rows() == ROWS


def test_a_parquet_file_names_the_columns_that_spoil_it(tmp_path: Path) -> None:
    nested = parquet(pl.DataFrame({"User ID": ["a"], "S": [{"x": 1}], "T": [datetime(2026, 11, 22, tzinfo=UTC)]}))
    with pytest.raises(
        UnreadableReport, match=r"'S' hold lists, records or bytes; .* `columns: \{S: \{ignore: true\}\}`"
    ):
        read(tmp_path, nested, ".parquet")
    damaged = parquet(pl.DataFrame({"User ID": ["a" * 2_000]}))
    with pytest.raises(UnreadableReport, match=r"'User ID' cannot be read; |cannot be read \("):
        read(tmp_path, damaged[:20] + b"\xff" * 40 + damaged[60:], ".parquet")
    alike = parquet(pl.DataFrame({"User ID": ["a"], "count": [1], "Count": [2]}))
    assert "'count' and 'Count' differ only in case" in " ".join(read(tmp_path, alike, ".parquet").notes)


@pytest.mark.parametrize("columns", [{"spent": "INTERVAL 3 DAY"}, {"x": "[INTERVAL 3 DAY]", "y %*": "INTERVAL 1 DAY"}])
def test_a_length_of_time_in_a_parquet_file_is_refused_without_a_panic(
    tmp_path: Path, columns: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    timed = tmp_path / "timed.parquet"
    values = ", ".join(f'{value} AS "{name}"' for name, value in {"User ID": "'a'", **columns}.items())
    duckdb.sql(f"COPY (SELECT {values}) TO '{timed}' (FORMAT parquet)")
    named = r"column 'spent'" if "spent" in columns else r"columns 'element' and 'y %\*'"
    with pytest.raises(UnreadableReport, match=rf"{named} of the type INTERVAL.*Export it as a number"):
        read(tmp_path, timed.read_bytes(), ".parquet")
    assert "panicked" not in capfd.readouterr().err


def test_letters_of_another_encoding_are_said() -> None:
    mixed = b"User ID,Name\nann@x.example,M\xc3\xbcller\nbo@x.example,Zo\xeb\n"
    notes = " ".join(inspect(mixed, ".csv").notes)
    assert "cp1251 (Cyrillic)" in notes
    assert "1 cell with letters such as Ã¼ for ü" in notes
