"""The Results frame: what Salesforce did with each record of a push."""

import polars as pl

from integration_center.salesforce.client.faults import QUOTA_CODES
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome

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
"""One line per record. `message` is Salesforce's own text and may quote values: for the ledger, never for a log."""

LOCK_CODES = frozenset({"UNABLE_TO_LOCK_ROW", "TooManyLockFailure"})
LIMIT_CODES = frozenset(
    {
        "LIMIT_EXCEEDED",
        "APEX_CPU_TIME_LIMIT_EXCEEDED",
        "TXN_SECURITY_METERING_ERROR",
        "REQUEST_RUNNING_TOO_LONG",
        "QUERY_TIMEOUT",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
    }
)
"""Error codes of a record that may disappear with fewer records in the transaction."""
AUTOMATION_CODES = frozenset(
    {
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "APEX_ERROR",
    }
)
"""Error codes of a record that a trigger, flow or process refused. Only the message says why."""
LOCK_NAMES = "UNABLE_TO_LOCK_ROW"
LIMIT_NAMES = (
    r"LimitException|REQUEST_RUNNING_TOO_LONG|QUERY_TIMEOUT|TXN_SECURITY_METERING_ERROR"
    r"|(?i:\bCPU\b|heap size|too many (?:soql|sosl|dml|query|queries|rows|future|queueable|callouts|email|records))"
    r"|:\s*(?:101|151|301|10001|50001)\b"
)
"""What shows in a message that a governor limit was hit: names that are never translated, and the first numbers beyond
the limits of a transaction (Apex Developer Guide, "Execution Governors and Limits")."""
CARRIED_BY_COLLECTIONS = QUOTA_CODES | {
    "Timeout",
    "TooManyLockFailure",
    "REQUEST_RUNNING_TOO_LONG",
    "UNKNOWN_EXCEPTION",
    "SERVER_UNAVAILABLE",
    "TXN_SECURITY_METERING_ERROR",
}
"""Error codes of a Bulk job that failed as a whole, while Collections may still succeed."""
DUPLICATES = "DUPLICATES_DETECTED"
ALLOW = (
    "a duplicate rule of the org refused the record; if the rule only alerts, let the integration save such records"
    " (`duplicate_rules: allow`)"
)
BLOCKED = "a duplicate rule of the org blocks the record; ask the admin to look at the rule"


def build_results(
    ids: pl.Series,
    outcome: Outcome,
    *,
    code: str | None = None,
    message: str | None = None,
    job_id: str | None = None,
) -> pl.DataFrame:
    """Build the same result for every record of `ids`."""
    return pl.DataFrame({"Id": ids}).select(
        "Id",
        pl.lit(outcome.value, dtype=OUTCOME).alias("outcome"),
        pl.lit(code, dtype=pl.String).alias("code"),
        pl.lit(message, dtype=pl.String).alias("message"),
        pl.lit(None, dtype=pl.String).alias("error_fields"),
        pl.lit(job_id, dtype=pl.String).alias("job_id"),
    )


def is_locked() -> pl.Expr:
    """Return whether a line failed because of a lock. Another attempt may succeed."""
    return _failed_by(LOCK_CODES, LOCK_NAMES)


def is_too_much() -> pl.Expr:
    """Return whether a line failed because of a transaction limit. Fewer records per transaction may succeed."""
    return _failed_by(LIMIT_CODES, LIMIT_NAMES)


def is_retryable() -> pl.Expr:
    """Return whether a line failed because of a lock or a transaction limit."""
    return is_locked() | is_too_much()


def _failed_by(codes: frozenset[str], names: str) -> pl.Expr:
    by_automation = pl.col("code").is_in(AUTOMATION_CODES) & pl.col("message").str.contains(names)
    failed = pl.col("outcome") == Outcome.FAILED.value
    return (failed & (pl.col("code").is_in(codes) | by_automation)).fill_null(False)


def is_left_by_bulk(*, allow_duplicates: bool) -> pl.Expr:
    """Return whether Bulk did not process a line that Collections may process."""
    unprocessed = (pl.col("outcome") == Outcome.UNPROCESSED.value) & pl.col("code").is_in(CARRIED_BY_COLLECTIONS)
    duplicate = (pl.col("outcome") == Outcome.FAILED.value) & (pl.col("code") == DUPLICATES) & pl.lit(allow_duplicates)
    return (pl.col("job_id").is_not_null() & (unprocessed | duplicate)).fill_null(False)


def advise(results: pl.DataFrame, *, allow_duplicates: bool) -> pl.DataFrame:
    """Add to lines that a duplicate rule refused what the reader can do."""
    advice = BLOCKED if allow_duplicates else ALLOW
    refused = (pl.col("outcome") == Outcome.FAILED.value) & (pl.col("code") == DUPLICATES)
    # Null for all other lines: the advice beside each of a million would take 200 MB.
    said = (pl.when(refused).then(pl.col("message").fill_null("")) + f" ({advice})").str.strip_chars_start()
    return results.with_columns(pl.coalesce(said, "message").alias("message"))


def overlay_results(results: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """Replace lines of `results` with the lines of `newer` that have the same Id. The order stays.

    Only the places of `newer` are looked up, and only the columns that differ there are copied. To join all columns of
    a million lines takes 100 MB more, and four times as long.
    """
    if newer.is_empty():
        return results
    found = results.select("Id").with_row_index("place").join(newer, on="Id", maintain_order="left")
    place = found["place"]
    changed = [name for name in results.columns if not results[name].gather(place).equals(found[name])]
    return results.with_columns(results[name].clone().scatter(place, found[name]) for name in changed)
