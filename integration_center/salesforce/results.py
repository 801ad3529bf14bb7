"""The Results frame: what Salesforce did with each record of a push."""

import polars as pl

from integration_center.sync.outcomes import OUTCOME, Outcome

RESULTS = pl.Schema(
    {
        "Id": pl.String(),
        "outcome": OUTCOME,
        "code": pl.String(),
        "message": pl.String(),
        "error_fields": pl.String(),
        "job_id": pl.String(),
    }
)
"""One line a record. `message` is Salesforce's own text and may quote values: for the ledger, never for a log."""

RETRYABLE_CODES = frozenset(
    {"UNABLE_TO_LOCK_ROW", "LIMIT_EXCEEDED", "TooManyLockFailure", "APEX_CPU_TIME_LIMIT_EXCEEDED"}
)
TRIGGER_CODES = frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"})
TRIGGER_CAUSES = "UNABLE_TO_LOCK_ROW|LimitException"
"""Names inside a trigger's message (never translated) that say it failed by a lock or by a governor limit."""


def build_results(
    ids: pl.Series,
    outcome: Outcome,
    *,
    code: str | None = None,
    message: str | None = None,
    job_id: str | None = None,
) -> pl.DataFrame:
    """The same result for every record of `ids`."""
    return pl.DataFrame({"Id": ids}).select(
        "Id",
        pl.lit(outcome.value, dtype=OUTCOME).alias("outcome"),
        pl.lit(code, dtype=pl.String).alias("code"),
        pl.lit(message, dtype=pl.String).alias("message"),
        pl.lit(None, dtype=pl.String).alias("error_fields"),
        pl.lit(job_id, dtype=pl.String).alias("job_id"),
    )


def is_retryable() -> pl.Expr:
    """Whether a line failed by a lock, CPU or governor limit, which fewer rows a transaction may avoid."""
    by_trigger = pl.col("code").is_in(TRIGGER_CODES) & pl.col("message").str.contains(TRIGGER_CAUSES)
    failed = pl.col("outcome") == Outcome.FAILED.value
    return (failed & (pl.col("code").is_in(RETRYABLE_CODES) | by_trigger)).fill_null(False)


def overlay_results(results: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """`results` with the lines of `newer` in place of those with the same Id; the order stays."""
    kept = results.join(newer, on="Id", how="anti")
    return results.select("Id").join(pl.concat([kept, newer]), on="Id", how="left", maintain_order="left")
