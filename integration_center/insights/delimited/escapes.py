"""Read what a backslash means in a delimited text."""

import re
from collections.abc import Iterable

from integration_center.insights.delimited.form import Dialect

BACKSLASH = "\\"
CODES = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "Z": "\x1a"}
"""What a letter or 0 behind a backslash means in the text files of MySQL and PostgreSQL.

Both write a backslash that is part of a value twice. Others put one before quotes alone, and write `C:\\new` so.

Sources: MySQL Reference Manual, "LOAD DATA Statement"; PostgreSQL, "COPY", "Text Format".
"""


def read_codes(lines: Iterable[str], dialect: Dialect, *, line_end: str) -> Iterable[str]:
    """Rewrite each backslash before a letter or digit for Python's reader, which would drop it.

    The text files of databases separate cells by tabs, or have no quotes: there it is read with `CODES`. Other ones
    stay, as in a database's sign for no value.

    Args:
        lines: the lines of a text, with their ends.
        dialect: the dialect of the text.
        line_end: the end of its first line. A backslash escapes the whole of it, and not only its first character.
    """
    if dialect.escape != BACKSLASH:
        return lines
    codes = CODES if dialect.delimiter == "\t" or not dialect.quote else {}
    pattern = re.compile(rf"\\({line_end}|.)", re.DOTALL)

    def rewrite(found: re.Match[str]) -> str:
        if found[1] == line_end:
            return BACKSLASH + "\n"
        if (code := codes.get(found[1])) is not None:
            return BACKSLASH + code
        return BACKSLASH * found[1].isalnum() + found[0]

    return (pattern.sub(rewrite, line) for line in lines)
