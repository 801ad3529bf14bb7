"""Lines that are held back or were not sent, and that are to be sent after all."""

import polars as pl

from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete
from integration_center.sync.outcomes import Outcome

ENDED_EARLY = "the Bulk job ended before it reached them ({})"


def hold_rest(lines: pl.DataFrame, *, results: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Write the answers for the first records into a part of a plan, and hold its other planned lines."""
    unsent = (pl.col("outcome") == Outcome.PLANNED) & ~pl.col("record_id").is_in(results["Id"].implode())
    held = lines.with_columns(
        pl.when(unsent).then(pl.lit(Outcome.HELD, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(unsent).then(pl.lit(reason)).otherwise("reason").alias("reason"),
    )
    return complete(held, results)


def find_stop(lines: pl.LazyFrame) -> str | None:
    """Find the sentence that says why records of a push were not sent, or what became of them is not known.

    What the org says of a Bulk job that it ended may quote a value, so only its code is said. All else is ours.
    """
    unsent = pl.col("outcome") == Outcome.UNPROCESSED
    ended = pl.format(ENDED_EARLY, "code")
    sentence = pl.when(unsent & pl.col("job_id").is_not_null()).then(ended).otherwise("reason").alias("said")
    coded = pl.col("code").is_not_null() & pl.col("reason").is_not_null()
    left = lines.filter(unsent | (pl.col("outcome") == Outcome.UNKNOWN), coded).select(sentence)
    counted = left.group_by("said").len().sort("len", "said").select("said").collect()
    sentences: list[str] = counted["said"].to_list()
    return sentences[-1] if sentences else None


def reopen_held(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn the held lines that have a record into planned ones; rows of an integration that does not fit stay held."""
    again = (pl.col("outcome") == Outcome.HELD) & pl.col("record_id").is_not_null()
    return lines.with_columns(
        pl.when(again).then(pl.lit(Outcome.PLANNED, dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        pl.when(again).then(pl.lit(None)).otherwise("reason").alias("reason"),
    )
