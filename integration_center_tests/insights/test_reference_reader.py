"""Both readers of delimited text give what a reader of single characters gives, whatever the sizes of their pieces."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited import batches, reading, verified
from integration_center.insights.delimited.form import Form
from integration_center.insights.delimited.reading import read_table
from integration_center_tests.insights.test_file_bytes import in_file
from integration_center_tests.proofs import examples

WIDTH = 3
Row = tuple[str | None, ...]


class Broken(Exception):
    """The text is not a table."""


def split_rows(text: str, delimiter: str, quote: str | None) -> list[list[str]]:
    """Split a text character by character: the definition of what a row is."""
    rows: list[list[str]] = []
    row: list[str] = []
    cell, state, place = "", "start", 0
    while place < len(text):
        sign = text[place]
        place += 1
        if state == "quoted":
            if sign != quote:
                cell += sign
            elif text[place : place + 1] == quote:
                cell, place = cell + sign, place + 1
            else:
                state = "closed"
        elif sign == delimiter:
            row, cell, state = [*row, cell], "", "start"
        elif sign in "\r\n":
            place += sign == "\r" and text[place : place + 1] == "\n"
            rows.append([*row, cell] if row or cell or state != "start" else [])
            row, cell, state = [], "", "start"
        elif state == "start" and sign == quote:
            state = "quoted"
        elif state == "closed":
            raise Broken
        else:
            cell, state = cell + sign, "open"
    if state == "quoted":
        raise Broken
    return [*rows, [*row, cell]] if row or cell or state != "start" else rows


def read_simply(text: str, delimiter: str, quote: str | None) -> list[Row] | None:
    """Read the rows below the header one by one; None for a text that has to be refused."""
    try:
        rows = [row for row in split_rows(text, delimiter, quote) if row][1:]
    except Broken:
        return None
    whole = text.endswith(("\n", "\r"))
    read: list[Row] = []
    for number, row in enumerate(rows, 1):
        if len(row) == 1 and re.fullmatch(r"[\s\x00\x1a]*", row[0]):
            continue
        cut = number == len(rows) and not whole and len(row) < WIDTH
        if len(row) == 1 or any(row[WIDTH:]) or cut:
            return None
        cells = [*row, *[""] * WIDTH][:WIDTH]
        read.append(tuple(cell or None for cell in cells))
    return read


def read(content: bytes, delimiter: str, quote: str | None, *, fast: bool, chunk: int, batch: int) -> list[Row] | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verified, "CHUNK_BYTES", chunk)
        patch.setattr(batches, "BATCH_ROWS", batch)
        if not fast:
            patch.setattr(reading, "read_verified", lambda *_, **__: ())
        data = in_file(content) if chunk % 2 else content
        try:
            return read_table(data, "x.csv", Form(delimiter=delimiter, quote=quote)).frame.rows()
        except UnreadableReport:
            return None


def write(cells: Sequence[Sequence[str]], delimiter: str, quoting: str, end: str) -> str:
    """Write rows as most programs do: all cells quoted, or those that need it."""
    written = ""
    for row in cells:
        quoted = [
            '"' + cell.replace('"', '""') + '"'
            if quoting == "all" or set(cell) & {delimiter, '"', "\r", "\n"}
            else cell
            for cell in row
        ]
        written += delimiter.join(quoted) + end
    return written


delimiters = st.sampled_from([",", ";", "\t", "|", "^", "{", "é"])
cells = st.text(st.sampled_from("a1 ,;\t|\"'\r\n\0\x1a{}é🎉\u2028\ufeff"), max_size=5)
tables = st.lists(st.lists(cells, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=5)
sizes = {"chunk": st.integers(1, 60), "batch": st.integers(1, 5)}
signs = st.sampled_from(
    ["D", "D", "\n", "\n", "\r\n", "\r", '"', '"', '""', "a", " ", "é", "🎉", "\0", "\x1a", "\x0b", '"a"']
)


@examples(200)
@given(st.lists(signs, max_size=24), delimiters, st.sampled_from(['"', '"', None]), sizes["chunk"], sizes["batch"])
@example(["a", "D", "D", "\r", "a", "D", '"', "\n", '"', "D", "a", "\n"], ",", '"', 3, 1)
@example(["D", "D", "\r", "\r\n"], ",", None, 1, 1)
@example(['"', "a", '"', "a", '"', "a", '"', "D", "a", "D", "a"], ",", '"', 40, 2)  # Polars drops all these quotes
@example(["x", "D", "a", "D", "a"], "^", None, 40, 1)  # zlib data begins like this
@example(["\0", "D", "\0", "D", "\0", "D"], ",", '"', 1, 1)
@example(["D", "\0", "D", "\0", "D", "\r\n", "\0"], ",", '"', 1, 1)  # NULs where UTF-16 has them
@example(["\0", "D", "\0", "D", "\0", "\n"], ",", '"', 1, 1)
@example(['"', "a", '"', "D", "D", "\n", "\0", "\n", "a", "D", "\n"], ";", '"', 1, 1)
def test_any_text_is_read_as_character_by_character(
    parts: list[str], delimiter: str, quote: str | None, chunk: int, batch: int
) -> None:
    text = f"x{delimiter}y{delimiter}z\n" + "".join(delimiter if part == "D" else part for part in parts)
    simple = read_simply(text, delimiter, quote)
    for fast in (True, False):
        assert read(text.encode(), delimiter, quote, fast=fast, chunk=chunk, batch=batch) == simple


@examples(100)
@given(
    tables, delimiters, st.sampled_from(["all", "few"]), st.sampled_from(["\n", "\r\n"]), sizes["chunk"], sizes["batch"]
)
def test_what_programs_write_is_read_in_pieces_of_any_size(
    rows: list[list[str]], delimiter: str, quoting: str, end: str, chunk: int, batch: int
) -> None:
    text = write([["x", "y", "z"], *rows], delimiter, quoting, end)
    simple = read_simply(text, delimiter, '"')
    assert simple == [tuple(cell or None for cell in row) for row in rows]
    for fast in (True, False):
        assert read(text.encode(), delimiter, '"', fast=fast, chunk=chunk, batch=batch) == simple
