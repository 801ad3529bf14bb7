"""Read rows with Polars' fast reader, and prove that nothing was misread.

Polars' reader is lenient: it fills short rows, and reads single quotes as text. So the result is written again in the
form of the file, and must give the same bytes. Where it does not, the strict reader reads the rest of the file. For
many columns that takes long. There the text gets signs of its own for the ends of cells and rows, where that can be
done in one way only.
"""

import codecs
import io
import re
from collections.abc import Iterator, Sequence

import polars as pl

from integration_center.files.file_bytes import Data
from integration_center.insights.delimited.form import Dialect
from integration_center.insights.delimited.strict import LONGEST_CELL

CHUNK_BYTES = 8_000_000
"""The bytes that are read and proven at a time."""
CELL_END, MARK, ROW_END = b"\x02", b"\x03", b"\x04"
"""Signs in place of the text between cells, at the end of each row, and between rows. No report's text has them."""
WIDE = 12
"""From so many columns on, chunks are first tried as plain ones. With fewer, writing them again is as fast."""
MOST_FAILED = 3
"""After so many chunks that were not plain, the others are not tried either."""
STYLE_BYTES = 64_000
"""The bytes at the beginning of a chunk that show which columns are quoted."""


def read_verified(text: Data, width: int, dialect: Dialect, *, start: int = 0) -> Iterator[tuple[pl.DataFrame, int]]:
    """Read rows that follow RFC 4180, with any delimiter, as far as that can be proven.

    Args:
        text: the text in UTF-8, with only rows from `start` on.
        width: the number of cells in each row.
        dialect: the dialect of the text. A dialect with an escape character or blanks after delimiters is left to the
            strict reader.
        start: where the first row begins, in bytes.

    Yields:
        The next rows, as columns `0`, `1` and so on, String, an empty cell null; and where they end, in bytes. Where
        the last ones end before the text does, the strict reader is needed for the rest.
    """
    if dialect.escape or dialect.skip_blanks or (dialect.quote and len(dialect.quote.encode()) > 1):
        return
    if len(dialect.delimiter.encode()) > 1 or start >= len(text):
        return
    if {dialect.delimiter, dialect.quote} & {"{", "}"}:  # these have a meaning in a template
        return
    failed, end = 0, start
    for chunk in cut_chunks(text, dialect, start):
        if b"\0" in chunk:
            return
        if not dialect.quote and chunk.count(b"\r") != chunk.count(b"\r\n"):
            return  # without quotes, nothing shows whether a single carriage return ends a row
        frame = read_plain_chunk(chunk, width, dialect) if width >= WIDE and failed < MOST_FAILED else None
        if frame is None:
            failed += 1
            frame = read_chunk(chunk, width, dialect)
        if frame is None:
            return
        end += len(chunk)
        yield frame, end


def cut_chunks(text: Data, dialect: Dialect, start: int) -> Iterator[bytes]:
    """Cut a text between rows: at a line end with an even number of quotes before it."""
    begin, quote = start, (dialect.quote or "").encode()
    while begin < len(text):
        piece = text[begin : begin + CHUNK_BYTES]
        if begin + len(piece) < len(text):
            end = find_row_end(piece, quote)
            piece = piece[:end] if end else text[begin:]
        yield piece
        begin += len(piece)


def find_row_end(piece: bytes, quote: bytes) -> int:
    """Find the last line end with an even number of quotes before it; return the place behind it, or 0."""
    end = piece.rfind(b"\n") + 1
    odd = bool(quote) and piece.count(quote, 0, end) % 2
    while end and odd:
        before = piece.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + piece.count(quote, before, end)) % 2
        end = before
    return end


def read_chunk(chunk: bytes, width: int, dialect: Dialect) -> pl.DataFrame | None:
    """Read one chunk; None when it cannot be proven that it was read correctly."""
    frame = parse(chunk, width, dialect)
    if frame is None:
        return None
    quoted, end = look_at_rows(chunk, width, dialect)
    whole = chunk if chunk.endswith(b"\n") else chunk + end.encode()
    if not any(write_rows(frame, style, dialect, end) == whole for style in dict.fromkeys((quoted, (False,) * width))):
        return None
    return clear_empty(frame)


def read_plain_chunk(chunk: bytes, width: int, dialect: Dialect) -> pl.DataFrame | None:
    """Read one chunk whose cells hold no quotes and are all quoted, or none of them; None when it is another.

    The text between two cells becomes one sign, and a mark is put at the end of each row. If no quote is left, the text
    can be read in this way only. If the mark is the last cell of each row, no row has too few or too many cells.
    """
    if any(sign in chunk for sign in (CELL_END, MARK, ROW_END)):
        return None
    quote, delimiter = (dialect.quote or "").encode(), dialect.delimiter.encode()
    quote = quote if quote and quote in chunk else b""
    end = b"\r\n" if b"\r\n" in chunk else b"\n"
    text = chunk.removesuffix(end)
    if quote and not (len(text) > 1 and text.startswith(quote) and text.endswith(quote)):
        return None
    row_end = CELL_END + MARK + ROW_END
    rows = text[len(quote) : len(text) - len(quote)].replace(quote + end + quote, row_end)
    marked = rows.replace(quote + delimiter + quote, CELL_END) + row_end
    # Polars drops a carriage return at the end of a row, whatever ends its rows.
    if b"\r" in marked or (quote or b"\n") in marked:
        return None
    read = parse(marked, width + 1, Dialect(CELL_END.decode(), dialect.quote), line_end=ROW_END.decode())
    if read is None or not (read.to_series(-1) == MARK.decode()).fill_null(value=False).all():
        return None
    frame = read[:, :-1]
    if width == 1 and not quote and frame["0"].null_count():  # an empty line is no row
        return None
    return frame


def parse(text: bytes, width: int, dialect: Dialect, *, line_end: str = "\n") -> pl.DataFrame | None:
    """Parse rows with Polars; None when that fails, or when the strict reader would read or refuse them otherwise."""
    if text.startswith(codecs.BOM_UTF8):  # Polars would skip it
        return None
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            schema={str(number): pl.String for number in range(width)},
            separator=dialect.delimiter,
            quote_char=dialect.quote,
            eol_char=line_end,
        )
    except pl.exceptions.PolarsError:  # not UTF-8, or a row with too many cells: the strict reader says where
        return None
    except OSError:  # text that begins like compressed data, such as x^
        return None
    if frame.height == 0:
        return None
    if len(text) > LONGEST_CELL:
        sizes = frame.select(pl.max_horizontal(pl.all().str.len_bytes().max().fill_null(0))).item()
        if sizes > LONGEST_CELL:  # the strict reader refuses such cells
            return None
    return frame


def clear_empty(frame: pl.DataFrame) -> pl.DataFrame | None:
    """Turn empty cells into null. None for a table of one column with an empty line, which is no row."""
    if frame.width == 1 and frame["0"].null_count():
        return None
    found = frame.select((pl.all() == "").any()).row(0)
    empty = [name for name, holds in zip(frame.columns, found, strict=True) if holds]
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
