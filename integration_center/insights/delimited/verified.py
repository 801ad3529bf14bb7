"""Read rows with Polars' fast reader, and prove that nothing was misread.

Polars' reader is lenient: it fills short rows, and reads single quotes as text. So the result is written again in the
form of the file, and must give the same bytes. Where it does not, the strict reader reads the rest of the file.
"""

import codecs
import io
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO, Literal, NamedTuple, cast

import polars as pl

from integration_center.files.file_bytes import Data
from integration_center.insights.delimited.form import Dialect, Rows
from integration_center.insights.delimited.reading_ahead import read_ahead
from integration_center.insights.delimited.text_lines import LONGEST_CELL, LONGEST_LINE
from integration_center.insights.delimited.whole_numbers import WholeNumbers
from integration_center.insights.many_columns import find_columns, leave_out

CHUNK_BYTES = 8_000_000
"""The bytes that are read and proven at a time."""
STYLE_BYTES = 64_000
"""The bytes at the beginning of a chunk that show which columns are quoted."""
ROWS_WRITTEN = 8_192
"""The rows that are written at a time to prove them: fewer take a tenth more time."""


class Verified(NamedTuple):
    """Rows that were read.

    Attributes:
        rows: the rows, as columns `0`, `1` and so on.
        end: where they end, in bytes.
        has_breaks: whether a cell holds a line end.
    """

    rows: Rows
    end: int
    has_breaks: bool


def read_verified(text: Data, width: int, dialect: Dialect, *, start: int = 0) -> Iterator[Verified]:
    """Read rows that follow RFC 4180, with any delimiter, as far as that can be proven.

    Args:
        text: the text in UTF-8, with only rows from `start` on.
        width: the number of cells in each row.
        dialect: the dialect of the text. A dialect with an escape character or blanks after delimiters is left to the
            strict reader.
        start: where the first row begins, in bytes.

    Yields:
        The next rows. Where the last ones end before the text does, the strict reader is needed for the rest.
    """
    if dialect.escape or dialect.skip_blanks or (dialect.quote and len(dialect.quote.encode()) > 1):
        return
    if len(dialect.delimiter.encode()) > 1 or start >= len(text):
        return
    if {dialect.delimiter, dialect.quote} & {"{", "}"}:  # these have a meaning in a template
        return
    yield from read_chunks(text, ChunkReader(width, dialect), start)


class Chunk(NamedTuple):
    """A chunk of a text that was parsed, and not yet proven.

    Attributes:
        text: its bytes.
        end: where it ends in the whole text.
        frame: its rows; None where it cannot be parsed.
    """

    text: bytes
    end: int
    frame: pl.DataFrame | None


def read_chunks(text: Data, reader: "ChunkReader", start: int) -> Iterator[Verified]:
    """Read one chunk of rows after another; see `read_verified`."""
    end, sign = start, find_likely_end(text, start, reader.dialect)
    while end < len(text):
        is_long = len(text) - end > CHUNK_BYTES
        with closing(read_ahead(parse_chunks(text, reader, end, sign), is_long=is_long)) as chunks:
            for chunk in chunks:
                likely = chunk.end
                if chunk.frame is None or (rows := reader.prove(chunk.frame, chunk.text)) is None:
                    break
                end, has_breaks = chunk.end, chunk.text.count(b"\n") > rows.frame.height
                del chunk  # else it takes memory until the next one is there
                yield Verified(rows, end, has_breaks)
            else:
                return
        # What is proven ends where a row ends. Here cells seem to hold such line ends.
        if sign is None or find_cut(text, end, reader.dialect, None) == likely:
            return
        sign = None


def parse_chunks(text: Data, reader: "ChunkReader", begin: int, sign: bytes | None) -> Iterator[Chunk]:
    """Parse one chunk after another, as if each were proven; `sign` is what `find_cut` needs."""
    while begin < len(text):
        end = find_cut(text, begin, reader.dialect, sign)
        piece = text[begin:end]
        yield Chunk(piece, end, reader.parse(piece) if piece else None)
        begin = end


def find_likely_end(text: Data, start: int, dialect: Dialect) -> bytes | None:
    """Find the bytes at which rows probably end: a line end, with the quotes that are beside it in the first row.

    None without a line end.
    """
    quote = (dialect.quote or "").encode()
    end = text.find(b"\n", start) + 1
    first = text[start:end] if end - start <= LONGEST_LINE else b""
    row = first.rstrip(b"\r\n")
    before, after = (quote if meets(quote) else b"" for meets in (row.endswith, row.startswith))
    return before + first[len(row) :] + after if first else None


def find_cut(text: Data, begin: int, dialect: Dialect, sign: bytes | None) -> int:
    """Find where the last row of a chunk ends, which begins at `begin`; that place where its first row seems endless.

    Args:
        text: the rows.
        begin: where the chunk begins.
        dialect: the dialect of the text.
        sign: what `find_likely_end` has found; None to count the quotes, which takes longer.
    """
    if begin + CHUNK_BYTES >= len(text):
        return len(text)
    if sign is not None and (place := text.rfind(sign, begin, begin + CHUNK_BYTES)) >= 0:
        return place + sign.find(b"\n") + 1
    for most in (CHUNK_BYTES, LONGEST_LINE):
        if begin + most >= len(text):
            return len(text)
        if size := find_row_end(text[begin : begin + most], (dialect.quote or "").encode()):
            return begin + size
    return begin


