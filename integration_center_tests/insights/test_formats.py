"""Workbooks, Parquet, JSON Lines and packed files as reports."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.formats.parquet_footer import find_intervals
from integration_center.insights.source import Report
from integration_center_tests.insights.workbooks import write_workbook
from integration_center_tests.proofs import examples

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


TYPES = {
    "INTERVAL '3 hours'": True,
    "{'for': INTERVAL '1 day', 'n': 1}": True,
    "[INTERVAL '1 day']": True,
    "{'a': {'b': [1, 2]}, 'c': 'x'}": False,
    "MAP {'a': 1}": False,
    "1.5::DECIMAL(9, 2)": False,
    "TIMESTAMPTZ '2026-11-22 07:00:00+00'": False,
    "uuid()": False,
}
"""Values in DuckDB's SQL, and whether they are intervals or hold some."""


def write_parquet(folder: Path, columns: dict[str, str]) -> bytes:
    """A Parquet file of one row as DuckDB writes it, of values in SQL by column."""
    path = folder / "written.parquet"
    values = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT {values}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def test_intervals_of_a_parquet_file_are_found_in_its_footer(tmp_path: Path) -> None:
    columns = {f"Größe {n}, {value[:8]}".replace('"', ""): value for n, value in enumerate(TYPES)}
    found = find_intervals(write_parquet(tmp_path, columns))
    assert found == [name for name, value in columns.items() if TYPES[value]]


def test_a_parquet_file_with_intervals_is_refused_with_their_names(read: Read, tmp_path: Path) -> None:
    content = write_parquet(tmp_path, {"User ID": "'a'", "Time spent": "INTERVAL '3 hours'", "n": "1"})
    for declared in ("", "columns: {Time spent: {ignore: true}}\n"):
        with pytest.raises(UnreadableReport, match=r"'Time spent' is an interval \(type INTERVAL\).*; export a number"):
            read(content, ".parquet", declared)
    both = write_parquet(tmp_path, {"A": "INTERVAL '1 day'", "B": "INTERVAL '1 day'"})
    with pytest.raises(UnreadableReport, match="'A' and 'B' are intervals"):
        read(both, ".parquet")


@example(b"\x29\xf7" + b"\xff" * 8 + b"\x01")  # a list of 2**57 doubles
@given(footer=st.binary(max_size=60) | st.binary(max_size=40).map(lambda end: b"\x15\x02\x19\x4c\x48\x01a" + end))
@examples(300)
def test_a_footer_that_is_damaged_has_no_intervals(footer: bytes) -> None:
    for length in (len(footer), 2**32 - 1, 0):
        assert all(isinstance(name, str) for name in find_intervals(footer + length.to_bytes(4, "little") + b"PAR1"))
