"""CSV bytes: whole, or refused with the place."""

import csv
import io

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited import read_text_frame


def read(content: str | bytes) -> pl.DataFrame:
    return read_text_frame(content.encode() if isinstance(content, str) else content, "nps/2026-11-22.csv")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last_end", [True, False])
def test_marks_and_line_ends_make_no_difference(mark: bytes, end: str, last_end: bool) -> None:
    content = end.join(["User ID,Text", "a,x", '"b, c","line 1\nline ""2"""']) + (end if last_end else "")
    assert read(mark + content.encode()).to_dict(as_series=False) == {
        "User ID": ["a", "b, c"],
        "Text": ["x", 'line 1\nline "2"'],
    }


def test_empty_cells_are_null_and_blanks_stay() -> None:
    frame = read('Key,A,B\n Ada ,,""\n\t, ,🎉\n')
    assert frame.rows() == [(" Ada ", None, None), ("\t", " ", "🎉")]
    assert set(frame.dtypes) == {pl.String()}


def test_lines_without_a_character_are_no_rows() -> None:
    assert read("a,b\n\n1,2\n\n").rows() == [("1", "2")]


def test_a_header_alone_is_a_report_without_rows() -> None:
    frame = read("User ID,Last Login\r\n")
    assert frame.columns == ["User ID", "Last Login"]
    assert frame.height == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", ["is empty", "header"]),
        (b"\n\n", ["is empty"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"a,b\n1,\xff\n", ["line 2", "byte 6", "not UTF-8"]),
        ("a,b\n1,é".encode()[:-1], ["line 2", "not UTF-8"]),
        (b"\xff\xfea\x00,\x00", ["byte 0", "not UTF-8"]),
        (b"a,b,a\n1,2,3\n", ["'a' more than once"]),
        (b"a,,b\n1,2,3\n", ["no name for column 2"]),
        (b"a,b\n1,2,3\n4,5\n", ["line 2: 3 cells, the header has 2"]),
        (b"a,b\n1\n4,5\n", ["line 2: 1 cells, the header has 2"]),
        (b'a,b\n"x\ny",2\n3\n4,5\n', ["line 4: 1 cells"]),
        (b"a,b,c\n1,2,3\n4,5", ["ends mid-row", "line 3", "send it again"]),
        (b"a,b,c\n1,2,3\n4,5\n", ["ends mid-row", "line 3"]),
        (b'a,b\n1,2\n3,"4\n5,6\n', ["ends mid-row", "line 3", "quote"]),
        (b'a,b\n1,"2"x\n', ["line 2", "doubled"]),
    ],
)
def test_what_is_not_whole_is_refused_with_the_place(content: bytes, told: list[str]) -> None:
    with pytest.raises(UnreadableReport) as error:
        read(content)
    for words in ["nps/2026-11-22.csv", *told]:
        assert words in str(error.value)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=12),
    mark=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["\r\n", "\n"]),
)
def test_what_a_csv_writer_wrote_comes_back(rows: list[tuple[str, str, str]], mark: str, end: str) -> None:
    buffer = io.StringIO(newline="")
    # With "\n" as line end, Python's writer leaves a lone "\r" unquoted, which RFC 4180 forbids.
    lone = any("\r" in cell for row in rows for cell in row)
    writer = csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL if lone else csv.QUOTE_MINIMAL)
    writer.writerow(["A", "B", "C"])
    writer.writerows(rows)
    frame = read(mark + buffer.getvalue())
    assert frame.rows() == [tuple(cell or None for cell in row) for row in rows]


@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6),
    keep=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_a_cut_file_never_gives_a_row_that_was_not_written(rows: list[tuple[str, str, str]], keep: float) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([("A", "B", "C"), *rows])
    whole = buffer.getvalue().encode()
    cut = whole[: int(len(whole) * keep)]
    # Many writers leave out the last line end, so a file that ends with a comma may be whole: its last cell is empty.
    assume(not cut.endswith(b","))
    try:
        frame = read(cut)
    except UnreadableReport:
        return
    assert frame.rows() == [tuple(cell or None for cell in row) for row in rows][: frame.height]
