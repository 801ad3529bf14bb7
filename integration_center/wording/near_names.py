"""The name that was meant, where one is written that does not exist."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

ALIKE = 0.75
"""How alike two names must be for one to be called the nearest."""
LISTED = 12
LONGEST = 80
"""Characters of a name that are compared and shown."""
NAMESPACE = re.compile(r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*__(?=\w+__[a-z]+$)")
"""What a package puts before the names of its fields: `acme__` in `acme__Score__c`."""
CUSTOM = re.compile(r"__[a-z]+$")
"""How the API names of custom fields end."""


def find_twin(name: str, there: Iterable[str]) -> str | None:
    """Find the field that `name` means, only written otherwise.

    It may be without the namespace of its package, or without the ending `__c`. Case makes no difference. `Score` is
    no twin of `Score__c` in the other direction: beside a standard field a custom one may be wanted.

    Args:
        name: an API name.
        there: the API names that there are.

    Returns:
        None where no name or several are meant.
    """
    wanted = name.lower() if CUSTOM.search(name.lower()) else f"{name.lower()}__c"
    found = [other for other in there if NAMESPACE.sub("", other.lower()) == NAMESPACE.sub("", wanted)]
    return found[0] if len(found) == 1 else None


def find_nearest(name: str, there: Iterable[str]) -> str | None:
    """Find the name that is most like `name`, whatever its case, blanks, underscores and namespace.

    Returns:
        None where none is like it.
    """
    wanted = _simplify(name)
    rated = (
        (SequenceMatcher(a=wanted, b=_simplify(other), autojunk=False).ratio(), other)
        for other in sorted(set(there) - {name})
    )
    ratio, nearest = max(rated, key=lambda each: each[0], default=(0.0, None))
    return nearest if ratio >= ALIKE else None


def say_nearest(name: str, there: Sequence[str]) -> str:
    """What to say after "there is no `name`": the nearest name, or else the first names that there are."""
    if nearest := find_nearest(name, there):
        return f"the nearest is {_show(nearest)}"
    more = f" and {len(there) - LISTED:,} more" if len(there) > LISTED else ""
    return f"there are {', '.join(map(_show, there[:LISTED]))}{more}" if there else "there is none at all"


def _show(name: str) -> str:
    return repr(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…")


def _simplify(name: str) -> str:
    """The letters and signs of a name that one sees."""
    plain = unicodedata.normalize("NFKC", name[:LONGEST]).casefold()
    plain = CUSTOM.sub("", NAMESPACE.sub("", plain))
    return "".join(char for char in plain if char != "_" and unicodedata.category(char)[0] not in "CZ")
