"""Show a few changes of a plan or ledger, field by field, with the values before and after."""

from typing import Any

import polars as pl

from integration_center.sync.columns import AFTER, BEFORE, CHANGED, HOLDS
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome

SAMPLE = 5
"""The number of records that are shown."""


def sample_changes(
    lines: pl.DataFrame | pl.LazyFrame, *outcomes: Outcome, records: int = SAMPLE
) -> list[dict[str, Any]]:
    """Return the first few changes.

    Args:
        lines: the lines of a plan or ledger.
        outcomes: the outcomes of the lines to show.
        records: how many lines to show.

    Returns:
        One entry per changed field: `record_id`, `key`, `field`, `before` and `after`, the values in their own types.
        An entry of an `overridden` line also has `holds`, the value that the org held right after the push.
    """
    matched = pl.col("outcome").is_in(outcomes) & pl.col("record_id").is_not_null()
    # The streaming engine stops where it has found them.
    chosen = lines.lazy().filter(matched).head(records).collect(engine="streaming")
    fields = list_mapped(chosen.columns)
    return [
        {
            "record_id": line["record_id"],
            "key": line["key"],
            "field": field,
            "before": line[f"{BEFORE}{field}"],
            "after": line[f"{AFTER}{field}"],
            **({"holds": line[f"{HOLDS}{field}"]} if line["outcome"] == Outcome.OVERRIDDEN else {}),
        }
        for line in chosen.iter_rows(named=True)
        for field in fields
        if line[f"{CHANGED}{field}"]
    ]
