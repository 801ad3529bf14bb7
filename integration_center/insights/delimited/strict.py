"""Read rows with Python's strict reader, which knows the number of each line."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data
from integration_center.insights.delimited.batches import Row, cut_batches
from integration_center.insights.delimited.blanks import leave_out_blanks
from integration_center.insights.delimited.decoding import say_encoding
from integration_center.insights.delimited.escapes import BACKSLASH, read_codes
from integration_center.insights.delimited.footer_pattern import is_row
from integration_center.insights.delimited.form import MOST_SKIPPED, Dialect, RowCount
from integration_center.insights.delimited.header import find_named, is_named_by_rows
from integration_center.insights.delimited.kinds import ERROR_BELOW, ERROR_PAGE
from integration_center.insights.delimited.looking import (
    BYTES_LOOKED_AT,
    MOST_COMMENTS,
    find_between_quotes,
    find_header_below,
    has_blanks_behind_quotes,
    leave_out_comments,
    read_options,
)
from integration_center.insights.delimited.row_places import RowPlaces
from integration_center.insights.delimited.text_lines import (
    LONGEST_CELL,
    LONGEST_LINE,
    NO_CONTENT,
    LineTooLong,
    count_line_ends,
    read_lines,
    read_shown_lines,
)
from integration_center.progress import advance
from integration_center.wording.sentences import count

MOST_NOTES = 5
"""The most lines below a table that are called a footer although they have more cells than the header."""
NOTHING = re.compile(r"[\s\x00\x1a]*")
"""A line without content, or with only the characters that old programs put at the end of a file."""
csv.field_size_limit(LONGEST_CELL)  # Python's own limit of 131,072 would refuse cells that no integration reads
DRAWN = re.compile(r"[\s|+:=\-\u2500-\u257f]{3,}")
"""A line that is drawn between rows."""


@dataclass(frozen=True)
class StrictReader:
    """A reader of the rows of a text.

    Attributes:
        text: the header and the rows, in UTF-8.
        dialect: the dialect of the text.
        source: the name of the file in errors.
        first_line: the number of the text's first line.
    """

    text: Data
    dialect: Dialect
    source: str
    first_line: int = 1

    def read_rows(self, begin: int = 0) -> Iterator[Row]:
        """Yield the rows, without empty lines, each with the number of the line on which it ends.

        Args:
            begin: where the first row begins, in bytes.

        Raises:
            UnreadableReport: a row does not follow the dialect.
        """
        end = self.text.find(b"\n")
        line_end = "\r\n" if end > 0 and self.text[end - 1 : end] == b"\r" else "\n"
        text = read_codes(read_lines(self.text, begin), self.dialect, line_end=line_end)
        reader = csv.reader(leave_out_blanks(text, self.dialect), **read_options(self.dialect))
        line, before = 0, self.count_lines(begin)
        try:
            for row in reader:
                if row:
                    line = reader.line_num
                    yield row, line + before
        except UnicodeDecodeError:
            say_encoding(self.text, self.source, self.first_line)
            raise
        except LineTooLong:
            raise UnreadableReport(
                f"{self.source}, line {reader.line_num + 1 + before}: it has more than {LONGEST_LINE:,} characters, so"
                " the file has lost its line ends, or a cell is far too long; export it again, a row on each line"
            ) from None
        except csv.Error as error:
            start = line + 1 + before
            if not line and (sign := find_between_quotes(self._find_text(begin))):
                raise UnreadableReport(
                    f"{self.source}, line {start}: the cells in quotes are separated by {json.dumps(sign)}; say"
                    f" `delimiter: {json.dumps(sign)}` in report.yaml",
                    {"delimiter": sign},
                ) from None
            if "field limit" in str(error):
                raise UnreadableReport(
                    f"{self.source}: the row from line {start} on has a cell of more than {LONGEST_CELL:,} characters;"
                    " a quote is probably never closed. Correct it, or say `quote: none` in report.yaml where quotes"
                    " mean nothing"
                ) from None
            if "unexpected end of data" in str(error):
                raise UnreadableReport(
                    f"{self.source} ends mid-row: the row from line {start} on opens a quote that is never closed;"
                    " the file was cut off, or a quote inside a cell is not doubled. Export it again, or say how it is"
                    " written in report.yaml, such as `escape: '\\'`, or `quote: none` where quotes mean nothing",
                    self._find_escape(),
                ) from None
            end = reader.line_num + before
            lines = [*islice(read_shown_lines(self.text), start - self.first_line, end - self.first_line + 1)]
            if not self.dialect.skip_blanks and has_blanks_behind_quotes(lines, self.dialect):
                raise UnreadableReport(
                    f"{self.source}, line {start}: there are blanks between quotes and delimiters; say"
                    " `skip_blanks: true` in report.yaml",
                    {"skip_blanks": True},
                ) from None
            raise UnreadableReport(
                f"{self.source}, row from line {start} to {end}: not CSV ({error}); quotes inside"
                " a cell are doubled. Where the file is written otherwise, say so in report.yaml, such as"
                " `escape: '\\'`, or `quote: none` where quotes mean nothing",
                self._find_escape(),
            ) from None

    def count_lines(self, end: int) -> int:
        """Return the number of the last line above a place in the text."""
        return self.first_line - 1 + count_line_ends(self.text, end)

    def read(
        self,
        rows: Iterator[Row],
        header: Sequence[str],
        count: RowCount,
        places: RowPlaces,
        *,
        rows_read: int = 0,
    ) -> Iterator[pl.DataFrame]:
        """Read the rows below the header, some at a time.

        Args:
            rows: the remaining rows of `read_rows`.
            header: the cells of the header.
            count: counts unusual rows that are accepted.
            places: notes the places of the rows.
            rows_read: the number of rows that were read before these.

        Yields:
            Columns `0`, `1` and so on, String; an empty cell is null.

        Raises:
            UnreadableReport: a row does not fit this table.
        """
        names = dict.fromkeys(map(str, range(len(header))), pl.String)
        before: list[str] = []
        for batch, is_last in cut_batches(rows):
            last_row = batch[-1][0]
            if any(len(row) != len(header) for row, _ in batch):
                batch = list(self._fit(batch, header, count, before, last=is_last))
            before = last_row
            places.note(batch, rows_read)
            columns = zip(*(row for row, _ in batch), strict=True) if batch else [()] * len(header)
            frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=names)
            rows_read += len(batch)
            advance(rows_read)
            del batch, columns  # they take more memory than the frame
            yield frame.with_columns(pl.all().replace("", None))

    def _fit(
        self,
        batch: Sequence[Row],
        header: Sequence[str],
        count: RowCount,
        before: Sequence[str],
        *,
        last: bool,
    ) -> Iterator[Row]:
        """Yield the rows of a batch, each as wide as the header.

        Args:
            batch: the rows.
            header: the cells of the header.
            count: counts unusual rows that are accepted.
            before: the row before the batch.
            last: whether this is the last batch.
        """
        width, whole = len(header), not last or self.text[-1:] in (b"\n", b"\r")
        passed_over = 0
        for number, (row, line) in enumerate(batch):
            above, before = before, row
            if len(row) == width:
                yield row, line
            elif len(row) == 1 and NOTHING.fullmatch(row[0]):
                passed_over += 1
            elif len(row) > width and not any(row[width:]):
                count.long.add([count.rows + number - passed_over])
                yield row[:width], line
            elif self._is_escaped(row, above, width):
                raise self._refuse_escaped(row, header, line)
            else:
                cut = number == len(batch) - 1 and not whole and len(row) < width
                if len(row) < 2 or len(row) > width or cut or is_error(row):
                    raise self._refuse(row, header, line, cut=cut)
                count.short.add([count.rows + number - passed_over])
                yield [*row, *[""] * (width - len(row))], line

    def _is_escaped(self, row: Sequence[str], above: Sequence[str], width: int) -> bool:
        """Return whether a backslash is before a delimiter of too wide a row, or a line end of too narrow a row."""
        if self.dialect.escape is not None:
            return False
        return any(cell.endswith(BACKSLASH) for cell in (row[:-1] if len(row) > width else (*above[-1:], row[-1])))

    def _refuse_escaped(self, row: Sequence[str], header: Sequence[str], line: int) -> UnreadableReport:
        """Build the error for a row whose delimiters or line ends seem to be escaped."""
        said = f"{count_cells(row)}, the header has {len(header)}"
        return UnreadableReport(
            f"{self.source}, line {self._find_begin(line)}: {said}. A backslash is before {self.dialect.name} or a line"
            " end, as databases write those inside a cell; say `escape: '\\'` in report.yaml",
            {"escape": BACKSLASH},
        )

    def _refuse(self, row: Sequence[str], header: Sequence[str], line: int, *, cut: bool) -> UnreadableReport:
        """Build the error for a row that does not fit this table."""
        said = f"{count_cells(row)}, the header has {len(header)}"
        line = self._find_begin(line)
        if is_error(row):
            kind = "a JSON error" if row[0].lstrip().startswith("{") else "a web page or an XML error"
            return UnreadableReport(
                f"{self.source}, line {line}: {kind} begins here, below the rows; the export was cut off, so"
                " export again"
            )
        all_rows = [each for each, _ in islice(self.read_rows(), MOST_COMMENTS + 50)]
        rows = leave_out_comments(all_rows)
        widths = [len(each) for each in rows]
        if is_named_by_rows(rows):
            return UnreadableReport(
                f"{self.source}, line {line}: {said}. Each row has one cell more than the header, as R writes names of"
                " rows; export it without them (`row.names = FALSE`), or with a name for their column"
            )
        # A header of this width is below its title already, and the row is wrong.
        if (below := find_named(rows, find_header_below(widths))) and widths[below - 1] != len(header):
            below += len(all_rows) - len(rows)
            return UnreadableReport(
                f"{self.source}, line {line}: {said}. The header seems to be row {below}: say `header_row: {below}` in"
                " report.yaml",
                {"header_row": below},
            )
        if cut:
            return UnreadableReport(
                f"{self.source} ends mid-row: line {line} has {said}; the file is not whole, send it again"
            )
        if len(row) < len(header):
            return self._refuse_short(said, len(header), line)
        if not self.dialect.skip_blanks and self._has_blanks_before_quotes():
            return UnreadableReport(
                f"{self.source}, line {line}: {said}. There are blanks between {self.dialect.name} and quotes; say"
                " `skip_blanks: true` in report.yaml",
                {"skip_blanks": True},
            )
        lines = self._count_lines(line)
        last = lines <= MOST_NOTES and not self._count_following(len(header), line)
        footer = f". If it is no row, say `footer: {lines}` in report.yaml" if last else ""
        return UnreadableReport(
            f"{self.source}, line {line}: {said}; put cells that hold {self.dialect.name} or line breaks in"
            f" quotes{footer}"
        )

    def _refuse_short(self, said: str, width: int, line: int) -> UnreadableReport:
        """Build the error for a row with one cell. It begins the footer if few rows of the table's width follow."""
        lines = self._count_lines(line)
        if DRAWN.fullmatch(self._find_line(line)) and self._count_following(width, self.first_line - 1, line) == 1:
            return UnreadableReport(
                f"{self.source}, line {line}: a line is drawn below the header; say `skip_after_header: 1` in"
                " report.yaml",
                {"skip_after_header": 1},
            )
        if lines > MOST_SKIPPED or self._count_following(width, line) > lines / 2 or self._has_rows_below(width, line):
            return UnreadableReport(
                f"{self.source}, line {line}: {said}, so it is not a row of this table; remove it, or correct the"
                " export: line breaks inside a cell belong in quotes"
            )
        return UnreadableReport(
            f"{self.source}, line {line}: {said}, so it is not a row of this table; remove it, or set in"
            f" report.yaml how many lines follow the table, such as `footer: {lines}`",
            {"footer": lines},
        )

    def _count_following(self, width: int, line: int, end: int | None = None) -> int:
        """Count the rows below a line, and above another one, that are as wide as the table."""
        return sum(len(row) == width for row, at in self.read_rows() if line < at and (end is None or at < end))

    def _has_rows_below(self, width: int, line: int) -> bool:
        """Return whether a row below a line looks like the last one above it, so that no footer begins there."""
        rows, above = ((row, at) for row, at in self.read_rows() if len(row) == width and at != line), [""]
        for row, at in rows:
            if at > line and is_row(row, above):
                return True
            above = row if at < line else above
        return False

    def _find_begin(self, line: int) -> int:
        """Return the line on which the row begins that ends on `line`: it may hold line ends."""
        ends = takewhile(lambda end: end < line, (end for _, end in self.read_rows()))
        above = max(ends, default=self.first_line - 1)
        lines = enumerate(read_shown_lines(self.text), self.first_line)
        between = takewhile(lambda each: each[0] < line, dropwhile(lambda each: each[0] <= above, lines))
        return next((number for number, each in between if each.strip(NO_CONTENT)), line)

    def _find_text(self, begin: int) -> str:
        """Return the first line from a place in the text on that has content."""
        lines = self.text[begin : begin + BYTES_LOOKED_AT].lstrip(b"\r\n").splitlines()
        return lines[0].decode(errors="replace") if lines else ""

    def _find_line(self, line: int) -> str:
        """Return the only cell of the row that ends on a line; empty where it has several."""
        return next((row[0] for row, at in self.read_rows() if at == line and len(row) == 1), "")

    def _has_blanks_before_quotes(self) -> bool:
        quote = self.dialect.quote
        return bool(quote) and self.text.find(f"{self.dialect.delimiter} {quote}".encode()) >= 0

    def _find_escape(self) -> dict[str, str]:
        """Return the remedy for quotes that are escaped by a backslash."""
        return {"escape": "\\"} if self.dialect.escape is None and self.text.find(b'\\"') >= 0 else {}

    def _count_lines(self, first: int) -> int:
        """Count the lines that are not empty, from a line on."""
        below = islice(read_shown_lines(self.text), first - self.first_line, None)
        return sum(1 for line in below if line.strip(NO_CONTENT))


def is_error(row: Sequence[str]) -> bool:
    """Return whether a row that does not fit begins like an error page or a JSON error."""
    return re.match(ERROR_BELOW if len(row) == 1 else ERROR_PAGE, row[0]) is not None


def count_cells(row: Sequence[str]) -> str:
    """Write how many cells a row has, in words."""
    return count(len(row), "cell")
