"""Read rows with Polars' fast reader, and prove that nothing was misread.

Polars' reader is lenient: it fills short rows, and reads single quotes as text. So the result is written again in the
form of the file, and must give the same bytes. If it does not, the strict reader reads the file.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence

import polars as pl

from integration_center.insights.delimited.form import Dialect
from integration_center.progress import advance

CHUNK_BYTES = 8_000_000
"""The bytes that are read and proven at a time."""
STYLE_BYTES = 64_000
"""The bytes at the beginning of a chunk that show which columns are quoted."""


def read_verified(text: bytes, width: int, dialect: Dialect, *, start: int = 0) -> pl.DataFrame | None:
    """Read rows that follow RFC 4180, with any delimiter.

    Args:
        text: the text in UTF-8, with only rows from `start` on.
        width: the number of cells in each row.
        dialect: the dialect of the text. A dialect with an escape character or blanks after delimiters is left to the
            strict reader.
        start: where the first row begins, in bytes.

    Returns:
        Columns `0`, `1` and so on, String, an empty cell null. None when the strict reader is needed.
    """
    if (
        dialect.escape
        or dialect.skip_blanks
        or text.find(b"\0", start) >= 0
        or (dialect.quote and len(dialect.quote.encode()) > 1)
    ):
        return None
    if len(dialect.delimiter.encode()) > 1 or start >= len(text):
        return None
    if {dialect.delimiter, dialect.quote} & {"{", "}"}:  # these have a meaning in a template
        return None
    if not dialect.quote and text.count(b"\r", start) != text.count(b"\r\n", start):
        return None  # without quotes, nothing shows whether a single carriage return ends a row
    frames, rows, end = [], 0, start
    for chunk in cut_chunks(text, dialect, start):
        frame = read_chunk(chunk, width, dialect)
        if frame is None:
            return None
        frames.append(frame)
        rows, end = rows + frame.height, end + len(chunk)
        advance(rows, share=end / len(text))
    return pl.concat(frames)


def cut_chunks(text: bytes, dialect: Dialect, start: int) -> Iterator[bytes]:
    """Cut a text between rows: at a line end with an even number of quotes before it."""
    begin, quote = start, (dialect.quote or "").encode()
    while begin < len(text):
        end = min(begin + CHUNK_BYTES, len(text))
        if end < len(text):
            end = text.rfind(b"\n", begin, end) + 1
            while end > begin and quote and text.count(quote, begin, end) % 2:
                end = text.rfind(b"\n", begin, end - 1) + 1
            end = end if end > begin else len(text)
        yield text[begin:end] if begin or end < len(text) else text
        begin = end


def read_chunk(chunk: bytes, width: int, dialect: Dialect) -> pl.DataFrame | None:
    """Read one chunk; None when it cannot be proven that it was read correctly."""
    names = [str(number) for number in range(width)]
    try:
        frame = pl.read_csv(
            chunk,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=dialect.delimiter,
            quote_char=dialect.quote,
        )
    except pl.exceptions.PolarsError:  # not UTF-8, or a row with too many cells: the strict reader says where
        return None
    if frame.height == 0 or (width == 1 and frame["0"].null_count()):  # an empty line is no row
        return None
    sizes = frame.select(pl.max_horizontal(pl.all().str.len_bytes().max().fill_null(0))).item()
    if sizes > csv.field_size_limit():  # the strict reader refuses such cells
        return None
    quoted, end = look_at_rows(chunk, width, dialect)
    whole = chunk if chunk.endswith(b"\n") else chunk + end.encode()
    if not any(write_rows(frame, style, dialect, end) == whole for style in dict.fromkeys((quoted, (False,) * width))):
        return None
    empty = [name for name, holds in zip(names, frame.select((pl.all() == "").any()).row(0), strict=True) if holds]
    return frame.with_columns(pl.when(pl.col(empty) != "").then(pl.col(empty)).name.keep()) if empty else frame


def look_at_rows(chunk: bytes, width: int, dialect: Dialect) -> tuple[tuple[bool, ...], str]:
    """Find out how the first rows are written.

    Returns:
        Which columns are always quoted, judging by their cells that are not empty; and the line end.
    """
    quote, delimiter = re.escape(dialect.quote or ""), re.escape(dialect.delimiter)
    inside = f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}|" if quote else ""
    cell = re.compile(f"({inside}[^{delimiter}\r\n]*)({delimiter}|\r?\n|$)")
    quoted: dict[int, bool] = {}
    column, end = 0, ""
    for match in cell.finditer(chunk[:STYLE_BYTES].decode(errors="replace")):
        if match[1]:
            quoted[column] = quoted.get(column, bool(quote)) and match[1].startswith(dialect.quote or "")
        column = column + 1 if match[2] == dialect.delimiter else 0
        end = end or match[2].removeprefix(dialect.delimiter)
    return tuple(quoted.get(number, False) for number in range(width)), end or "\n"


def write_rows(frame: pl.DataFrame, quoted: Sequence[bool], dialect: Dialect, end: str) -> bytes:
    """Write rows as a program would that always quotes some columns, and quotes other cells only where necessary."""
    quote = dialect.quote or ""
    looks = [pl.all().null_count().name.suffix(":nulls")]
    if quote:
        looks.append(pl.all().str.contains(quote, literal=True).any().name.suffix(":quotes"))
    seen = frame.select(looks).row(0, named=True)
    special = f"[{re.escape(dialect.delimiter + quote)}\r\n]"
    places, cells = [], []
    for name, always in zip(frame.columns, quoted, strict=True):
        place, cell = "{}", pl.col(name)
        doubled = cell.str.replace_all(quote, quote * 2, literal=True) if seen.get(f"{name}:quotes") else cell
        if always and not seen[f"{name}:nulls"]:
            place, cell = f"{quote}{{}}{quote}", doubled
        elif quote:
            inside = pl.format(f"{quote}{{}}{quote}", doubled)
            must = cell.str.contains(special) | (cell == "")
            cell = inside if always else pl.when(must).then(inside).otherwise(cell)
        places.append(place)
        cells.append(cell.fill_null("") if seen[f"{name}:nulls"] else cell)
    sink = io.BytesIO()
    line = pl.format(dialect.delimiter.join(places), *cells)
    frame.select(line).write_csv(sink, include_header=False, quote_style="never", line_terminator=end)
    return sink.getvalue()
