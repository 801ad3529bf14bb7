"""Names of report columns: compared without what nobody sees, and without case, as long as one column is meant."""

from collections.abc import Iterable

INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
"""Characters that nobody sees in a name."""
NO_BREAK = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")


def clean_name(name: str) -> str:
    """A name without outer, special and repeated blanks, invisible characters, and quotes that were written twice."""
    name = name.translate(NO_BREAK).translate(INVISIBLE).strip()
    while len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    return " ".join(name.split())


def find_column(name: str, there: Iterable[str]) -> str | None:
    """Find the column that a name means.

    Args:
        name: as an integration or a `report.yaml` says it.
        there: the columns of the report.

    Returns:
        The column as the report calls it: the very name, or else the only one like it; None without or with several.
    """
    columns = list(there)
    if name in columns:
        return name
    wanted = clean_name(name).casefold()
    alike = [column for column in columns if clean_name(column).casefold() == wanted]
    return alike[0] if len(alike) == 1 else None
