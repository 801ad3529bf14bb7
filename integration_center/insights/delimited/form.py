"""How a delimited file is written: what `report.yaml` declares of it, and what is found where it declares nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""The delimiters that are looked for, with what to call them."""


@dataclass(frozen=True)
class Form:
    """How a file is written.

    Attributes:
        delimiter: None to look for one of `DELIMITERS`.
        encoding: a codec of Python; None for UTF-8, or UTF-16 that shows as such.
        quote: the character around cells; None when there is none.
        escape: the character before a quote inside a cell; None when such quotes are doubled.
        skip_lines: lines at the beginning that are passed over, whatever they hold.
        header_row: which row after those is the header, counted from 1; rows above it are passed over.
        skip_after_header: rows below the header that are passed over, such as units.
        footer: how many lines at the end are passed over, or a regular expression that each of them matches.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    skip_lines: int = 0
    header_row: int = 1
    skip_after_header: int = 0
    footer: int | str | None = None


@dataclass(frozen=True)
class Dialect:
    """How the cells of a text are told apart; see `Form`."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None

    @property
    def name(self) -> str:
        """What to call the delimiter."""
        return DELIMITERS.get(self.delimiter, repr(self.delimiter))


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        frame: all columns String, an empty cell null, rows in the file's order.
        notes: what was found about the file that nobody declared, each as a sentence without a full stop.
    """

    frame: pl.DataFrame
    notes: Sequence[str] = field(default=())
