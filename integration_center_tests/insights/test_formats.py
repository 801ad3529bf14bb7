"""Workbooks, Parquet, JSON Lines and packed files as reports."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import zstandard

from integration_center.errors import UnreadableReport
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import Report
from integration_center_tests.insights.workbooks import write_workbook

DAY = date(2026, 11, 22)
CSV = b"User ID,Count\nann@x.example,7\nbo@x.example,8\n"
ROWS = [("ann@x.example", "7"), ("bo@x.example", "8")]
AT = datetime(2026, 11, 22, 7, 0, 5)  # noqa: DTZ001 - as Excel has it

Read = Callable[..., Report]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_file(content: bytes, name: str, declared: str = "", largest: int = 10_000_000) -> Report:
        folder = tmp_path / "logins"
        folder.mkdir(exist_ok=True)
        (folder / f"{DAY}{name}").write_bytes(content)
        (folder / "report.yaml").write_text(declared, encoding="utf-8")
        source = FilesSource(LocalDrops(tmp_path), largest=largest)
        return source.read(source.find("Logins"), DAY)

    return read_file


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(CSV), ".csv.gz"),
        (zstandard.compress(CSV), ".csv.zst"),
        (zstandard.compress(CSV[:20]) + zstandard.compress(CSV[20:]), ".csv.zst"),
        (zipped(anything=CSV), ".csv.zip"),
        (zipped(anything=CSV), ".zip"),
        (zipped(anything=CSV), ".csv"),
        (CSV.replace(b",", b"\t"), ".tsv"),
        (b'{"User ID": "ann@x.example", "Count": 7}\n{"Count": 8, "User ID": "bo@x.example"}\n', ".jsonl"),
        (write_workbook({"Logins": [["User ID", "Count"], *([a, int(b)] for a, b in ROWS)]}), ".xlsx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # archives hold the time at which they were made
)
def test_each_format_and_packing_gives_the_same_rows(read: Read, content: bytes, name: str) -> None:
    assert read(content, name).frame.rows() == ROWS


def test_parquet_keeps_its_values_as_text(read: Read) -> None:
    frame = pl.DataFrame(
        {
            "User ID": ["a", None, ""],
            "When": [datetime(2026, 11, 22, 7, tzinfo=UTC), None, datetime(2026, 11, 22, 7, 0, 0, 500_000, UTC)],
            "Day": [DAY, None, DAY],
            "N": [1.5, None, 100.0],
            "OK": [True, None, False],
        }
    )
    sink = io.BytesIO()
    frame.write_parquet(sink)
    assert read(sink.getvalue(), ".parquet").frame.rows() == [
        ("a", "2026-11-22T07:00:00Z", "2026-11-22", "1.5", "true"),
        (None, None, None, None, None),
        (None, "2026-11-22T07:00:00.500Z", "2026-11-22", "100.0", "false"),
    ]


def test_a_workbook_gives_real_dates_from_the_sheet_that_is_named(read: Read) -> None:
    rows: list[list[object]] = [
        ["Logins of November"],
        ["User ID", "When", "Day", "Code", None],
        [None],
        ["a", AT, DAY, "00123", None],
    ]
    content = write_workbook({"Cover": [["Hello"]], "Data": rows})
    report = read(content, ".xlsx", "sheet: Data\nheader_row: 2\n")
    assert report.frame.to_dicts() == [
        {"User ID": "a", "When": "2026-11-22 07:00:05", "Day": "2026-11-22", "Code": "00123"}
    ]
    with pytest.raises(UnreadableReport, match=r"no sheet 'Date'; the nearest is 'Data'\. Correct `sheet:`"):
        read(content, ".xlsx", "sheet: Date\n")
    with pytest.raises(UnreadableReport, match=r"no name for column 2, 3, 4; .* `header_row: 2`"):
        read(content, ".xlsx", "sheet: Data\n")


@pytest.mark.parametrize(
    ("content", "name", "declared", "expected"),
    [
        (write_workbook({"A": [["a"]]}), ".csv", "", "is an Excel workbook; call it .xlsx, say `format: xlsx`"),
        (CSV, ".xlsx", "", "is no Excel workbook"),
        (CSV, ".parquet", "", "is no whole Parquet file"),
        (CSV, ".jsonl", "", "is not a JSON object a line"),
        (b'{"User ID": "a", "Tags": [1, 2]}\n', ".jsonl", "", "'Tags' hold lists, records or bytes"),
        (zipped(a=CSV, b=CSV), ".zip", "", "it is a zip of 2 files; pack one file alone"),
        (zipped(a=CSV)[:-30], ".zip", "", "not whole as zip"),
        (zstandard.compress(CSV)[:-4], ".csv.zst", "", "not whole as zstd"),
        (zstandard.compress(b"a" * 20_000_000), ".csv.zst", "", "it unpacks to more than 10 MB"),
        (zipped(a=b"a" * 20_000_000), ".zip", "", "it unpacks to more than 10 MB"),
        (write_workbook({"A": [["a" * 20_000_000]]}), ".xlsx", "", "it unpacks to more than 10 MB"),
        (CSV, ".csv", "format: yaml", "format in line 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_does_not_hold_what_it_says_is_named(
    read: Read, content: bytes, name: str, declared: str, expected: str
) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read(content, name, declared)
    assert expected in str(refused.value)
    assert str(DAY) in str(refused.value) or "report.yaml" in str(refused.value)


def test_a_format_that_is_declared_beats_the_name(read: Read) -> None:
    lines = "\n".join(json.dumps(dict(zip(("User ID", "Count"), row, strict=True))) for row in ROWS)
    assert read(lines.encode(), ".csv", "format: jsonl\n").frame.rows() == ROWS
