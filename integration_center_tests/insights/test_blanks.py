"""Blanks around the delimiters of quoted cells."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import Form
from integration_center.insights.delimited.reading import read_table
from integration_center.insights.inspecting.inspection import inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center_tests.proofs import examples

texts = st.text(st.sampled_from('ab",;\t \n\r\\'), max_size=8)
gaps = st.sampled_from(["", " ", "   "])


def write(rows: list[list[str]], delimiter: str, before: str, after: str, escape: str | None) -> bytes:
    def quote(cell: str) -> str:
        inside = cell.replace("\\", "\\\\").replace('"', '\\"') if escape else cell.replace('"', '""')
        return f'"{inside}"'

    lines = (f"{before}{delimiter}{after}".join(map(quote, row)) + before for row in [["User ID", "N"], *rows])
    return "".join(f"{line}\n" for line in lines).encode()


@examples(300)
@given(
    st.lists(st.tuples(texts, texts).map(list), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
    gaps,
    gaps,
    st.sampled_from([None, "\\"]),
)
@example([['he said "hi" , then', 'a"" ,b']], ",", " ", " ", None)
@example([["a\n", '" ,\n']], ",", " ", "", None)
@example([["\\", '\\" ,']], ",", " ", "", "\\")
def test_blanks_around_delimiters_are_no_part_of_quoted_cells(
    rows: list[list[str]], delimiter: str, before: str, after: str, escape: str | None
) -> None:
    form = Form(delimiter, skip_blanks=True, escape=escape)
    read = read_table(write(rows, delimiter, before, after, escape), "x.csv", form).frame
    kept = [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in rows]
    found = [[(cell or "").replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in read.rows()]
    assert found == kept


@pytest.mark.parametrize("gap", [" ", "   "])
@pytest.mark.parametrize("delimiter", [",", ";", "|"])
@pytest.mark.parametrize("header", ['"User ID"{0}"N"', "User ID{1}N"])
def test_the_line_that_reads_blanks_behind_quotes_is_named(header: str, delimiter: str, gap: str) -> None:
    rows = "".join(f'"{name}@x.example"{gap}{delimiter} "1{delimiter}2"{gap}\n' for name in ("ana", "bob"))
    content = (header.format(f"{gap}{delimiter} ", delimiter) + "\n" + rows).encode()
    with pytest.raises(
        UnreadableReport, match=r"x\.csv, line [12]: there are blanks between quotes and delimiters; say"
    ):
        read_table(content, "x.csv")
    found = inspect_file(content, "x.csv", "csv", ReportFile(), limit=SizeLimit(1_000_000))
    assert (found.problem, found.rows, found.proposal["skip_blanks"]) == (None, 2, True)
    assert read_table(content, "x.csv", Form(skip_blanks=True)).frame.rows() == [
        ("ana@x.example", f"1{delimiter}2"),
        ("bob@x.example", f"1{delimiter}2"),
    ]


@pytest.mark.parametrize("content", ['User ID,N\n"a"b,1\n', 'User ID,N\n"a" b,1\n', 'User ID,N\n"a "quoted" text",1\n'])
def test_other_texts_behind_quotes_are_not_blanks(content: str) -> None:
    with pytest.raises(UnreadableReport, match="quotes inside a cell are doubled"):
        read_table(content.encode(), "x.csv")
