"""Find the name that somebody meant when they wrote a name that does not exist."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

ALIKE = 0.75
"""How similar a name must be to be called the nearest."""
LISTED = 12
LONGEST = 80
"""The number of characters of a name that are compared and shown."""
NAMESPACE = re.compile(r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*__(?=\w+__[a-z]+$)")
"""The prefix of the fields of a package: `acme__` in `acme__Score__c`."""
CUSTOM = re.compile(r"__[a-z]+$")
"""The suffix of the API names of custom fields."""


def find_twin(name: str, there: Iterable[str]) -> str | None:
    """Find the field that `name` means, but spells in another way.

    `name` may lack the namespace of the package, or the suffix `__c`. Case makes no difference. `Score` finds
    `Score__c`, but `Score__c` does not find `Score`: somebody may want a custom field beside the standard field.

    Args:
        name: an API name.
        there: the existing API names.

    Returns:
        The existing name; None when no name matches, or several do.
    """
    wanted = name.lower() if CUSTOM.search(name.lower()) else f"{name.lower()}__c"
    found = [other for other in there if NAMESPACE.sub("", other.lower()) == NAMESPACE.sub("", wanted)]
    return found[0] if len(found) == 1 else None


def find_nearest(name: str, there: Iterable[str]) -> str | None:
    """Find the name that is most similar to `name`, ignoring case, blanks, underscores and namespace.

    Returns:
        The name; None when none is similar enough.
    """
    wanted = _simplify(name)
    rated = (
        (SequenceMatcher(a=wanted, b=_simplify(other), autojunk=False).ratio(), other)
        for other in sorted(set(there) - {name})
    )
    ratio, nearest = max(rated, key=lambda each: each[0], default=(0.0, None))
    return nearest if ratio >= ALIKE else None


def say_nearest(name: str, there: Sequence[str]) -> str:
    """Write what follows "there is no `name`": the nearest name, or else the first existing names."""
    if nearest := find_nearest(name, there):
        return f"the nearest is {_show(nearest)}"
    more = f" and {len(there) - LISTED:,} more" if len(there) > LISTED else ""
    return f"there are {', '.join(map(_show, there[:LISTED]))}{more}" if there else "there is none at all"


def say_nearest_of(names: Sequence[str], there: Sequence[str]) -> str:
    """Write what follows "there are no `names`": the nearest of each that has one, or else the first existing names."""
    near = {name: nearest for name in names if (nearest := find_nearest(name, there))}
    if len(names) == 1 or not near:
        return say_nearest(names[0], there)
    return ", ".join(f"the nearest to {_show(name)} is {_show(nearest)}" for name, nearest in near.items())


def _show(name: str) -> str:
    return repr(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…")


def _simplify(name: str) -> str:
    """Reduce a name to its visible characters, without case, underscores, namespace and suffix."""
    plain = unicodedata.normalize("NFKC", name[:LONGEST]).casefold()
    plain = CUSTOM.sub("", NAMESPACE.sub("", plain))
    return "".join(char for char in plain if char != "_" and unicodedata.category(char)[0] not in "CZ")
