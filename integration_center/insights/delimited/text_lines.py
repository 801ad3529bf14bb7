"""Read the lines of a text, one after the other, and count them."""

import io
from collections.abc import Iterator
from functools import partial

from integration_center.files.file_bytes import Data, open_data

LONGEST_CELL = 16_000_000
"""The most characters of one cell. An unclosed quote must not make the rest of a large file one cell."""
LONGEST_LINE = 4 * LONGEST_CELL
"""The most characters of one line. A large file that lost its line ends must not become one row."""
NO_CONTENT = "\r\n \x1a"
"""What a line without content may hold: blanks, and what old programs put at the end of a file."""


class LineTooLong(ValueError):
    """A line is longer than `LONGEST_LINE`."""


def read_lines(text: Data, begin: int = 0) -> Iterator[str]:
    """Yield the lines of a text in UTF-8 with their ends, from a place in it on.

    Raises:
        LineTooLong: a line is too long.
        UnicodeDecodeError: the text is not UTF-8.
    """
    file = open_data(text)
    file.seek(begin)
    lines = io.TextIOWrapper(file, encoding="utf-8", newline="")
    for line in iter(partial(lines.readline, LONGEST_LINE + 1), ""):
        if len(line) > LONGEST_LINE:
            raise LineTooLong
        yield line


def read_shown_lines(text: Data) -> Iterator[str]:
    """Yield the lines of a text as far as they can be shown. It may be larger than the memory."""
    return iter(io.TextIOWrapper(open_data(text), encoding="utf-8", errors="replace"))


def count_line_ends(text: Data, end: int) -> int:
    """Count the line ends before a position as Python's reader does: also single carriage returns."""
    return text.count(b"\n", 0, end) + text.count(b"\r", 0, end) - text.count(b"\r\n", 0, end)
