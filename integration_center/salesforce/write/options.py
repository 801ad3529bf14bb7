"""The options of a push: the size of its groups, its handling of duplicate rules, and its limit of API calls."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

ROWS_A_COLLECTION = 200
COLLECTIONS_A_CALL = 5
ALLOW_DUPLICATES = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
"""Source: REST API Developer Guide, "Duplicate Rule Header". Bulk API 2.0 has no such header."""


def _always(calls: int) -> bool:
    return True


@dataclass(frozen=True)
class WriteOptions:
    """The options of a push.

    Attributes:
        group: the records that Salesforce handles as one transaction, at most 200.
        allow_duplicates: whether to save records although a duplicate rule that only alerts finds duplicates of them.
        can_spare: returns whether the org can spare a number of API calls.
        note_group: called with the size of the groups that succeeded, when larger groups ran into limits.
    """

    group: int = ROWS_A_COLLECTION
    allow_duplicates: bool = False
    can_spare: Callable[[int], bool] = _always
    note_group: Callable[[int], None] = lambda size: None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each write."""
        return ALLOW_DUPLICATES if self.allow_duplicates else {}

    def count_calls(self, rows: int, group: int | None = None) -> int:
        """Count the API calls that `rows` records take by Collections."""
        return ceil(rows / ((group or self.group) * COLLECTIONS_A_CALL))
