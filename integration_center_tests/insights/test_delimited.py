"""CSV bytes: whole, or refused with the place."""

import csv
import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited import batches, reading, verified
from integration_center.insights.delimited.form import Dialect, RowCount
from integration_center.insights.delimited.reading import read_table
from integration_center.insights.delimited.row_places import RowPlaces
from integration_center.insights.delimited.strict import StrictReader
from integration_center.insights.delimited.verified import read_verified
from integration_center_tests.proofs import examples

COMMAS = Dialect(",")


def read(content: str | bytes) -> pl.DataFrame:
    return read_table(content.encode() if isinstance(content, str) else content, "nps/2026-11-22.csv").frame


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
    ("content", "expected"),
    [
        (b"", ["is empty", "header"]),
        (b"\n\n", ["is empty"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"a,b\n1,\xff\n", ["line 2", "byte 6", "not UTF-8"]),
        ("a,b\n1,é".encode()[:-1], ["line 2", "not UTF-8"]),
        (b"\xff\xfea\x00,", ["not utf-16-le"]),
        (b"Logins,,\nUser,N,M\na,2,3\n", ["no name for column 2, 3", "`header_row: 2`"]),
        (b",,\n1,2,3\n", ["no name for column 1, 2, 3"]),
        (b"a,b\n1,2,3\n4,5\n", ["line 2: 3 cells, the header has 2"]),
        (b"a,b\n1\n4,5\n", ["line 2: 1 cell, the header has 2", "footer: 2"]),
        (b'a,b\n"x\ny",2\n3\n4,5\n', ["line 4: 1 cell,"]),
        (b"a,b,c\n1,2,3\n4,5", ["ends mid-row", "line 3", "send it again"]),
        (b'a,b\n1,2\n3,"4\n5,6\n', ["ends mid-row", "line 3", "quote"]),
        (b'a,b\n1,"2"x\n', ["line 2", "doubled"]),
    ],
)
def test_what_is_not_whole_is_refused_with_the_place(content: bytes, expected: list[str]) -> None:
    with pytest.raises(UnreadableReport) as error:
        read(content)
    for words in ["nps/2026-11-22.csv", *expected]:
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
    # Nor can the first half of a doubled quote be distinguished from the end of a cell.
    assume(not (cut.endswith(b'"') and whole[len(cut) :].startswith(b'"')))
    try:
        frame = read(cut)
    except UnreadableReport:
        return
    assert frame.rows() == [tuple(cell or None for cell in row) for row in rows][: frame.height]


@pytest.mark.parametrize(
    "rows",
    [
        "1,2\n",
        "1,2\r\n,\r\n",
        " 1 ,\t\n",
        "é,#\n,NA\n",
        "1,2\n3,4",
        '"1","2"\n"3","4"\n',
        '"1",\n,"4"\n"",""\n',
        '"a ""b""","c\nd"\n"e, f","g\r\nh"\n',
        '1,"a, b"\n2,c\n',
        '"x",1\n"y",2\n"z",\n',
        ',\n"a",2\n',
    ],
)
def test_a_file_that_is_written_by_one_rule_is_read_fast(rows: str) -> None:
    [((frame, _), end, has_breaks)] = read_verified(rows.encode(), 2, COMMAS)
    assert end == len(rows.encode())
    strict = strictly(rows.encode())
    assert frame.equals(strict, null_equal=True)
    assert has_breaks == has_line_end(frame)


def has_line_end(frame: pl.DataFrame) -> bool:
    return any("\n" in cell for row in frame.rows() for cell in row if cell)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("cell", ['a ""b""{0}""c"" d', 'a{0}""b""', '""a""{0}', "a{0}b{0}", "a"])
@pytest.mark.parametrize("row", ['"{1}","{1}"{0}', '"{1}",2{0}', '1,"{1}"{0}'])
def test_line_ends_within_cells_end_no_chunk(row: str, cell: str, end: str) -> None:
    rows = (row.format(end, cell.format(end)) * 30).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verified, "CHUNK_BYTES", 100)
        read, ends, have_breaks = zip(*read_verified(rows, 2, COMMAS), strict=True)
    frames = [frame for frame, _ in read]
    assert ends[-1] == len(rows)
    assert len(frames) > 1
    assert pl.concat(frames).equals(strictly(rows), null_equal=True)
    assert have_breaks == tuple(map(has_line_end, frames))


