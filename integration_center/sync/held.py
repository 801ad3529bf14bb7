"""Lines that are held back or were not sent, and that are to be sent after all."""

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


def find_stop(lines: pl.LazyFrame) -> str | None:
    """Find the sentence that says why records of a push were not sent; None when no line has one.

    A line without a job has a sentence of ours. What the org says of a Bulk job may quote a value, so it is left out.
    """
    unsent = (pl.col("outcome") == Outcome.UNPROCESSED) & pl.col("job_id").is_null()
    said = pl.col("code").is_not_null() & pl.col("reason").is_not_null()
    counted = lines.filter(unsent, said).group_by("reason").len().sort("len", "reason").select("reason").collect()
    sentences: list[str] = counted["reason"].to_list()
    return sentences[-1] if sentences else None


def reopen_held(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn the held lines that have a record into planned ones; rows of an integration that does not fit stay held."""
    again = (pl.col("outcome") == Outcome.HELD) & pl.col("record_id").is_not_null()
    return lines.with_columns(
        pl.when(again).then(pl.lit(Outcome.PLANNED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(again).then(pl.lit(None)).otherwise("reason").alias("reason"),
    )
