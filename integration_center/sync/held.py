"""Lines that are held back or were not sent: because of the first records (canary), or because a push stopped."""

import polars as pl

from integration_center.sync.changes import verify_lines
from integration_center.sync.ledger import complete
from integration_center.sync.marking import mark
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.sentences import count

ENDED_EARLY = "the Bulk job ended before it reached them ({})"


def judge_canary_lines(lines: pl.DataFrame, results: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> str:
    """Say what is wrong with the first records; empty when all of them hold what was written.

    Args:
        lines: their planned lines.
        results: what Salesforce answered, as `complete` takes it.
        records: `Id` and the mapped fields, raw and read after the push.
        schema: the object as describe reports it now.
    """
    refused = results.filter(~pl.col("outcome").is_in(WRITTEN))
    written = lines.join(
        results.filter(pl.col("outcome").is_in(WRITTEN)), left_on="record_id", right_on="Id", how="semi"
    )
    held = verify_lines(written, records, schema)
    other = held.filter(pl.col("outcome") != Outcome.UPDATED).height
    codes = ", ".join(sorted(refused["code"].drop_nulls().unique().to_list()))
    said = [
        f"Salesforce refused {refused.height:,}{f' ({codes})' if codes else ''}" if refused.height else "",
        f"{other:,} hold something else than was written" if other else "",
    ]
    found = " and ".join(filter(None, said))
    return f"of the first {count(lines.height, 'record')} (canary) {found}" if found else ""


def hold_rest(lines: pl.DataFrame, *, results: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Write the answers for the first records into a part of a plan, and hold its other planned lines."""
    unsent = (pl.col("outcome") == Outcome.PLANNED) & ~pl.col("record_id").is_in(results["Id"].implode())
    return complete(lines.with_columns(mark(unsent, Outcome.HELD, reason)), results)


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
    return lines.with_columns(mark(again, Outcome.PLANNED, None))
