"""Join usable rows to the records that they match."""

from itertools import pairwise

import polars as pl

from integration_center.errors import PlanError
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import ROW, MatchKeys
from integration_center.sync.values.pairs import PLACE, find_all_places

COMPARED_AT_A_TIME = 50_000
"""The rows whose keys are compared with those of their records at a time."""
MOST_COMPARED = 100_000
"""The most matches that are compared at a time: in most reports a few rows match several records."""


def match_rows(
    selected: pl.DataFrame, row_keys: MatchKeys, record_keys: MatchKeys, spec: IntegrationSpec
) -> pl.DataFrame:
    """Join rows to records by their keys.

    A record has one key, and a key has at most one usable row, so no record is matched twice.

    Args:
        selected: the result of `select_rows`.
        row_keys: the keys of the rows.
        record_keys: the keys of the records.
        spec: the integration; it says what to do with a key that matches many records.

    Returns:
        `selected` without `number`, with one line per row and matched record, in order of `row`, and at least one line
        per row. `place` UInt32 is the position of the record, null when there is none or the match is ambiguous.
        `outcome` is `unmatched`, `ambiguous`, or null for a matched line.

    Raises:
        PlanError: `when_many_match` is `fail`, and a key matches several records.
    """
    found = _find_places(selected, row_keys, record_keys)
    matches = found[ROW].rle().struct.field("len").alias("matches")  # one entry per row: `found` is in row order
    if spec.when_many_match == "fail" and (matches > 1).any():
        raise _build_refusal(spec, matches.filter(matches > 1))
    allowed = 1 if spec.when_many_match == "skip" else spec.max_matches
    ambiguous = pl.col("matches") > allowed
    found = found.with_columns(matches.gather(found[ROW]))
    found = found.filter(~ambiguous | (pl.col(ROW) != pl.col(ROW).shift()).fill_null(True))
    lines = selected.drop("number")
    if found.height != selected.height:
        lines = lines.select(pl.all().gather(found[ROW]))
    lines = lines.hstack([found[PLACE], found["matches"]])
    if (lines["matches"] > allowed).any():
        said = pl.format("matches {} records; at most {} may match", "matches", pl.lit(allowed))
        lines = lines.with_columns(pl.when(ambiguous).then(said).otherwise("reason").alias("reason"))
    return lines.with_columns(
        pl.when(ambiguous)
        .then(pl.lit(Outcome.AMBIGUOUS, dtype=OUTCOME))
        .when(pl.col("outcome").is_null() & pl.col(PLACE).is_null())
        .then(pl.lit(Outcome.UNMATCHED, dtype=OUTCOME))
        .otherwise("outcome")
        .alias("outcome"),
        pl.when(~ambiguous).then(PLACE).alias(PLACE),
    ).drop("matches")


def _build_refusal(spec: IntegrationSpec, matches: pl.Series) -> PlanError:
    """Build the error for keys that match several records each, where they may match only one."""
    subject = "1 key matches" if len(matches) == 1 else f"{len(matches):,} keys match"
    return PlanError(
        f"report {spec.report!r}: {subject} more than one {spec.object} record (up to {matches.max()!r}), and"
        " when_many_match is 'fail'; add a second key pair, or choose 'update_all' or 'skip'"
    )


def _find_places(selected: pl.DataFrame, row_keys: MatchKeys, record_keys: MatchKeys) -> pl.DataFrame:
    """Find one (`row`, `place`) pair per match. `place` is null for a row without a match."""
    found = find_all_places(selected["number"], record_keys.numbers)
    # Cut by rows, not by matches, as their frame on disk is: a part of it that is cut would be read twice.
    starts = pl.Series(range(0, selected.height, COMPARED_AT_A_TIME), dtype=pl.UInt32)
    groups = (found[first:end] for first, end in pairwise([*found[ROW].search_sorted(starts), found.height]))
    for part in (part for group in groups for part in group.iter_slices(MOST_COMPARED)):
        matched = part.drop_nulls(PLACE)
        if not row_keys.agree(matched[ROW], record_keys, matched[PLACE]):
            return _join_texts(selected, row_keys, record_keys)
    return found


def _join_texts(selected: pl.DataFrame, row_keys: MatchKeys, record_keys: MatchKeys) -> pl.DataFrame:
    """Join by the texts of the keys, for the rare case that two different keys have the same number."""
    text = pl.when(pl.col("number").is_not_null()).then(row_keys.texts(selected[ROW]))
    every = pl.int_range(len(record_keys.numbers), dtype=pl.UInt32, eager=True)
    records = pl.LazyFrame({"key": record_keys.texts(every)}).with_row_index(PLACE).drop_nulls("key")
    rows = selected.lazy().select(ROW, text.alias("key"))
    joined = rows.join(records, on="key", how="left", maintain_order="left_right")
    return joined.select(ROW, pl.col(PLACE).cast(pl.UInt32)).collect()
