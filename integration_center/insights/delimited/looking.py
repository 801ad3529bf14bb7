"""Find the delimiter of a text, and where its rows begin and end."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data
from integration_center.insights.delimited.blanks import leave_out_blanks
from integration_center.insights.delimited.footer_pattern import is_match
from integration_center.insights.delimited.form import DELIMITERS, Dialect, Form
from integration_center.wording.sentences import count

OTHERS_FIT = (
    "cells are separated by commas, but {} are in each row equally often; if those separate cells, say `delimiter: {}`"
    " in report.yaml"
)
SEPARATOR_LINE = re.compile(rb'(?i)"?sep=(.)"?[ \t]*(?:\r\n?|\n)')
"""A first line that tells Excel the delimiter."""
ODD_SEPARATORS = re.compile(r"""[^\w\s"'.@()/#+,;|-]|\x1f""")
"""Characters besides `DELIMITERS` that may separate cells."""
ROWS_LOOKED_AT = 20
MOST_COMMENTS = 50
"""The most lines of comment above a table."""
BYTES_LOOKED_AT = 256_000
"""The size of the beginning of a text that `find_delimiter` needs."""
MANY = 0.8
"""With the right delimiter, at least this share of the rows has as many cells as the header."""


def skip_lines(text: Data, count: int) -> int:
    """Return the position in bytes after the first `count` lines."""
    place = 0
    for _ in range(count):
        end = text.find(b"\n", place)
        if end < 0:
            return len(text)
        place = end + 1
    return place


def find_delimiter(text: bytes, form: Form) -> tuple[str, str | None]:
    """Find the delimiter of a text without a `sep=` line, and a sentence about it if it is not the comma beyond doubt.

    Commas are the rule: they are chosen if they give rows as wide as the header, even if another delimiter would too.
    Then the sentence names the other one: the comma may be in the name of a column, such as `E-Mail;Amount, EUR`.
    """
    sample = text.decode(errors="replace")
    widths = {
        each: measure(sample, Dialect(each, form.quote, form.escape, form.skip_blanks), form) for each in DELIMITERS
    }
    fitting = [each for each, found in widths.items() if is_table(found)]
    # The header is below a title. The reader of the rows says which row seems to be the header.
    titled = [each for each, found in widths.items() if find_header_below(found)]
    # The first line alone may be a title that holds the sign, where the others are quoted.
    if titled and not any(len(widths[each]) > 1 for each in fitting):
        fitting = []
    # Lines below the table, such as `TRAILER|2`, only count where no delimiter fits all rows.
    fitting = fitting or [each for each, found in widths.items() if not titled and is_table(leave_out_below(found))]
    # Where rows are broken, the header and one of them still show how cells are separated, so that the error names it.
    tried = fitting or titled or [each for each, found in widths.items() if is_begun(found)]
    if "," in fitting or not tried:
        other = next((each for each in fitting if each != ","), None)
        return ",", OTHERS_FIT.format(DELIMITERS[other], "tab" if other == "\t" else f"'{other}'") if other else None
    delimiter = max(tried, key=lambda each: max(widths[each]))
    if delimiter == ",":
        return ",", None
    return delimiter, f"cells are separated by {DELIMITERS[delimiter]}"


def find_separator(text: bytes) -> str | None:
    """Find a character besides `DELIMITERS` that is in all first lines of a text, equally often; None without one."""
    lines = [line for line in text[:BYTES_LOOKED_AT].decode(errors="replace").split("\n") if line.strip()]
    lines = lines[: ROWS_LOOKED_AT + 1]
    if len(lines) < 2:
        return None
    found = dict.fromkeys(ODD_SEPARATORS.findall(lines[0]))
    return next((str(sign) for sign in found if len({line.count(sign) for line in lines}) == 1), None)


def find_between_quotes(line: str) -> str | None:
    """Find the character between all cells of a line of cells in quotes; None for any other line."""
    first, *between = re.split(r'"[^"]*"', line.strip("\r\n"))
    found = set(between[:-1])
    return found.pop() if not first and len(found) == 1 and not between[-1] and len(min(found)) == 1 else None


def has_blanks_behind_quotes(lines: Sequence[str], dialect: Dialect) -> bool:
    """Return whether a row cannot be read in a dialect, but can be if it skips blanks, with one of `DELIMITERS`."""
    for delimiter in {dialect.delimiter, *DELIMITERS}:
        skipping = replace(dialect, delimiter=delimiter, skip_blanks=True)
        without = [*leave_out_blanks(lines, skipping)]
        try:
            rows = [*csv.reader(without, **read_options(skipping))]
        except csv.Error:
            continue
        if without != lines and any(len(row) > 1 for row in rows):
            return True
    return False


