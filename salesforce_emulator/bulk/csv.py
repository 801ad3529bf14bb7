"""Bulk API 2.0 uploads: what a CSV body must look like, and the result files made of it.

Source: "Prepare CSV Files" and "Get Job ... Record Results" of the Bulk API 2.0 guide, and recordings.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from salesforce_emulator.org.spool import Spool
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.numbers import format_double

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
NULL = "#N/A"
MAX_HEADER = 32_000
MAX_CELL = 32_000
MAX_ROW = 400_000
"""Characters in a field and in a record. The guide gives the limits ("Limits and Allocations"), not the message."""
_BAD_QUOTE = "InvalidBatch : Failed to parse CSV. Found unescaped quote"


class UnreadableUpload(Exception):
    """The upload as a whole is refused; the text is the job's errorMessage."""


@dataclass(frozen=True)
class Upload:
    """A parsed upload, its rows on disk.

    Attributes:
        header: column names as sent.
        quoted_header: whether the header's names stood in quotes.
        raw_header: the header's text as sent.
        raw_rows: each row's text as sent.
        separator: the column delimiter.
    """

    header: list[str]
    quoted_header: bool
    raw_header: str
    raw_rows: Spool
    separator: str

    def rows(self, start: int, end: int) -> list[list[str]]:
        """Return the cells of the rows from number `start` up to `end`, as sent."""
        text = self.raw_rows.read(start, end)
        return list(csv.reader(_split_lines(text), delimiter=self.separator, strict=True))


def parse_upload(body: bytes, line_ending: str, delimiter: str) -> Upload:
    """Parse an upload strictly.

    Args:
        body: the upload as it came.
        line_ending: `LF` or `CRLF`, as the job declares.
        delimiter: the job's column delimiter, by name.

    Raises:
        UnreadableUpload: wrong line endings, stray quotes, not UTF-8, rows unlike the header.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableUpload("InvalidBatch : Failed to parse CSV. Invalid UTF-8 encoding") from error
    separator = DELIMITERS[delimiter]
    _check_line_endings(text, line_ending)
    _check_quotes(text, separator)
    rows = _read_rows(text, separator)
    header, raw_header = next(rows, ([], ""))
    if not header:
        raise UnreadableUpload("InvalidBatch : Failed to parse CSV. The file is empty")
    if len(raw_header) > MAX_HEADER:
        raise UnreadableUpload("InvalidBatch : Header is too long")
    raw_rows = Spool(_check_width(rows, len(header)))
    return Upload(header, raw_header.lstrip("\ufeff").startswith('"'), raw_header, raw_rows, separator)


def _split_lines(text: str) -> Iterator[str]:
    """Give the lines one by one, each with its line feed."""
    start = 0
    while end := text.find("\n", start) + 1:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _read_rows(text: str, separator: str) -> Iterator[tuple[list[str], str]]:
    """Give the cells and the text of each row; lines without any character are none."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in _split_lines(text):
            taken.append(line)
            yield line

    try:
        for row in csv.reader(noted(), delimiter=separator, strict=True):
            if row:
                yield row, "".join(taken)
            taken.clear()
    except csv.Error as error:
        raise UnreadableUpload(_BAD_QUOTE) from error


def _check_width(rows: Iterator[tuple[list[str], str]], width: int) -> Iterator[str]:
    for number, (row, text) in enumerate(rows, start=1):
        if len(row) != width:
            raise UnreadableUpload(
                f"InvalidBatch : Failed to parse CSV. Row {number} has {len(row)} columns, the header has {width}"
            )
        if len(text) > MAX_CELL:
            _check_length(row, number)
        yield text


def _check_length(row: list[str], number: int) -> None:
    lengths = [len(cell.encode("utf-16-le")) // 2 for cell in row]
    for found, most, what in ((max(lengths), MAX_CELL, "field"), (sum(lengths), MAX_ROW, "record")):
        if found > most:
            raise UnreadableUpload(
                f"InvalidBatch : Row {number} has {found} characters in a {what}, the most is {most}"
            )


def _check_line_endings(text: str, line_ending: str) -> None:
    carriage = text.count("\r\n")
    wrong = carriage > 0 if line_ending == "LF" else carriage != text.count("\n")
    if wrong:
        raise UnreadableUpload(
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
        )


def _check_quotes(text: str, delimiter: str) -> None:
    """Refuse quotes that neither enclose a whole cell nor are doubled; Python's csv module lets some pass."""
    if '"' not in text:
        return
    parts = text.replace('""', "").split('"')
    if len(parts) % 2 == 0:
        raise UnreadableUpload(_BAD_QUOTE)
    ends = (delimiter, "\n")
    starts = (delimiter, "\n", "\r\n")
    last = len(parts) - 1
    for index in range(0, len(parts), 2):
        outside = parts[index]
        before = index == 0 or (index == last and outside == "") or outside.startswith(starts)
        after = index == last or (index == 0 and outside == "") or outside.endswith(ends)
        if not (before and after):
            raise UnreadableUpload(_BAD_QUOTE)


def write_results(
    added: Sequence[str],
    upload: Upload,
    fields: Sequence[Field | None],
    rows: Iterable[tuple[Sequence[str], int]],
    delimiter: str,
    line_ending: str,
) -> str:
    """Return a result file: added columns, then the sent ones, every cell quoted.

    Args:
        upload: what was sent.
        added: names of the added columns (`sf__Id`, `sf__Created` or `sf__Error`), always quoted.
        fields: the target of each sent column, to write numbers and dates as the org does.
        rows: the added cells and the number of the row.
        delimiter: by name, as `line_ending`.
        line_ending: of the file; the job's.
    """
    separator, end = DELIMITERS[delimiter], LINE_ENDINGS[line_ending]
    names = [f'"{name}"' if upload.quoted_header else name for name in upload.header]
    header = separator.join([*(f'"{name}"' for name in added), *names]) + end
    writers = [_CELL_WRITERS.get(item.type) if item is not None else None for item in fields]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    for cells, number in rows:
        (sent,) = upload.rows(number, number + 1)
        writer.writerow(
            [
                *cells,
                *(cell if not (cell and write) else write(cell) for cell, write in zip(sent, writers, strict=True)),
            ]
        )
    return header + buffer.getvalue()


def _double_cell(cell: str) -> str:
    try:
        return format_double(float(cell)) or ""
    except ValueError:
        return cell


def _date_cell(cell: str) -> str:
    return cell[:10] if len(cell) > 10 and cell[4:5] == "-" else cell


def _datetime_cell(cell: str) -> str:
    return f"{cell[:19]}.000Z" if cell.endswith("Z") and len(cell) >= 20 else cell


_CELL_WRITERS = {
    "double": _double_cell,
    "currency": _double_cell,
    "percent": _double_cell,
    "date": _date_cell,
    "datetime": _datetime_cell,
}
