"""The names of a table's columns, as integrations write them."""

from collections import Counter
from collections.abc import Sequence

from integration_center.insights.column_names import clean_name


def name_columns(header: Sequence[str]) -> tuple[list[str | None], list[str]]:
    """Name the columns of a table, each once.

    A name that stands over several columns belongs to none of them: they are called `Comment (column 3)` and so on, and
    only integrations that map `Comment` are stopped.

    Args:
        header: the cells of the header.

    Returns:
        The names, None where there is none; and what was found, each as a sentence.
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