def strictly(rows: bytes) -> pl.DataFrame:
    reader = StrictReader(rows, COMMAS, "x.csv")
    return pl.concat(reader.read(reader.read_rows(), ("a", "b"), RowCount(), RowPlaces(1)))


@pytest.mark.parametrize(
    "rows",
    [
        b"1\r,2\n",
        b"1,2\r",
        b"\n1,2\n",
        b"1,\0\n",
        b"",
        b"1\n2,3,\n",
        b",2\n1\n,2\n,\n,,",  # Polars fills the short row and cuts the long one
        b"\xc3,1\n\xa9,2\n",
        b"\xef\xbb\xbf1,2\n",  # Polars skips the mark
        b"x," + b"x" * (csv.field_size_limit() + 1),
        b'1,"2"x\n',
        b'1,2"3\n',
        b'"1,2\n3,4\n',
        b"1,2\r\n3,4\n",
    ],
)
def test_any_other_file_is_left_to_the_strict_reader(rows: bytes) -> None:
    assert list(read_verified(rows, 2, COMMAS)) == []


def write(rows: list[tuple[str, str]], quoting: Any, end: str) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end, quoting=quoting).writerows([("x", "y"), *rows])
    return buffer.getvalue().encode()


def outcome_of(reader: Callable[[bytes, str], pl.DataFrame], content: bytes) -> object:
    try:
        frame = reader(content, "x.csv")
    except UnreadableReport as error:
        return str(error)
    return frame.schema, frame.rows()


tokens = st.sampled_from([",", ",", "\n", "\n", "a", "b", " ", "é", "🎉", "\ufeff", "\x0b", "\u2028"])
odd_tokens = tokens | st.sampled_from(["\r\n", "\r", '"', '"a"', "\0"])
headers = st.sampled_from(["", "x\n", "x,y\n", "x,y\r\n", "\ufeffx,y\n", "x,x\n", "x,,y\n"])
contents = st.builds(
    lambda header, parts: (header + "".join(parts)).encode(), headers, st.lists(tokens) | st.lists(odd_tokens)
)
rectangles = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(st.text("ab é🎉\ufeff#", max_size=4), min_size=width, max_size=width).map(",".join), min_size=1
    )
)
ends = st.sampled_from(["\n", "\r\n"])
whole_files = st.builds(lambda lines, end: end.join(lines).encode(), rectangles, ends)
written_files = st.builds(
    lambda rows, quoting, end: write(rows, quoting, end),
    st.lists(st.tuples(cells, cells), min_size=1, max_size=5),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    ends,
)
cut_files = st.builds(lambda content, keep: content[:keep], whole_files, st.integers(0, 40))


def strict_only(content: bytes, source: str) -> pl.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read_verified", lambda *_, **__: ())
        return read_table(content, source).frame


def fast(content: bytes, source: str) -> pl.DataFrame:
    return read_table(content, source).frame


@examples(300)
@given(contents | whole_files | cut_files | written_files | st.binary(max_size=20), st.integers(1, 40))
@example(b"x,y\n,\xc3\xa9\na\n,\xc3\xa9\n,\n,,", 40)
@example(b'a,"b\rc"\n1,2\n3,4\n', 40)
def test_both_readers_give_the_same_frame_or_the_same_error(content: bytes, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verified, "CHUNK_BYTES", chunk)
        assert outcome_of(fast, content) == outcome_of(strict_only, content)


@given(st.lists(st.sampled_from(["1,2", '"3\n4",5', "", "6", "7,8,9", "7,8,", '"', ",", "\r"])))
def test_a_file_read_in_batches_is_as_one_read_at_once(lines: list[str]) -> None:
    content = "\n".join(["a,b", *lines]).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_ROWS", 2)
        batched = outcome_of(strict_only, content)
    assert batched == outcome_of(strict_only, content)
