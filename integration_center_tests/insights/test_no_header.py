"""Files whose header is missing on a day: the values of a person are never taken, or shown, as names of columns."""

import re
from collections.abc import Sequence

import pytest

from integration_center.errors import UnreadableReport
from integration_center_tests.insights.conftest import Read
from integration_center_tests.insights.workbooks import write_workbook

PEOPLE = [["ann@x.example", "2026-11-20", "7"], ["bo@x.example", "2026-11-21", "8"], ["cy@x.example", "", "9"]]
HEADER = ["User ID", "First Login", "Logins"]


def write(rows: Sequence[Sequence[str]], suffix: str = ".csv") -> bytes:
    if suffix == ".xlsx":
        return write_workbook({"S": rows})
    return "".join(";".join(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("ann@x.example", "has an e-mail address"),
        (" ann@x.example ", "has an e-mail address"),
        ("2b75d482-b3c0-4a85-addc-0d8087f47e45", "begins with an id"),
        ("00Q000000012345", "begins with an id"),
        ("003000000012345AAA", "begins with an id"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_row_of_a_person_is_no_header(read: Read, suffix: str, key: str, said: str) -> None:
    rows = [[key, "2026-11-20", "7"], ["bo@x.example", "2026-11-21", "8"]]
    with pytest.raises(UnreadableReport, match=f"row 1, which is read as the header, {said}") as refused:
        read(write(rows, suffix), suffix=suffix)
    assert key.strip() not in str(refused.value)


@pytest.mark.parametrize("declared", ["header_row: 2", "header_row: 3"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_header_above_the_declared_row_is_named(read: Read, suffix: str, declared: str) -> None:
    with pytest.raises(UnreadableReport, match="row 1 seems to be the header; say `header_row: 1`") as refused:
        read(write([HEADER, *PEOPLE], suffix), declared, suffix)
    assert refused.value.remedy == {"header_row": 1}


def test_a_file_that_is_cut_off_above_is_not_given_another_header(read: Read) -> None:
    with pytest.raises(UnreadableReport, match=r"so the file seems to have no header.*or correct `header_row: 2`"):
        read(write(PEOPLE), "header_row: 2")


@pytest.mark.parametrize("name", ["E-Mail (ann@x.example)", "@", "a@b c", "Umsatz2026Q1", "002"])
def test_names_like_values_are_names(read: Read, name: str) -> None:
    assert read(write([[name, "N"], ["a", "1"]])).frame.columns[0] == name


@pytest.mark.parametrize("content", ["", "\n", " \n\n", "\ufeff", "\x1a"])
@pytest.mark.parametrize(
    "declared", ["", "footer: ^Total", "footer: 1", "header_row: 2", "skip_lines: 1\nfooter: ^Total"]
)
def test_an_empty_file_is_called_empty_whatever_is_declared(read: Read, content: str, declared: str) -> None:
    with pytest.raises(UnreadableReport, match=r"22\.csv is empty, it lacks even a header; export the report again"):
        read(content, declared)


@pytest.mark.parametrize(
    ("content", "declared", "said"),
    [
        ("User ID;N\n", "footer: ^Total", "line 1, the last one, does not match"),
        ("Title\nUser ID;N\nann@x.example;1\n\n", "skip_lines: 1\nfooter: ^Total", "line 3, the last one, does not"),
        ("Total;0\n", "footer: ^Total", "is empty, it lacks even a header; correct `header_row: 1`, `footer: ^Total`"),
        ("User ID;N\n", "footer: 2", "has 1 line, but report.yaml has `footer: 2`"),
    ],
)
def test_a_footer_that_is_missing_is_named(read: Read, content: str, declared: str, said: str) -> None:
    with pytest.raises(UnreadableReport, match=re.escape(said)):
        read(content, declared)
