"""Judge the first records of a push, which are written and read back before the others are sent."""

import polars as pl

from integration_center.sync.changes import verify_lines
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectSchema


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
    return f"of the first {lines.height:,} records (canary) {found}" if found else ""
