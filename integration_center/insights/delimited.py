"""Comma-separated bytes to a frame of text, or an error that says where they are not whole."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

import polars as pl

from integration_center.errors import UnreadableReport


def read_text_frame(data: bytes, source: str) -> pl.DataFrame:
    """The rows of a CSV file (RFC 4180) as text: all columns String, an empty cell null, order kept.

    UTF-8 with or without a byte-order mark, CRLF or LF, quotes around cells with commas, quotes or line breaks.
    Lines without any character are no rows. A header without rows is a frame without rows.

    Args:
        data: the whole file.
        source: how errors name it.

    Raises:
        UnreadableReport: empty, not UTF-8, header without names or with one twice, a row with more or fewer cells
            than the header, or an end in the middle of a row. Names `source` and the line.
    """
    rows, lines = _read_rows(_decode(data, source), source)
    if not rows:
        raise UnreadableReport(f"{source} is empty, it lacks even a header; send the file again")
    header = rows[0]
    _check_header(header, source)
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise _ragged(row, header, line, source, last=line == lines[-1])
    cells = zip(*rows, strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, *values in cells]).with_columns(
        pl.all().replace("", None)
    )


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableReport(
            f"{source}, line {line}: byte {error.start} (counted from 0) is not UTF-8; export the file as UTF-8"
        ) from None


def _read_rows(text: str, source: str) -> tuple[list[list[str]], list[int]]:
    """The rows with the number of the line each ends on; Polars' own reader fills short rows with nulls unasked."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        start = (lines[-1] if lines else 0) + 1
        if "unexpected end of data" in str(error):
            raise UnreadableReport(
                f"{source} ends mid-row: the row from line {start} on opens a quote that is never closed;"
                " the file is not whole, send it again"
            ) from None
        raise UnreadableReport(
            f"{source}, row from line {start} to {reader.line_num}: not CSV ({error}); quotes inside a cell are doubled"
        ) from None
    return rows, lines


def _check_header(header: Sequence[str], source: str) -> None:
    unnamed = [str(number) for number, name in enumerate(header, 1) if not name.strip()]
    if unnamed:
        raise UnreadableReport(f"{source}: the header has no name for column {', '.join(unnamed)}; name every column")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise UnreadableReport(
            f"{source}: the header names {', '.join(map(repr, twice))} more than once; name every column once"
        )


def _ragged(row: Sequence[str], header: Sequence[str], line: int, source: str, *, last: bool) -> UnreadableReport:
    cells = f"{len(row)} cells, the header has {len(header)}"
    if last and len(row) < len(header):
        return UnreadableReport(f"{source} ends mid-row: line {line} has {cells}; the file is not whole, send it again")
    return UnreadableReport(f"{source}, line {line}: {cells}; put cells that hold commas or line breaks in quotes")
