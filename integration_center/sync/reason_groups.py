"""Group the reasons of ledger lines: many differ only in a row's number or a record's id."""

import polars as pl

from integration_center.sync.outcome_words import OUTCOME_WORDS

GROUPED = "grouped_reason"
"""The column with the reason of the group."""
SAME = (
    (r"^row \d+ has the same key and is used", "another row has the same key"),
    (r"^row \d+ has the value of all rows", "another row has the value of all rows"),
    (r"; it was last there on \d{4}-\d\d-\d\d", ""),
    (r"^\d+ (rows .* and differ in )", "several ${1}"),
    (r"^matches \d+ records; at most", "more records match than may match: at most"),
    (r"\b(?:00[0-9A-Za-z]|a[0-9][0-9A-Za-z])[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?\b", "…"),
    (r"\d[\d.,]*\d|\d", "…"),
)
"""What differs between reasons that say the same, and what it becomes: rows, counts, record ids, other numbers."""


def group_reason(object_name: str) -> pl.Expr:
    """Build the expression of the reason shared by all lines that say the same; null where an outcome says all.

    Args:
        object_name: the object that the lines match, as people call it.
    """
    said = pl.col("reason")
    for pattern, becomes in SAME:
        said = said.str.replace_all(pattern, becomes)
    outcome = pl.col("outcome").cast(pl.String)
    without = {each.value: words.why.format(object=object_name) for each, words in OUTCOME_WORDS.items() if words.why}
    default = outcome.replace_strict(without, default=None, return_dtype=pl.String)
    return pl.coalesce(said, default).alias(GROUPED)
