"""Group the reasons of ledger lines: many differ only in a row's number or a record's id."""

from dataclasses import dataclass

import polars as pl

from integration_center.sync.outcome_words import OUTCOME_WORDS
from integration_center.sync.outcomes import Outcome

GROUPED = "grouped_reason"
"""The column with the reason of the group."""
SAME = (
    (r"^row \d+(?:@.+?)? has the same key and is used", "another row has the same key"),
    (r"^row \d+(?:@.+?)? has the value of all rows", "another row has the value of all rows"),
    (r"; it was last there on \d{4}-\d\d-\d\d", ""),
    (r"^\d+ (rows .* and differ in )", "several ${1}"),
    (r"^matches \d+ records; at most", "more records match than may match: at most"),
    (r"\b(?:00[0-9A-Za-z]|a[0-9][0-9A-Za-z])[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?\b", "…"),
    (r"\d[\d.,]*\d|\d", "…"),
)
"""What differs between reasons that say the same, and what it becomes: rows, counts, record ids, other numbers."""


@dataclass(frozen=True)
class Called:
    """What people call the object that rows are matched with, and the field that they are matched by.

    Attributes:
        object: the object's label, such as `Lead`.
        key: the label of the key field, such as `Email`.
    """

    object: str = "record"
    key: str = "key"

    def name(self, reason: str) -> str:
        """Return a reason with these words: `no Lead has this Email` for `no record has this key`."""
        unmatched = OUTCOME_WORDS[Outcome.UNMATCHED].why
        return f"no {self.object} has this {self.key}" if reason == unmatched else reason


def group_reason() -> pl.Expr:
    """Build the expression of the reason shared by all lines that say the same; null where an outcome says all.

    It depends on no label, which an org may change, so links to the lines of a reason stay right.
    """
    said = pl.col("reason")
    for pattern, becomes in SAME:
        said = said.str.replace_all(pattern, becomes)
    outcome = pl.col("outcome").cast(pl.String)
    without = {each.value: words.why for each, words in OUTCOME_WORDS.items() if words.why}
    default = outcome.replace_strict(without, default=None, return_dtype=pl.String)
    return pl.coalesce(said, default).alias(GROUPED)
