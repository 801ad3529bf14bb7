"""Usable rows joined to the records they match."""

import polars as pl

from integration_center.errors import PlanError
from integration_center.integration import IntegrationSpec
from integration_center.sync.outcomes import OUTCOME, Outcome
from integration_center.sync.terms import MATCH_KEY, ROW

PLACE = "place"
"""Where a record stands in the records frame."""


def match_rows(selected: pl.DataFrame, record_keys: pl.Series, spec: IntegrationSpec) -> pl.DataFrame:
    """Join rows to records by `match_key`.

    A record has one key and a key has at most one usable row, so a record is never matched twice.

    Args:
        selected: what `select_rows` returns.
        record_keys: the key of each record as it is compared, String, null for none.
        spec: says what to do with a key that matches many records.

    Returns:
        `selected` without `match_key`, a line per row and matched record, in order of `row`; with `place` UInt32,
        the position of the record, null when there is none or the match is ambiguous. `unmatched` and `ambiguous`
        stand in `outcome`; it stays null for matched lines.

    Raises:
        ManyMatches: `when_many_match` is `fail`, and a key matches several records.
    """
    records = pl.DataFrame({MATCH_KEY: record_keys}).with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(PLACE))
    lines = selected.join(records.drop_nulls(MATCH_KEY), on=MATCH_KEY, how="left", maintain_order="left_right")
    outcome = pl.coalesce(
        "outcome",
        pl.when(pl.col(PLACE).is_null()).then(pl.lit(Outcome.UNMATCHED, dtype=OUTCOME)),
    )
    if lines.height == selected.height:  # a line a row: no key matches many records
        return lines.drop(MATCH_KEY).with_columns(outcome)
    lines = lines.with_columns(pl.len().over(ROW).alias("matches"))
    if spec.when_many_match == "fail":
        _refuse_many(lines, spec)
    allowed = 1 if spec.when_many_match == "skip" else spec.max_matches
    ambiguous = pl.col("matches") > allowed
    return (
        lines.filter(~ambiguous | pl.col(ROW).is_first_distinct())
        .with_columns(
            pl.when(ambiguous).then(pl.lit(Outcome.AMBIGUOUS, dtype=OUTCOME)).otherwise(outcome).alias("outcome"),
            pl.when(ambiguous)
            .then(pl.format("matches {} records; at most {} may match", "matches", pl.lit(allowed)))
            .otherwise("reason")
            .alias("reason"),
            pl.when(~ambiguous).then(PLACE).alias(PLACE),
        )
        .drop(MATCH_KEY, "matches")
    )


class ManyMatches(PlanError):
    """Keys match several records where they must not.

    Attributes:
        keys: how many.
        most: the most records that one of them matches.
    """

    def __init__(self, spec: IntegrationSpec, keys: int, most: int) -> None:
        subject = "1 key matches" if keys == 1 else f"{keys:,} keys match"
        super().__init__(
            f"report {spec.report!r}: {subject} more than one {spec.object} record (up to {most}), and when_many_match"
            " is 'fail'; add a second key pair, or choose 'update_all' or 'skip'"
        )
        self.keys = keys
        self.most = most


def _refuse_many(lines: pl.DataFrame, spec: IntegrationSpec) -> None:
    many = lines.filter(pl.col("matches") > 1)
    raise ManyMatches(spec, many[ROW].n_unique(), many.select(pl.col("matches").max()).item())
