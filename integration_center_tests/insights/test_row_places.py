"""Each row of a report has the number that a spreadsheet shows for it when the file is opened."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited import batches, verified
from integration_center.insights.delimited.form import Form
from integration_center.insights.delimited.reading import open_table
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import Report
from integration_center.sync.row_numbers import USUAL
from integration_center_tests.insights.conftest import DAY, Read
from integration_center_tests.insights.workbooks import write_workbook
from integration_center_tests.proofs import examples

lines = st.sampled_from(["a,1", '"b\n\nc",2', "", "   ", '" d",3', "e,", '"\r\n",4'])


def number_rows(report: Report) -> list[int]:
    return report.numbers.number(pl.int_range(report.frame.height, dtype=pl.UInt32, eager=True)).to_list()


def name_files(report: Report) -> list[str | None]:
    return report.numbers.name_files(pl.int_range(report.frame.height, dtype=pl.UInt32, eager=True)).to_list()


@examples(300, suppress_health_check=[HealthCheck.too_slow])
@given(
    above=st.lists(st.sampled_from(["", "Title", '"two\nlines"']), max_size=3),
    units=st.booleans(),
    rows=st.lists(lines, max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    sizes=st.sampled_from([(8, 1), (8, 50_000), (8_000_000, 2)]),
)
def test_rows_of_text_are_counted_as_python_reads_them(
    above: list[str], units: bool, rows: list[str], end: str, sizes: tuple[int, int]
) -> None:
    text = end.join([*above, "User ID,N", *(["id,logins"] if units else []), *rows]) + end
    titles = [title for title in above if title]
    form = Form(delimiter=",", header_row=len(titles) + 1, skip_after_header=int(units))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verified, "CHUNK_BYTES", sizes[0])
        patch.setattr(batches, "BATCH_ROWS", sizes[1])
        table = open_table(text.encode(), "x.csv", form)
        height = table.read_all().frame.height
    numbered = list(enumerate(csv.reader(io.StringIO(text, newline="")), 1))
    begins = next(number for number, cells in numbered if cells == ["User ID", "N"]) + units
    expected = [number for number, cells in numbered if number > begins and len(cells) == 2]
    found = table.find_numbers().number(pl.int_range(height, dtype=pl.UInt32, eager=True))
    assert found.to_list() == expected


@pytest.mark.parametrize(
    ("content", "declared", "numbers"),
    [
        ("User ID,N\na,1\nb,2\n", "", [2, 3]),
        ("User ID,N\na,1\nb,2\n\n\n", "", [2, 3]),
        (
            "Title\nof a report\nUser ID,N\nunit,unit\na,1\n2 rows\n",
            "skip_lines: 2\nskip_after_header: 1\nfooter: 1\n",
            [5],
        ),
        ("sep=,\nUser ID,N\na,1\n", "", [3]),
        ("\nUser ID,N\na,1\nb,2\n", "", [3, 4]),
        ("User ID,N\r\na,1\r\n\r\n\r\nb,2\r\n", "", [2, 5]),
        ("User ID,N\n\na,1\n\nb,2\n\nc,3\n", "", [3, 5, 7]),
        ("User ID,N\ra,1\r\rb,2\r", "", [2, 4]),
        ("User ID,N,\na,1,\n\nb,2,\n", "", [2, 4]),
        ('User ID,N\n"a\n\nb",1\nb,2\n', "", [2, 3]),
        ("User ID\na\n\nb\n", "", [2, 4]),
        ("User ID,N\n", "", []),
    ],
)
def test_what_is_passed_over_counts(read: Read, content: str, declared: str, numbers: list[int]) -> None:
    report = read(content, declared)
    assert number_rows(report) == numbers
    if numbers == [*range(2, 2 + len(numbers))]:
        assert report.numbers == USUAL


ABOVE = {
    "": ("", 0),
    "sep=,\n": ("", 1),
    "Title\n\nof a report\n": ("skip_lines: 3\n", 3),
    "Title\n\n": ("header_row: 2\n", 2),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("above", ABOVE)
def test_lines_count_alike_whatever_ends_them(read: Read, above: str, end: str, encoding: str) -> None:
    def write(text: str) -> bytes:
        return (above + text).replace("\n", end).encode(encoding)

    declared, number = ABOVE[above]
    table = 'User ID,N\na,"1\n2"\n\nb,3\n'
    assert number_rows(read(write(table), declared)) == [number + 2, number + 4]
    with pytest.raises(UnreadableReport, match=f"line {number + 6}: 3 cells"):
        read(write(f"{table}c,4,5\nd,6\n"), declared)
    with pytest.raises(UnreadableReport, match=f"row from line {number + 6} to {number + 6}: not CSV"):
        read(write(f'{table}c,"4"5\nd,6\n'), declared)


SHEET: list[list[object]] = [["Logins"], [], ["User ID", "N"], ["a", 1], [], ["b", 2], ["c", 3]]
OBJECTS = '\n{"User ID": "a"}\n\n\n{"User ID": "b"}\n{"User ID": "c"}\n'


def test_rows_of_a_sheet_are_counted_with_what_is_above_and_between(read: Read) -> None:
    assert number_rows(read(write_workbook({"A": SHEET}), "header_row: 2\n", ".xlsx")) == [4, 6, 7]


def test_objects_are_counted_by_their_lines(read: Read) -> None:
    assert number_rows(read(OBJECTS, "", ".jsonl")) == [2, 5, 6]


def test_a_parquet_file_has_its_columns_in_row_1(read: Read) -> None:
    sink = io.BytesIO()
    pl.DataFrame({"User ID": ["a", "b"]}).write_parquet(sink)
    assert read(sink.getvalue(), "", ".parquet").numbers == USUAL


def test_rows_of_several_files_have_the_numbers_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "logins"
    folder.mkdir()
    (folder / "report.yaml").write_text("parts: concat\n")
    for number, text in enumerate(("User ID,N\na,1\nb,2\n\n", "User ID,N\n", "User ID,N\n\nc,3\nd,4\n"), 1):
        (folder / f"{DAY}_{number}.csv").write_text(text)
    source = FilesSource(LocalDrops(tmp_path))
    report = source.read(source.find("logins"), DAY)
    assert number_rows(report) == [2, 3, 3, 4]
    assert name_files(report) == [f"logins/{DAY}_{number}.csv" for number in (1, 1, 3, 3)]
