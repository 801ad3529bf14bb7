"""The pattern of a report's footer: a regular expression whose time grows with the line alone.

Python's own expressions can take hours for a short line, and the line comes from outside. So the pattern is one of
Polars, which knows neither looking ahead and behind nor references to earlier groups (docs.rs/regex, "Syntax").
"""

import polars as pl


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


def is_match(pattern: str, line: str) -> bool:
    """Return whether a pattern is found anywhere in a line."""
    return bool(pl.Series([line]).str.contains(pattern).item())
