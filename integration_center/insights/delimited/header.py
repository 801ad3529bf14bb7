"""Name the columns of a table, as integrations write them."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import clean_name
from integration_center.insights.delimited.footer_pattern import ADDRESS

NAMES_SHOWN = 6
NAME = re.compile(r"\s*[^\W\d][^@]*|\s*#[^@]*")
"""Text that may be a column's name, unlike numbers, dates and addresses."""
ID = re.compile(r"\s*(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|00[0-9A-Za-z]{13}(?:[0-9A-Za-z]{3})?)\s*")
"""The GUID of a user, or the Id of a record of a person."""
ROWS_LOOKED_AT = 20
"""The number of rows below a header in which a better header is looked for."""
MOST_COLUMNS = 50_000
"""The most columns of a report. Excel has at most 16,384 and databases fewer, and each one takes memory of its own."""
NEAR = 5
"""The most rows below a title of the table's width among which the header is."""


def name_columns(header: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """Give every column of a table its own name.

    A name that several columns have is given to none of them: they are called `Comment (column 3)` and so on, so that
    only integrations that map `Comment` stop.

    Returns:
        The names, None for a column without a name; and the findings, one sentence each.
    """
    names = [clean_name(cell) for cell in header]
    counts = Counter(names)
    taken = {name for name in names if counts[name] == 1}
    named: list[str | None] = []
    for number, name in enumerate(names, 1):
        if not name:
            named.append(None)
        elif counts[name] == 1:
            named.append(name)
        else:
            named.append(_claim(f"{name} (column {number})", taken))
    twice = [name for name, count in counts.items() if name and count > 1]
    cases = defaultdict(list)
    for name in filter(None, counts):
        cases[name.casefold()].append(name)
    notes = [f"the names {list_names(alike)} differ only in case" for alike in cases.values() if len(alike) > 1]
    if not twice:
        return named, notes
    own = [name for cell, name in zip(names, named, strict=True) if counts[cell] > 1 and name]
    return named, [
        *notes,
        f"the header names {list_names(twice)} more than once; those columns are called {list_names(own)}",
    ]


def name_table(
    frame: pl.DataFrame, header: Sequence[str], source: str, *, row: int = 1
) -> tuple[pl.DataFrame, list[str]]:
    """Name the columns of a table, and leave out columns with neither name nor value.

    A column without a name that holds values is called `column 3` by its place, so that it stops no integration.

    Args:
        frame: columns `0`, `1` and so on, String; an empty cell is null.
        header: the cells of the header.
        source: the name of the file in errors.
        row: which row the header is, counted from 1.

    Returns:
        The table, and the findings, one sentence each.

    Raises:
        UnreadableReport: most columns that hold values have no name, so that another row must be the header.
    """
    names, notes = name_columns(header)
    nameless = [str(number) for number, name in enumerate(names) if name is None]
    holding = [each for each in nameless if frame[each].null_count() < frame.height]
    named = len(names) - len(nameless)
    below = find_fuller_row(frame) if named <= len(holding) else None
    if not named or (holding and below):
        listed = ", ".join(str(int(each) + 1) for each in holding or nameless)
        remedy = {"header_row": row + below} if below else {}
        raise UnreadableReport(
            f"{source}: the header has no name for column {listed}; name every column that holds values, or set in"
            f" report.yaml which row is the header, such as `header_row: {row + (below or 1)}`",
            remedy,
        )
    taken = {name for name in names if name}
    kept = {str(number): name for number, name in enumerate(names) if name is not None}
    kept |= {each: _claim(f"column {int(each) + 1}", taken) for each in holding}
    if holding:
        said = f"the header has no name for {list_names([kept[each] for each in holding])}, which hold values"
        fuller = find_fuller_row(frame)
        hint = (
            f"; if row {row + fuller} is the header, say `header_row: {row + fuller}` in report.yaml" if fuller else ""
        )
        notes.append(said + hint)
    ordered = {each: kept[each] for each in frame.columns if each in kept}
    return frame[list(ordered)].rename(ordered), notes


def refuse_person(header: Sequence[str], above: Sequence[Sequence[str]], source: str) -> None:
    """Check that what is read as the header is not the row of a person, whose values would be shown as names.

    Args:
        header: the cells of the header.
        above: the rows above it, as many as `header_row` of `report.yaml` passes over.
        source: the name of the file in errors.

    Raises:
        UnreadableReport: it has an e-mail address, or begins with the id of a user or record.
    """
    address = any(map(ADDRESS.fullmatch, header))
    if len(header) < 2 or not (address or ID.fullmatch(header[0])):
        return
    row = len(above) + 1
    named = next((number for number in range(row - 1, 0, -1) if _may_name(above[number - 1], len(header))), None)
    holds = "has an e-mail address" if address else "begins with an id"
    said = f"{source}: row {row}, which is read as the header, {holds}"
    if named:
        raise UnreadableReport(
            f"{said}, and row {named} seems to be the header; say `header_row: {named}` in report.yaml",
            {"header_row": named},
        )
    declared = f", or correct `header_row: {row}` in report.yaml" if above else ""
    raise UnreadableReport(
        f"{said}, so the file seems to have no header; export it with the names of its columns in the first row"
        f"{declared}"
    )


def _may_name(row: Sequence[str], width: int) -> bool:
    return len(row) == width and len(set(row)) == width and all(map(NAME.fullmatch, row))


def find_fuller_row(frame: pl.DataFrame) -> int | None:
    """Find the first row below a header that has a name of its own for every column that holds values.

    Columns that hold values above it alone do not count: formatted reports have their title beside the table.

    Returns:
        How many rows below the header it is, counted from 1; None when there is none.
    """
    filled = [text.is_not_null().arg_true() for text in frame]
    last = [int(places[-1]) if len(places) else -1 for places in filled]
    for number, cells in enumerate(frame.head(ROWS_LOOKED_AT).rows()):
        holding = [cell for cell, end in zip(cells, last, strict=True) if end >= number]
        beside = len(holding) < sum(end >= 0 for end in last)
        names = {cell.strip() for cell in holding if cell and NAME.fullmatch(cell)}
        if len(names) == len(holding) > 1 and (not beside or begins_table(frame, number)):
            return number + 1
    return None


def begins_table(frame: pl.DataFrame, number: int) -> bool:
    """Return whether two rows from a place on have more cells than each row above, as a table has below its title."""
    filled = frame.head(number + 2).select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
    above, below = filled.head(number), filled.slice(number + 1)
    return len(below) > 0 and filled[number] > max(above, default=1) and below[0] > max(above, default=1)


def find_named(rows: Sequence[Sequence[str]], below: int | None) -> int | None:
    """Find the header: a row, counted from 1, or the next one of its width whose cells may all be names.

    A title may have as many cells, such as `Logins, November 22, 2026`. A row with an address is no header.
    """
    if below is None:
        return None
    width = len(rows[below - 1])
    near = enumerate(rows[below - 1 : below - 1 + NEAR], below)
    named = next((number for number, row in near if len(row) == width and all(map(NAME.fullmatch, row))), below)
    return None if any(map(ADDRESS.fullmatch, rows[named - 1])) else named


def is_named_by_rows(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether all rows have one cell more than the header, and the first of them is no header below a title.

    Where the rows begin with addresses, those are no names of rows: another cell holds the delimiter.
    """
    width = len(rows[0])
    more = width > 1 and {len(row) for row in rows[1:]} == {width + 1}
    return more and not all(map(NAME.fullmatch, rows[1])) and not ADDRESS.fullmatch(rows[1][0])


def check_width(width: int, source: str) -> None:
    """Check that a table has not more columns than a report can have.

    Raises:
        UnreadableReport: it has.
    """
    if width > MOST_COLUMNS:
        raise UnreadableReport(
            f"{source} has {width:,} columns, and a report has at most {MOST_COLUMNS:,}. The file may have lost its"
            " line ends, or values are written as names of columns; export it again with one row for each person"
        )


def list_names(names: Sequence[str]) -> str:
    """List a few names in words, and say how many more there are."""
    shown = [repr(name) for name in names[:NAMES_SHOWN]]
    if more := len(names) - len(shown):
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _claim(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name
