"""Comma-separated bytes to a frame of text, or an error that says where they are not whole."""

import csv
import gzip
import io
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size
from integration_center.insights.drops import LARGEST

BATCH_ROWS = 50_000
"""Rows that are Python lists at a time; as columns they take far less memory."""
_UNPACKED_AT_A_TIME = 4_000_000
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 100_000_000, 200
"""Rows of people unpack to 5 to 20 times their size, one row repeated to 1,000 times."""
_GZIP = b"\x1f\x8b"
"""How gzip begins, whatever a file is called; no text in UTF-8 does."""
_CELL_BYTES = bytes(byte for byte in range(256) if byte not in b",\n")


def unpack(data: bytes, source: str, *, largest: int = LARGEST) -> bytes:
    """The bytes themselves, or what gzip compressed into them.

    Args:
        data: the whole file.
        source: how errors name it.
        largest: bytes that may come out.

    Raises:
        UnreadableReport: they are gzip and not whole, or more comes out of them than a report can hold.
    """
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while part := file.read(_UNPACKED_AT_A_TIME):
                size += len(part)
                if size > largest:
                    raise UnreadableReport(
                        f"{source}: more than {show_size(largest)} come out of it; if that is right, raise"
                        " WALKME_LARGEST_FILE_MB"
                    )
                if size > _SUSPICIOUS_BYTES and size > _SUSPICIOUS_RATIO * len(data):
                    raise UnreadableReport(
                        f"{source}: {show_size(len(data))} of gzip unpack to more than {show_size(size)}, which no"
                        " report does; check what made the file"
                    )
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableReport(f"{source}: not whole as gzip ({type(error).__name__}); send the file again") from None
    return b"".join(parts)


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
    frame = read_plain(data, source)
    return read_quoted(data, source) if frame is None else frame


def read_plain(data: bytes, source: str) -> pl.DataFrame | None:
    """As `read_text_frame`, by Polars' fast reader; None for a file that needs `read_quoted`.

    Polars' reader forgives much (it fills short rows, cuts some long ones, and skips a byte-order mark in front of the
    second line too), so the rows are counted before, and the bytes after.
    """
    end = data.find(b"\n") + 1
    header = data[:end].removeprefix(BOM_UTF8).rstrip(b"\r\n")
    commas, lines = header.count(b","), data.count(b"\n", end) + (not data.endswith(b"\n"))
    if not header or not lines or not _is_plain(data, commas, lines):
        return None
    try:
        names = header.decode().split(",")
        frame = pl.read_csv(
            data,
            has_header=False,
            skip_lines=1,
            schema=dict.fromkeys(map(str, range(len(names))), pl.String),  # the header may yet name a column twice
            quote_char=None,
        )
    except (UnicodeDecodeError, pl.exceptions.ComputeError):
        return None  # not UTF-8: the other reader says where
    sizes = pl.all().str.len_bytes().cast(pl.UInt64)
    size, longest = frame.select(
        pl.sum_horizontal(sizes.sum()).alias("size"), pl.max_horizontal(sizes.max().fill_null(0)).alias("longest")
    ).row(0)
    marks = lines * (commas + 1) - (not data.endswith(b"\n")) + data.count(b"\r", end)
    if frame.height != lines or size + marks != len(data) - end:
        return None
    if max(longest, end) > csv.field_size_limit():  # the other reader refuses such cells
        return None
    _check_header(names, source)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _is_plain(data: bytes, commas: int, lines: int) -> bool:
    """Whether the header and `lines` more lines have so many commas each, without quotes, blank lines and lone CRs."""
    if b'"' in data or b"\0" in data:
        return False
    returns = data.count(b"\r")
    if returns and (returns != data.count(b"\r\n") or b"\n\r\n" in data):
        return False
    if not commas and b"\n\n" in data:  # with commas, a blank line lacks them
        return False
    marks = data.translate(None, _CELL_BYTES) + (b"" if data.endswith(b"\n") else b"\n")
    return marks == (b"," * commas + b"\n") * (lines + 1)


def read_quoted(data: bytes, source: str) -> pl.DataFrame:
    """As `read_text_frame`, by Python's strict reader, which knows the number of each line."""
    _check_encoding(data, source)
    rows = _read_rows(data, source)
    header, last = next(rows, ([], 0))
    if not header:
        raise UnreadableReport(f"{source} is empty, it lacks even a header; send the file again")
    numbers = dict.fromkeys(map(str, range(len(header))), pl.String)  # the header may yet name a column twice
    frames = [pl.DataFrame(schema=numbers)]
    odd: tuple[list[str], int] | None = None
    while batch := list(islice(rows, BATCH_ROWS)):
        last = batch[-1][1]
        odd = odd or next((entry for entry in batch if len(entry[0]) != len(header)), None)
        if odd is None:
            columns = zip(*(row for row, _ in batch), strict=True)
            frames.append(pl.DataFrame(dict(zip(numbers, columns, strict=True)), schema=numbers))
    _check_header(header, source)
    if odd is not None:
        row, line = odd
        raise _ragged(row, header, line, source, last=line == last)
    return pl.concat(frames).rename(dict(zip(numbers, header, strict=True))).with_columns(pl.all().replace("", None))


def _check_encoding(data: bytes, source: str) -> None:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableReport(
            f"{source}, line {line}: byte {error.start} (counted from 0) is not UTF-8; export the file as UTF-8"
        ) from None


def _read_rows(data: bytes, source: str) -> Iterator[tuple[list[str], int]]:
    """The rows, each with the number of the line it ends on."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""), strict=True)
    line = 0
    try:
        for row in reader:
            if row:
                line = reader.line_num
                yield row, line
    except csv.Error as error:
        start = line + 1
        if "unexpected end of data" in str(error):
            raise UnreadableReport(
                f"{source} ends mid-row: the row from line {start} on opens a quote that is never closed;"
                " the file is not whole, send it again"
            ) from None
        raise UnreadableReport(
            f"{source}, row from line {start} to {reader.line_num}: not CSV ({error}); quotes inside a cell are doubled"
        ) from None


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
