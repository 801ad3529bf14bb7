"""Name the columns of a table, as integrations write them."""

from collections import Counter
from collections.abc import Sequence

from integration_center.insights.column_names import clean_name


def name_columns(header: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """Give every column of a table its own name.

    A name that several columns have is given to none of them: they are called `Comment (column 3)` and so on, so that
    only integrations that map `Comment` stop.

    Args:
        header: the cells of the header.

    Returns:
        The names, None for a column without a name; and the findings, one sentence each.
    """
    names = [clean_name(cell) for cell in header]
    counts = Counter(names)
    taken = {name for name in names if counts[name] == 1}
    notes = []
    named: list[str | None] = []
    for number, name in enumerate(names, 1):
        if not name:
            named.append(None)
        elif counts[name] == 1:
            named.append(name)
        else:
            own = f"{name} (column {number})"
            while own in taken:
                own += "'"
            taken.add(own)
            named.append(own)
    if twice := [name for name, count in counts.items() if name and count > 1]:
        shown = ", ".join(map(repr, twice))
        notes.append(f"the header names {shown} more than once; those columns are called {shown[:-1]} (column N)'")
    return named, notes
