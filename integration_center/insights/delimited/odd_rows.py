"""Find rows that follow the rules of the file, and yet may not be what they seem."""

from collections.abc import Sequence

import polars as pl

from integration_center.insights.delimited.form import RowCount

BEFORE_HEADER = "\ufeff\x0c"
"""The byte-order mark of a file that was put below another one, and the sign for a new page."""


def count_odd_rows(frame: pl.DataFrame, header: Sequence[str], delimiter: str, count: RowCount) -> None:
    """Count the rows of a slice that repeat the header, and cells that seem to hold whole rows.

    Args:
        frame: the next rows: columns `0`, `1` and so on, String.
        header: the cells of the header.
        delimiter: the delimiter of the file.
        count: gets the numbers.
    """
    first = frame.to_series(0)
    if any(map(str.isalnum, header[0])):
        likely = frame.filter(first.str.strip_chars_start(BEFORE_HEADER) == header[0])
        count.headers += sum(row[1:] == tuple(header[1:]) for row in likely.rows())
    if frame.width > 1:
        for place in find_joined(frame, delimiter):
            count.first_joined = count.first_joined or count.rows + place + 1
            count.joined += 1
    count.rows += frame.height


def find_joined(frame: pl.DataFrame, delimiter: str) -> list[int]:
    """Find the rows with a cell that may hold the rows below it, because a quote was never closed.

    Such a cell has as many delimiters as the rows that its line ends end, and its lines begin like the first column:
    with an e-mail address if that holds addresses. A table of two columns without addresses is not looked at, because
    texts with a comma in each line are frequent.
    """
    broken = frame.select(pl.all().str.contains("\n", literal=True).any()).row(0)
    names = [name for name, found in zip(frame.columns, broken, strict=True) if found]
    if not names:
        return []
    first = frame.to_series(0).drop_nulls().head(100)
    addressed = first.str.contains("@", literal=True).sum() > len(first) / 2
    if frame.width == 2 and not addressed:
        return []
    places: set[int] = set()
    for name in names:
        cells = frame[name]
        ends = cells.str.count_matches("\n", literal=True)
        full = (ends > 0) & (cells.str.count_matches(delimiter, literal=True) == ends * (frame.width - 1))
        for place in full.arg_true():
            begins = [line.partition(delimiter)[0] for line in cells[place].split("\n")[1:]]
            if not addressed or all("@" in each for each in begins):
                places.add(place)
    return sorted(places)
