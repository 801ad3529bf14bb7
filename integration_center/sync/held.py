"""Lines that are held back, and that are to be sent after all."""

import polars as pl

from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete
from integration_center.sync.outcomes import Outcome


def hold_rest(lines: pl.DataFrame, *, results: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Write the answers for the first records into a part of a plan, and hold its other planned lines."""
    unsent = (pl.col("outcome") == Outcome.PLANNED) & ~pl.col("record_id").is_in(results["Id"].implode())
    held = lines.with_columns(
        pl.when(unsent).then(pl.lit(Outcome.HELD, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(unsent).then(pl.lit(reason)).otherwise("reason").alias("reason"),
    )
    return complete(held, results)


def reopen_held(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn the held lines that have a record into planned ones; rows of an integration that does not fit stay held."""
    again = (pl.col("outcome") == Outcome.HELD) & pl.col("record_id").is_not_null()
    return lines.with_columns(
        pl.when(again).then(pl.lit(Outcome.PLANNED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(again).then(pl.lit(None)).otherwise("reason").alias("reason"),
    )
