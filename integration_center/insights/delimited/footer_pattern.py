"""The pattern of a report's footer: a regular expression whose time grows with the line alone.

Python's own expressions can take hours for a short line, and the line comes from outside. So the pattern is one of
Polars, which knows neither looking ahead and behind nor references to earlier groups (docs.rs/regex, "Syntax").
"""

import re
from collections.abc import Sequence

import polars as pl

ADDRESS = re.compile(r"\s*[^@\s]+@[^@\s]+\s*")
"""An e-mail address, which the rows of people have, and lines below a table hardly ever in the same column."""

IDENTIFIER = re.compile(r"(?=[^A-Za-z]*[A-Za-z])(?=[^0-9]*[0-9])[A-Za-z0-9_-]{8,64}")
"""A code of letters and digits, such as a record's Id or a user's GUID."""
ALPHANUMERIC = re.compile(r"[A-Za-z0-9]")


def check_footer_pattern(pattern: str) -> None:
    """Check that a pattern is a regular expression.

    Raises:
        ValueError: it is none; the message says why.
    """
    try:
        is_match(pattern, "")
    except pl.exceptions.ComputeError as error:
        message = str(error).split("\n\n")[0].splitlines()[-1]  # the expression of Polars follows
        reason = message.removeprefix("regex error: ").removeprefix("error: ").rstrip(".")
        raise ValueError(f"{pattern!r} is not a regular expression ({reason})") from None


def refuse_counted(source: str, footer: int, place: str) -> str:
    """Write why a footer that is declared by the number of its lines cannot be right; `place` names one of them."""
    return (
        f"{source}: `footer: {footer}` of report.yaml leaves out {place}, which has an e-mail address or an identifier"
        " like the row above the footer, so the file seems to have another footer, or none; correct the number, or say"
        " how its lines begin, such as `footer: ^Total`"
    )


def is_row(cells: Sequence[str | None], above: Sequence[str | None]) -> bool:
    """Return whether cells of the footer look like a row: an address or identifier is where a row above it has one."""
    return len(cells) == len(above) and any(
        _is_alike(cell or "", other or "") for cell, other in zip(cells, above, strict=True)
    )


def _is_alike(cell: str, other: str) -> bool:
    """Return whether both are addresses, or identifiers of one form. Words, numbers and dates are in footers, too."""
    if ADDRESS.fullmatch(cell) and ADDRESS.fullmatch(other):
        return True
    both = IDENTIFIER.fullmatch(cell) and IDENTIFIER.fullmatch(other)
    return bool(both) and ALPHANUMERIC.sub("x", cell) == ALPHANUMERIC.sub("x", other)


def is_match(pattern: str, line: str) -> bool:
    """Return whether a pattern is found anywhere in a line."""
    return bool(pl.Series([line]).str.contains(pattern).item())
