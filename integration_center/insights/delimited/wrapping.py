"""Find what was quoted twice: whole lines, as after a spreadsheet took each line for one cell, or each cell."""

from collections.abc import Sequence

import polars as pl

from integration_center.insights.delimited.form import DELIMITERS

WRAPPED = r'(?s)^".*"$'
LINES_WRAPPED = "each line is one quoted cell, which is read as the row that it holds"
NO_DELIMITER = "no line is separated by {}, so the delimiter that is declared is passed over"
CELLS_WRAPPED = "all cells are quoted twice; the quotes are left out"


def find_lines(frame: pl.DataFrame, header: Sequence[str]) -> bytes | None:
    """Find the lines of a table of one column in which each cell holds a whole row; None for any other table."""
    if len(header) != 1 or not frame.height or not any(each in header[0] for each in DELIMITERS):
        return None
    cells = frame.to_series().drop_nulls()
    if not any(each in header[0] and cells.str.contains(each, literal=True).all() for each in DELIMITERS):
        return None
    return "\n".join([header[0], *cells]).encode()


def unwrap_cells(frame: pl.DataFrame, header: Sequence[str]) -> pl.DataFrame | None:
    """Remove the quotes that all cells still have, and their header too; None if they do not have them."""
    if not frame.height or not is_wrapped(header):
        return None
    wrapped = frame.select(pl.all().str.contains(WRAPPED).all(ignore_nulls=True))
    if not all(wrapped.row(0)) or all(text.null_count() == len(text) for text in frame):
        return None
    return frame.with_columns(pl.all().str.slice(1).str.head(-1).str.replace_all('""', '"').replace("", None))


def is_wrapped(header: Sequence[str]) -> bool:
    """Return whether all names of a header still have quotes."""
    return all(len(name) > 1 and name[0] == name[-1] == '"' for name in header)