def find_quote(text: bytes, delimiter: str | None) -> str:
    """Find the character around cells: an apostrophe if it surrounds every cell of the first line, else `"`."""
    first = text[:BYTES_LOOKED_AT].lstrip(b"\r\n").splitlines()[:1]
    line = first[0].decode(errors="replace").rstrip() if first else ""
    for each in [delimiter] if delimiter else DELIMITERS:
        cells = line.split(each)
        if len(cells) > 1 and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells):
            return "'"
    return '"'


def measure(sample: str, dialect: Dialect, form: Form) -> Sequence[int]:
    """Count the cells of the header and the first rows, as far as they can be read. Lines of comment are one row."""
    rows: list[list[str]] = []
    end = form.header_row + ROWS_LOOKED_AT + MOST_COMMENTS
    try:
        for row in islice(read_rows(sample, dialect), form.header_row - 1, end):
            rows.append(row)
    except csv.Error:
        pass  # the sample ends inside a cell, or the delimiter is another
    return list(map(len, leave_out_comments(rows)))[: ROWS_LOOKED_AT + 1]


def leave_out_comments(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Leave out all but the first of several lines of comment above a table, and all but its first cell.

    Lines of comment begin with `#`, as the rows of some tables do. Those are as wide as the rows below them. So is a
    header such as `#Fields`, which has no blank behind the sign.
    """
    begun = [bool(row) and row[0].lstrip().startswith("#") for row in rows]
    number = begun.index(False) if False in begun else 0
    if number and len(rows[number - 1]) >= len(rows[number]) > 1 and not rows[number - 1][0].startswith("# "):
        number -= 1
    if number < 2 or min(map(len, rows[:number])) >= len(rows[number]):
        return rows
    return [rows[0][:1], *rows[number:]]


def is_table(widths: Sequence[int]) -> bool:
    """Return whether rows look like a table with more than one column: most are as wide as the header."""
    if not widths or widths[0] < 2:
        return False
    below = widths[1:]
    return not below or sum(width == widths[0] for width in below) >= MANY * len(below)


def is_begun(widths: Sequence[int]) -> bool:
    """Return whether the header and a row below it have several cells."""
    return len(widths) > 1 and widths[0] > 1 and max(widths[1:]) > 1


def leave_out_below(widths: Sequence[int]) -> Sequence[int]:
    """Leave out the last rows if they are narrower than the header, but at most as many as are left."""
    last = len(widths)
    while last > 1 + len(widths) // 2 and widths[last - 1] < widths[0]:
        last -= 1
    return widths[:last]


def read_rows(sample: str, dialect: Dialect) -> Iterator[list[str]]:
    """Read the rows of a text, without empty lines."""
    lines = leave_out_blanks(io.StringIO(sample, newline=""), dialect)
    return (row for row in csv.reader(lines, **read_options(dialect)) if row)


def read_options(dialect: Dialect) -> Mapping[str, Any]:
    """Return the options of Python's strict reader for a dialect."""
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote,
        "escapechar": dialect.escape,
        "doublequote": dialect.escape is None,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "skipinitialspace": dialect.skip_blanks,
        "strict": True,
    }


def find_footer(text: Data, footer: int | str | None, source: str, first_line: int = 1) -> int:
    """Find the position in bytes where the rows end and the footer begins.

    Args:
        text: the rows, in UTF-8.
        footer: the number of lines of the footer, or a regular expression that each of its lines matches.
        source: the name of the file in errors.
        first_line: the number of the text's first line.

    Raises:
        UnreadableReport: there is no such footer, although the text has lines.
    """
    end, lines = len(text), 0
    last = None
    while footer is not None and end > 0:
        begin = text.rfind(b"\n", 0, end - 1) + 1
        line = text[begin:end].decode(errors="replace").strip("\r\n \x1a")
        if line:
            last = begin if last is None else last
            if lines == footer if isinstance(footer, int) else not is_match(footer, line):
                break
            lines += 1
        end = begin
    if isinstance(footer, int) and 0 < lines < footer:
        raise UnreadableReport(
            f"{source} has {count(lines, 'line')}, but report.yaml has `footer: {footer}`; correct it"
        )
    if isinstance(footer, str) and not lines and last is not None:
        number = first_line + text.count(b"\n", 0, last)
        raise UnreadableReport(
            f"{source}: line {number:,}, the last one, does not match `footer: {footer}` of report.yaml, so the file"
            " may be incomplete; export it again, or if it is whole, correct the pattern, or remove it"
        )
    return end


def find_header_below(widths: Sequence[int]) -> int | None:
    """Find the row, counted from 1, that looks like the header: the rows from it on have one width; None for the first.

    Below a title of one cell, narrower rows at the end are a footer. Below several cells they may be the table's rows.

    Args:
        widths: the numbers of cells of the first rows.
    """
    if len(widths) < 3:
        return None
    counts = Counter(widths[1:])
    usual = max(counts, key=lambda width: (counts[width], width))
    first = widths.index(usual, 1)
    below = leave_out_below(widths[first:]) if widths[0] == 1 else widths[first:]
    return first + 1 if usual > widths[0] and sum(width == usual for width in below) >= MANY * len(below) else None
