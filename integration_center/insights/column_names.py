"""Compare names of report columns, ignoring invisible characters and case, as long as one column is meant."""

import unicodedata
from collections.abc import Iterable

NO_BREAK = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")


def clean_name(name: str) -> str:
    """Remove outer, special and repeated blanks, invisible characters and surrounding quotes from a name."""
    name = name.translate(NO_BREAK)
    if not name.isascii():  # joiners, marks of writing direction, byte-order marks
        name = "".join(each for each in name if unicodedata.category(each) != "Cf")
    name = name.strip()
    while len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    return " ".join(name.split())


def find_column(name: str, there: Iterable[str]) -> str | None:
    """Find the column that a name means.

    Args:
        name: the name in an integration or a `report.yaml`.
        there: the columns of the report.

    Returns:
        The report's own name of the column: the equal name, or else the only similar one. None if there is no similar
        name, or there are several.
    """
    columns = list(there)
    if name in columns:
        return name
    wanted = clean_name(name).casefold()
    alike = [column for column in columns if clean_name(column).casefold() == wanted]
    return alike[0] if len(alike) == 1 else None
