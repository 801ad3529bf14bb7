"""Compare names of report columns, ignoring invisible characters and case, as long as one column is meant."""

import re
import unicodedata
from collections.abc import Iterable

SORT_ARROW = re.compile(r"\s*[\u2191\u2193\u25b2\u25bc\u25b4\u25be\u2b06\u2b07]\ufe0f?$")
"""The sign by which Salesforce and others show in a header that rows are sorted by its column."""
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
        The report's own name of the column: the equal name, or else the only similar one, or else the only one that is
        similar without the arrow of a sorted column. None if there is no such name, or there are several.
    """
    columns = list(there)
    if name in columns:
        return name
    for simplify in (_simplify, _leave_out_arrow):
        wanted = simplify(name)
        if alike := [column for column in columns if simplify(column) == wanted]:
            return alike[0] if len(alike) == 1 else None
    return None


def _simplify(name: str) -> str:
    return clean_name(name).casefold()


def _leave_out_arrow(name: str) -> str:
    simple = _simplify(name)
    return SORT_ARROW.sub("", simple) or simple
