"""Plan the retry of a sync: send the records again that Salesforce refused, or that were never reached."""

import polars as pl

from integration_center.sync.columns import AFTER, BEFORE, OUTCOME
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.undoing import NO_LONGER_OURS, RESTORED, build_undo_lines

TRIED_AGAIN = (Outcome.FAILED, Outcome.UNPROCESSED)
"""The outcomes of the lines that a retry sends. A record that was given up is `rejected`, so it is not among them."""
CHANGED_SINCE = "changed since the run, so left alone: "
HELD_ALREADY = "the record holds these values by now"


def select_failed(ledger: pl.LazyFrame) -> pl.LazyFrame:
    """Select the lines of a ledger that a retry would send again. A line of an erased person has no record any more."""
    return ledger.filter(pl.col("outcome").is_in(TRIED_AGAIN) & pl.col("record_id").is_not_null())


def build_retry_lines(failed: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Plan a retry, with one line per line that failed.

    A retry is an undo with the two values swapped: it writes the value from after the sync where the record still holds
    the one from before it.

    Args:
        failed: lines of the ledger of the sync; see `select_failed`.
        records: `Id`, `SystemModstamp` where the object has it, and the sync's fields, raw, as the org holds them now.
        schema: the object as describe reports it now.

    Returns:
        A ledger with the same columns, in the same order, and with the same rows. `before.F` is the value that the org
        holds now. A line is

        * `planned` when a field is sent,
        * `unchanged` when all its fields hold the values by now,
        * `conflict` when somebody changed a field since, or the record is gone; nothing is then sent for the line,
        * `rejected` when a field can no longer be written.
    """
    names = list_mapped(failed.columns)
    swapped = failed.with_columns(
        pl.lit(Outcome.UPDATED, dtype=OUTCOME).alias("outcome"),
        *(pl.col(AFTER + name).alias(BEFORE + name) for name in names),
        *(pl.col(BEFORE + name).alias(AFTER + name) for name in names),
    )
    reason = pl.col("reason")
    return build_undo_lines(swapped, records, schema).with_columns(
        failed["row"],
        pl.when(reason == RESTORED)
        .then(pl.lit(HELD_ALREADY))
        .otherwise(reason.str.replace(NO_LONGER_OURS, CHANGED_SINCE, literal=True))
        .alias("reason"),
    )
