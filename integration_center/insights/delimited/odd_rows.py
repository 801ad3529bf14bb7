"""Find rows that follow the rules of the file, and yet may not be what they seem: joined, repeated, or quoted twice."""

from collections.abc import Sequence

import polars as pl

from integration_center.insights.delimited.form import DELIMITERS, RowCount
from integration_center.insights.delimited.kinds import ERROR_PAGE

BEFORE_HEADER = "\ufeff\x0c"
"""The byte-order mark of a file that was put below another one, and the sign for a new page."""
WRAPPED = r'(?s)^".*"$'
WHOLE_OBJECT = r"(?s)^\s*\{.*\}\s*$"
LINES_WRAPPED = "each line is one quoted cell, which is read as the row that it holds"
NO_DELIMITER = "no line is separated by {}, so the delimiter that is declared is passed over"
CELLS_WRAPPED = "all cells are quoted twice; the quotes are left out"


def count_odd_rows(
    frame: pl.DataFrame, header: Sequence[str], delimiter: str, count: RowCount, *, has_breaks: bool = True
) -> None:
    """Count the rows of a slice that repeat the header, and cells that seem to hold whole rows.

    Args:
        frame: the next rows: columns `0`, `1` and so on, String.
        header: the cells of the header.
        delimiter: the delimiter of the file.
        count: gets the numbers.
        has_breaks: whether a cell may hold a line end.
    """
    first = frame.to_series(0)
    if any(map(str.isalnum, header[0])):
        alike = first == header[0]
        for sign in BEFORE_HEADER:
            alike |= first == sign + header[0]
        if alike.any():
            places = alike.arg_true()
            repeated = (row[1:] == tuple(header[1:]) for row in frame.filter(alike).rows())
            count.headers.add(count.rows + place for place, same in zip(places, repeated, strict=True) if same)
    wrong = find_pages(first)
    if len(wrong) and frame.width > 1:
        # A whole object is the text of its cell where other cells have texts, too.
        rest = frame[wrong].select(pl.any_horizontal(pl.nth(range(1, frame.width)).is_not_null())).to_series()
        wrong = wrong.filter(~(rest & first.gather(wrong).str.contains(WHOLE_OBJECT)))
    if len(wrong):
        count.errors.add(count.rows + place for place in wrong)
    if frame.width > 1 and has_breaks:
        count.joined.add(count.rows + place for place in find_joined(frame, delimiter))
    count.rows += frame.height


def find_pages(cells: pl.Series) -> pl.Series:
    """Find the cells that begin like an error page; return their places."""
    # Most cells begin with a letter or digit: to compare that takes a third of the time.
    likely = ((cells < "0") | (cells >= "<") & (cells < "=") | (cells >= "{")).arg_true()
    return likely.filter(cells.gather(likely).str.contains(ERROR_PAGE)) if len(likely) else likely


def find_joined(frame: pl.DataFrame, delimiter: str) -> list[int]:
    """Find the rows with a cell that may hold the rows below it, because a quote was never closed.

    Such a cell has as many delimiters as the rows that its line ends end, and its lines begin like the first cell of
    its row: with an e-mail address if that is one. In a table of two columns only rows with an address are looked at,
    because texts with a comma in each line are frequent.
    """
    # Most numbers are too short to hold rows, which their size shows at once.
    most = frame.select(pl.all().str.len_bytes().max()).row(0)
    long = [name for name, size in zip(frame.columns, most, strict=True) if size and size >= frame.width]
    if not long:
        return []
    broken = frame.select(pl.col(long).str.contains("\n", literal=True).any()).row(0)
    first = frame.to_series(0)
    places: set[int] = set()
    for name in (name for name, found in zip(long, broken, strict=True) if found):
        cells = frame[name]
        ends = cells.str.count_matches("\n", literal=True)
        full = (ends > 0) & (cells.str.count_matches(delimiter, literal=True) == ends * (frame.width - 1))
        for place in full.arg_true():
            begins = [line.partition(delimiter)[0] for line in cells[place].split("\n")[1:]]
            addressed = "@" in (first[place] or "")
            if (addressed and all("@" in each for each in begins)) or (not addressed and frame.width > 2):
                places.add(place)
    return sorted(places)


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
