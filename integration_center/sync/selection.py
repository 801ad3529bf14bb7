"""Which rows of the report may be used: at most one for each key."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.columns import DAY
from integration_center.sync.distinct import find_repeated
from integration_center.sync.outcomes import OUTCOME, Outcome
from integration_center.sync.targets import Target, fit_sources
from integration_center.sync.terms import LATEST, MATCH_KEY, ROW, MatchKeys, Terms

NEWER_DAY = "a newer day has this row's place"
SHOWN_KEY_SEPARATOR = " · "


def select_rows(rows: pl.DataFrame, keys: MatchKeys, terms: Terms) -> pl.DataFrame:
    """Settle the rows that cannot or need not be used, so that no two usable rows share a key.

    - Rows of a snapshot's older days are `superseded`.
    - Rows without a key (of several key pairs, without any one) are `no_key`.
    - Of rows with the same key, the newest is used: by `latest`, where rows without it count as oldest, then by
      the day. Where several rows are the newest, the first is used if they all would write the same values, else none
      is.
    - Rows that lose are `superseded` if they are of an older day than the newest, else `duplicate_key`.

    Args:
        rows: what `prepare_rows` returns.
        keys: of the rows.
        terms: of the plan.

    Returns:
        A line per row, in order: `row` UInt32, `day` Date, `key` String, `number` UInt64 (of its key;
        null unless the row is usable), `outcome` OUTCOME and `reason` String (null if it is).
    """
    superseded = pl.col(DAY) < terms.newest if terms.newest is not None else pl.lit(False)
    base = rows.select(
        ROW,
        pl.col(DAY).alias("day"),
        show_key([key.given for key in terms.keys]).alias("key"),
        keys.numbers,
        pl.when(superseded)
        .then(pl.lit(Outcome.SUPERSEDED, dtype=OUTCOME))
        .when(keys.numbers.is_null())
        .then(pl.lit(Outcome.NO_KEY, dtype=OUTCOME))
        .alias("outcome"),
        pl.when(superseded).then(pl.lit(NEWER_DAY)).alias("reason"),
    ).with_columns(pl.when(pl.col("outcome").is_null()).then("number").alias("number"))
    losers = _settle_duplicates(rows, _find_shared(base, keys), terms)
    if losers.is_empty():
        return base
    settled = base.join(losers, on=ROW, how="left", maintain_order="left")
    return settled.select(
        ROW,
        "day",
        "key",
        pl.when(pl.col("loses.outcome").is_null()).then("number").alias("number"),
        pl.coalesce("loses.outcome", "outcome").alias("outcome"),
        pl.coalesce("loses.reason", "reason").alias("reason"),
    )


def show_key(columns: Sequence[str]) -> pl.Expr:
    """The key as the report has it; null when it has none at all."""
    shown = [pl.col(column).cast(pl.String) for column in columns]
    if not shown:
        return pl.lit(None, dtype=pl.String)
    if len(shown) == 1:
        return shown[0]
    joined = pl.concat_str([part.fill_null("") for part in shown], separator=SHOWN_KEY_SEPARATOR)
    return pl.when(pl.any_horizontal(part.is_not_null() for part in shown)).then(joined)


def _settle_duplicates(rows: pl.DataFrame, contenders: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """The rows that lose against others with the same key: `row`, `loses.outcome` and `loses.reason`."""
    newest = contenders
    if LATEST in rows.columns:
        newest = newest.hstack([rows[LATEST].gather(newest[ROW])]).filter(_is_newest(LATEST))
    newest = newest.filter(_is_newest("day")).select(ROW, "day", MATCH_KEY)
    verdicts = _judge_newest(newest, rows, terms.targets)
    agreed = pl.col("columns") == ""
    older = pl.col("day") < pl.col("winning.day")
    if terms.latest_by is None:
        which = "rows have this key"
    elif LATEST not in rows.columns:
        which = (
            f"rows have this key (the texts of {terms.latest_by!r} tell no newest one: they are neither all ISO moments"
            " nor all numbers)"
        )
    else:
        which = f"rows have this key and the newest {terms.latest_by!r}"
    return (
        contenders.join(verdicts, on=MATCH_KEY, how="left")
        .filter(~agreed | (pl.col(ROW) != pl.col("winning.row")))
        .select(
            ROW,
            pl.when(older)
            .then(pl.lit(Outcome.SUPERSEDED, dtype=OUTCOME))
            .otherwise(pl.lit(Outcome.DUPLICATE_KEY, dtype=OUTCOME))
            .alias("loses.outcome"),
            pl.when(older)
            .then(pl.lit(NEWER_DAY))
            .when(agreed)
            .then(pl.format("row {} has the same key and is used", "winning.row"))
            .otherwise(pl.format("{} {} and differ in {}; none is used", "count", pl.lit(which), "columns"))
            .alias("loses.reason"),
        )
    )


def _find_shared(base: pl.DataFrame, keys: MatchKeys) -> pl.DataFrame:
    """The usable rows that share their key with another one: `row`, `day` and `match_key`."""
    repeated = find_repeated(base["number"])
    likely = base.filter(pl.col("number").is_in(repeated.implode()).fill_null(False)).select(ROW, "day")
    return likely.with_columns(keys.texts(likely[ROW])).filter(pl.col(MATCH_KEY).is_duplicated())


def _is_newest(column: str) -> pl.Expr:
    return pl.col(column).eq_missing(pl.col(column).max().over(MATCH_KEY))


def _judge_newest(newest: pl.DataFrame, rows: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """What the newest rows of each key come to.

    Returns:
        A line per `match_key`: `winning.row` and `winning.day`; `count` of the rows; `columns`, those in which they
        differ, empty when they would write the same values.
    """
    sources = rows.select(pl.col(target.given).gather(newest[ROW]).alias(target.source) for target in targets)
    fitted = fit_sources(sources, targets)
    disagreements = [
        pl.when((pl.col(target.after).n_unique() > 1) | (pl.col(target.code).n_unique() > 1))
        .then(pl.lit(repr(target.column)))
        .alias(target.source)
        for target in targets
    ]
    return (
        newest.hstack(fitted)
        .group_by(MATCH_KEY)
        .agg(
            pl.col(ROW).min().alias("winning.row"),
            pl.col("day").first().alias("winning.day"),
            pl.len().alias("count"),
            *disagreements,
        )
        .select(
            MATCH_KEY,
            "winning.row",
            "winning.day",
            "count",
            pl.concat_str([target.source for target in targets], separator=", ", ignore_nulls=True).alias("columns"),
        )
    )
