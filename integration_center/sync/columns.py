"""The columns of the frames that pass between the parts."""

from collections.abc import Mapping

import polars as pl

from integration_center.sync.outcomes import Outcome

OUTCOME = pl.Enum([outcome.value for outcome in Outcome])
"""The dtype of the `outcome` column; its order is the severity, so `max` of a row's lines is the row's outcome."""

HEADER_ROWS = 2
"""What is added to a row's number, which begins at 0: a spreadsheet begins at 1, and its first row is the header."""

DAY = "_day"
"""The column that the caller adds to the report: the partition of each row, Date."""

PAST = "_past"
"""Marks rows of other days that earlier runs applied: true where the row must be written again, false where it only
keeps older rows from being written, null for the report's own rows. Boolean; the column may be missing."""

ASIDE = "_aside"
"""Why a row of the report is not matched by itself: `filtered` or `rolled_up`, OUTCOME. The column may be missing."""

PART_OF = "_part_of"
"""The row that holds the value of a rolled-up row's key, UInt32; there where `ASIDE` is."""

SOURCE_ROWS = "source_rows"
"""In a plan or ledger of `rows: all`: how many rows the line's values are made of, UInt32."""

FILE_ROW = "file_row"
"""The number of the row in its file, as a spreadsheet counts, UInt32. Without it, that is `row` + `HEADER_ROWS`."""

FILE = "file"
"""The file of the row, String; there where a day has several files."""

LAST_SEEN = "last_seen"
"""In the lines of people who dropped out of the report: the last day in the report, Date. The column may be missing."""

OF_PAST = "of_past"
"""In the plan of events: whether the row belongs to a day that an earlier run applied, and to no day of this run."""

COLUMN = "column."
"""The prefix of report columns inside the plan, because reports may call a column `*`, `^a$` or `row`."""
BEFORE = "before."
"""The prefix, before a mapped field's name, of the org's raw value when the plan was made."""
AFTER = "after."
"""The prefix, before a mapped field's name, of the value that the org should hold after the push."""
CHANGED = "changed."
"""The prefix, before a mapped field's name, of the column that says whether the field is sent."""
HOLDS = "holds."
"""The prefix, before a mapped field's name, of the value that the org held right after the push.

It is filled in `overridden` lines. Only ledgers that have such lines have these columns.
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
"""The columns of every plan and ledger. `before.F`, `after.F` and `changed.F` follow for each mapped field F."""