def find_row_end(piece: bytes, quote: bytes) -> int:
    """Find the last line end with an even number of quotes before it; return the place behind it, or 0."""
    end = piece.rfind(b"\n") + 1
    odd = bool(quote) and piece.count(quote, 0, end) % 2
    while end and odd:
        before = piece.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + piece.count(quote, before, end)) % 2
        end = before
    return end


@dataclass
class ChunkReader:
    """Reads one chunk after another.

    Attributes:
        width: the number of cells in each row.
        dialect: the dialect of the text.
    """

    width: int
    dialect: Dialect
    _is_mixed: bool = False
    """Whether a chunk was quoted by a rule of its own, as the next ones then are."""
    _numbers: WholeNumbers = field(default_factory=WholeNumbers)

    def parse(self, chunk: bytes) -> pl.DataFrame | None:
        """Parse a chunk; None when it is left to the strict reader."""
        if b"\0" in chunk:
            return None
        if not self.dialect.quote and chunk.count(b"\r") != chunk.count(b"\r\n"):
            return None  # without quotes, nothing shows whether a single carriage return ends a row
        return parse(chunk, self.width, self.dialect)

    def prove(self, frame: pl.DataFrame, chunk: bytes) -> Rows | None:
        """Return the rows of a chunk that was parsed; None when it cannot be proven that they are right."""
        numbers = self._numbers.read(frame) if not self._is_mixed else pl.DataFrame()
        cleared = clear_empty(frame, [column.name for column in numbers if not column.null_count()])
        if cleared is None:
            return None
        numbers = self._numbers.keep_full(numbers, cleared)
        if numbers.width and self._is_one_style(frame.with_columns(numbers.get_columns()), chunk):
            return Rows(cleared, frozenset(each.name for each in numbers if each.null_count() < len(each)))
        if not self._is_proven(frame, chunk):
            return None
        if numbers.width:
            self._numbers.drop(numbers, cleared)
        return Rows(cleared)

    def _is_proven(self, frame: pl.DataFrame, chunk: bytes) -> bool:
        """Return whether a chunk is what writing its rows gives."""
        dialect = self.dialect
        if not self._is_mixed and self._is_one_style(frame, chunk):
            return True
        quoted, end = look_at_rows(chunk, self.width, dialect)
        styles = dict.fromkeys((quoted, (False,) * self.width))
        text = end_row(chunk, end)
        self._is_mixed = any(is_written_by_columns(frame, text, style, dialect, end) for style in styles)
        return self._is_mixed

    def _is_one_style(self, frame: pl.DataFrame, chunk: bytes) -> bool:
        """Return whether a chunk is what writing its rows in one style gives."""
        end = "\r\n" if chunk[: chunk.find(b"\n") + 1].endswith(b"\r\n") else "\n"
        return is_written_as(frame, end_row(chunk, end), self.dialect, end)


def end_row(chunk: bytes, end: str) -> bytes:
    """Add the line end that the last row of a file may lack."""
    return chunk if chunk.endswith(b"\n") else chunk + end.encode()


class _Comparison(io.RawIOBase):
    """A file that compares what is written to it with a text, piece by piece. To keep the pieces takes twice the time.

    Args:
        text: the text.
    """

    def __init__(self, text: bytes) -> None:
        self._text, self._place, self._differs = text, 0, False

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._differs = self._differs or not self._text.startswith(piece, self._place)
        self._place += len(piece)
        return len(piece)

    @property
    def is_same(self) -> bool:
        """Whether exactly the text was written."""
        return not self._differs and self._place == len(self._text)


def is_written_as(frame: pl.DataFrame, text: bytes, dialect: Dialect, end: str) -> bool:
    """Return whether rows are a text if they are written as most programs do.

    All cells are quoted, as the first one is, or only where necessary.

    Args:
        frame: the rows.
        text: the text, with a line end after the last row.
        dialect: the dialect of the text.
        end: the line end.
    """
    comparison, quote = _Comparison(text), dialect.quote
    style: Literal["never", "always", "necessary"]
    style = "never" if not quote else "always" if text[:1] == quote.encode() else "necessary"
    frame.write_csv(
        cast(IO[bytes], comparison),
        include_header=False,
        separator=dialect.delimiter,
        line_terminator=end,
        quote_char=quote or '"',
        quote_style=style,
        batch_size=ROWS_WRITTEN,
    )
    return comparison.is_same


def parse(text: bytes, width: int, dialect: Dialect) -> pl.DataFrame | None:
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


def clear_empty(frame: pl.DataFrame, full: Collection[str] = ()) -> pl.DataFrame | None:
    """Turn empty cells into null. None for a table of one column with an empty line, which is no row.

    Args:
        frame: String columns.
        full: columns that have no empty cell.
    """
    if frame.width == 1 and frame["0"].null_count():
        return None
    empty = [*find_columns(leave_out(frame, full), (pl.all() == "").any())]
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


def is_written_by_columns(frame: pl.DataFrame, text: bytes, quoted: Sequence[bool], dialect: Dialect, end: str) -> bool:
    """Return whether rows are a text if some columns are always quoted, and other cells only where necessary."""
    comparison, quote = _Comparison(text), dialect.quote or ""
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
    lines = frame.select(pl.format(dialect.delimiter.join(places), *cells))
    lines.write_csv(cast(IO[bytes], comparison), include_header=False, quote_style="never", line_terminator=end)
    return comparison.is_same
