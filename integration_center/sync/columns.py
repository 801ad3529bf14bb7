"""The columns of the frames that pass between the parts."""

from collections.abc import Mapping

import polars as pl

from integration_center.sync.outcomes import Outcome

OUTCOME = pl.Enum([outcome.value for outcome in Outcome])
"""The dtype of the `outcome` column; its order is the severity, so `max` of a row's lines is the row's outcome."""

DAY = "_day"
"""What the caller adds to the report: the partition a row came from, Date."""

PAST = "_past"
"""Beside the report's own rows (null): rows of other days that earlier runs applied. True where a row must be written
again, false where it only keeps older rows from being written. Boolean; the column may be missing."""

OF_PAST = "of_past"
"""In the plan of events: whether the row is of a day that an earlier run applied, and not of one of this run's days."""

COLUMN = "column."
"""Before the name of a report column inside the plan: reports may call a column `*`, `^a$` or `row`."""
BEFORE = "before."
"""Before the name of a mapped field: the org's raw value when the plan was made."""
AFTER = "after."
"""Before the name of a mapped field: what the org shall hold."""
CHANGED = "changed."
"""Before the name of a mapped field: whether the field is sent."""
HOLDS = "holds."
"""Before the name of a mapped field: of an `overridden` line, what the org held right after the push.

Only ledgers that have such lines have these columns.
"""

MODSTAMP = pl.Datetime("ms", "UTC")
LEDGER_COLUMNS: Mapping[str, pl.DataType] = {
    "row": pl.UInt32(),
    "day": pl.Date(),
    "key": pl.String(),
    "record_id": pl.String(),
    "outcome": OUTCOME,
    "reason": pl.String(),
    "code": pl.String(),
    "error_fields": pl.String(),
    "job_id": pl.String(),
    "modstamp": MODSTAMP,
}
"""The columns every plan and ledger has; `before.F`, `after.F` and `changed.F` follow for each mapped field F."""
