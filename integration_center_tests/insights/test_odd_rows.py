"""Rows that follow the rules of CSV, and yet may not be what they seem, are named."""

import polars as pl
import pytest

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited.kinds import ERROR_PAGE
from integration_center.insights.delimited.odd_rows import find_pages
from integration_center.wording.sentences import count
from integration_center_tests.insights.conftest import Read

JOINED = "a cell that holds line ends and as many delimiters as whole rows"


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ("User ID,N\na@x.example,1\nUser ID,N\nb@x.example,2\nUser ID,N\n", 2),
        ("User ID,N\na@x.example,1\n\ufeffUser ID,N\nb@x.example,2\n", 1),
        ("User ID,N\na@x.example,1\n\x0cUser ID,N\nb@x.example,2\n", 1),
        ("User ID,N\na@x.example,1\nUser ID,M\n", 0),
        ("===\nUser ID\n===\na@x.example\n===\n", 0),  # lines between rows
    ],
)
def test_rows_that_repeat_the_header_are_counted(read: Read, content: str, number: int) -> None:
    notes = [note for note in read(content).notes if ", as in files that were joined" in note]
    said = f"{count(number, 'row repeats', 'rows repeat')} the header (first in row 3)"
    assert [said in note for note in notes] == [True] * bool(number)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('User ID,P\na@x.example,b\na@x.example,"inch\nb@x.example,y\nc@x.example,z"\n', "1 row has a cell"),
        ('K,P,Q\n1,b,c\n2,"inch,c\n3,y,c\n4,"z",c\n', None),  # refused by the strict reader, or read as written
        ('K,P,Q\n1,b,c\n2,"inch,c\n3,y,c\n4,z",c\n', "(first in row 3)"),
        ('User ID,P\na@x.example,"Hi,\nthanks, all\nof you"\n', None),
        ('User ID,P\na@x.example,"Hi,\nthanks"\n', None),
        ('K,P\n1,"Hi,\nthanks"\n', None),
        ('K,P,Q\n1,"one,\ntwo",3\n', None),
    ],
)
def test_a_cell_that_swallows_rows_is_named(read: Read, content: str, said: str | None) -> None:
    try:
        notes = "; ".join(read(content).notes)
    except UnreadableReport as refused:
        notes = str(refused)
    assert (JOINED in notes) is (said is not None)
    assert (said or "") in notes


def test_the_line_that_a_swallowed_row_names_reads_it(read: Read) -> None:
    content = 'User ID,P\na@x.example,"inch\nb@x.example,y\nc@x.example,z"\n'
    assert read(content, "quote: none\n").frame["P"].to_list() == ['"inch', "y", 'z"']


def test_pages_are_found_behind_any_sign() -> None:
    begins = ("<html>", '{"a', '{ "', "html", "")
    cells = pl.Series([None, *(chr(sign) + begin for sign in range(0x3100) for begin in begins), *begins])
    found = find_pages(cells)
    assert found.to_list() == cells.str.contains(ERROR_PAGE).arg_true().to_list()
    assert len(found) > 60
