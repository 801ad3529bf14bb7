"""Choose the rows of the report that are used, at most one per key."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.columns import ASIDE, DAY, OUTCOME, PART_OF, PAST
from integration_center.sync.given import Given
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import LATEST, MATCH_KEY, ROW, MatchKeys, Terms
from integration_center.sync.recency import keep_newest
from integration_center.sync.targets import Target, fit_sources
from integration_center.sync.values.distinct import find_repeated

NEWER_DAY = "a newer day replaces this row"
SHOWN_KEY_SEPARATOR = " · "


def select_rows(rows: pl.DataFrame, keys: MatchKeys, given: Given, terms: Terms) -> pl.DataFrame:
    """Give an outcome to the rows that cannot or need not be used, so that no two usable rows share a key.

    - In a snapshot, rows of older days are `superseded`.
    - Rows that were set aside when the report was shaped are `filtered` or `rolled_up`.
    - Rows without a key are `no_key`. With several key pairs, every part of the key must be there.
    - Each day uses one row per key: the newest by `latest`, where rows without it count as oldest. When several rows
      are newest, the day uses the first if they would all write the same values, and none otherwise.
    - Among the rows that the days use for one key, the newest with a value to write is used: by `latest`, then by day.
      So a range gives the same result as its days one by one.
    - A row that loses to a row of another day is `superseded`; one that loses to a row of its own day is
      `duplicate_key`.
    - Rows of other days that earlier runs applied compete in the same way. When rows of this run lose to one of them,
      the newest of the losers still has its record looked up. So the run does not report that no record was found.

    Args:
        rows: the result of `prepare_rows`.
        keys: the keys of the rows.
        given: the values of the rows.
        terms: the terms of the plan.

    Returns:
        One line per row, in order: `row` UInt32, `day` Date, `number` UInt64 (of the key; null unless the record is
        looked up), `outcome` OUTCOME and `reason` (both null if the row is usable), which is String, or Null if no row
        has one.
    """
    superseded = pl.col(DAY) < terms.newest if terms.newest is not None else pl.lit(False)
    is_shaped = ASIDE in rows.columns
    aside = pl.col(ASIDE) if is_shaped else pl.lit(None, dtype=OUTCOME)
    part_of = pl.format("row {} has the value of all rows with this key", PART_OF) if is_shaped else pl.lit(None)
    base = rows.select(
        ROW,
        pl.col(DAY).alias("day"),
        keys.numbers,
        pl.when(superseded)
        .then(pl.lit(Outcome.SUPERSEDED, dtype=OUTCOME))
        .when(aside.is_not_null())
        .then(aside)
        .when(keys.numbers.is_null())
        .then(pl.lit(Outcome.NO_KEY, dtype=OUTCOME))
        .alias("outcome"),
        pl.when(superseded).then(pl.lit(NEWER_DAY)).otherwise(part_of).alias("reason"),
    ).with_columns(pl.when(pl.col("outcome").is_null()).then("number").alias("number"))
    if not base["reason"].count():  # a million texts take 16 MB, even if all are null
        base = base.with_columns(pl.lit(None).alias("reason"))
    shared = _find_shared(base, keys)
    if shared.is_empty():
        return base
    losers = _settle_duplicates(rows, shared, given, terms)
    settled = base.join(losers, on=ROW, how="left", maintain_order="left")
    return settled.select(
        ROW,
        "day",
        pl.when(pl.col("loses.looked_up").fill_null(True)).then("number").alias("number"),
        pl.coalesce("loses.outcome", "outcome").alias("outcome"),
        pl.coalesce("loses.reason", "reason").alias("reason"),
    )


def show_key(columns: Sequence[str]) -> pl.Expr:
    """Return the key as the report shows it; null when every part is null."""
    shown = [pl.col(column).cast(pl.String) for column in columns]
    if not shown:
        return pl.lit(None, dtype=pl.String)
    if len(shown) == 1:
        return shown[0]
    joined = pl.concat_str([part.fill_null("") for part in shown], separator=SHOWN_KEY_SEPARATOR)
    return pl.when(pl.any_horizontal(part.is_not_null() for part in shown)).then(joined)


def _settle_duplicates(rows: pl.DataFrame, contenders: pl.DataFrame, given: Given, terms: Terms) -> pl.DataFrame:
    """Find the rows that lose against others with the same key.

    Returns:
        `row`, `loses.outcome`, `loses.reason`, and `loses.looked_up`: whether the record is looked up nevertheless.
    """
    beside = [name for name in (LATEST, PAST) if name in rows.columns]
    latest = LATEST if LATEST in rows.columns else None
    contenders = contenders.hstack([rows[name].gather(contenders[ROW]) for name in beside])
    newest = contenders.filter(_is_newest(latest)) if latest else contenders
    verdicts = _judge_newest(newest, given, terms.targets)
    agreed = verdicts.filter(pl.col("columns") == "")
    order = ["says", *([latest] if latest else []), "day"]
    used = keep_newest(agreed, MATCH_KEY, order)
    beaten = (
        contenders.select(ROW, "day", MATCH_KEY)
        .join(verdicts, on=[MATCH_KEY, "day"], how="left")
        .join(used.drop("columns", "count", "says").rename(_name_used), on=MATCH_KEY, how="left", suffix=".used")
        .filter(pl.col("used.row").is_null() | (pl.col(ROW) != pl.col("used.row")))
    )
    differ = (pl.col("columns") != "") & (pl.col("used.row").is_null() | _is_newer_than_used(latest))
    same_day = pl.col("day") == pl.col("used.day")
    applied = ~pl.col("used.past") if PAST in beside else pl.lit(False)
    own = agreed.filter(pl.col(PAST).is_null()) if PAST in beside else agreed.clear()
    own_best = keep_newest(own, MATCH_KEY, order)["winning.row"]
    return beaten.select(
        ROW,
        pl.when(differ | same_day)
        .then(pl.lit(Outcome.DUPLICATE_KEY, dtype=OUTCOME))
        .otherwise(pl.lit(Outcome.SUPERSEDED, dtype=OUTCOME))
        .alias("loses.outcome"),
        pl.when(differ)
        .then(
            pl.format("{} {} and differ in {}; none is used", "count", pl.lit(_describe_tie(terms, latest)), "columns")
        )
        .when(same_day)
        .then(pl.format("row {} has the same key and is used", "used.row"))
        .when(~pl.col("says"))
        .then(pl.format("the row has no value to write; the row of {} is used", "used.day"))
        .when(applied.fill_null(False))
        .then(pl.format("a newer row with this key, of {}, was already applied", "used.day"))
        .when(pl.col("day") < pl.col("used.day"))
        .then(pl.lit(NEWER_DAY))
        .otherwise(pl.format("a newer row with this key, of {}, is used", "used.day"))
        .alias("loses.reason"),
        (~differ & applied.fill_null(False) & pl.col(ROW).is_in(own_best.implode())).alias("loses.looked_up"),
    )


def _name_used(column: str) -> str:
    names = {"winning.row": "used.row", "day": "used.day", LATEST: "used.latest", PAST: "used.past"}
    return names.get(column, column)


def _is_newer_than_used(latest: str | None) -> pl.Expr:
    """Return whether the newest rows of a day are newer than the used row, which belongs to another day."""
    newer_day = pl.col("day") > pl.col("used.day")
    if latest is None:
        return newer_day
    own, used = pl.col(latest), pl.col("used.latest")
    return (own > used).fill_null(False) | (own.is_not_null() & used.is_null()) | (own.eq_missing(used) & newer_day)


def _describe_tie(terms: Terms, latest: str | None) -> str:
    if terms.latest_by is None:
        return "rows have this key"
    if latest is None:
        return (
            f"rows have this key (the values of {terms.latest_by!r} do not show the newest: they are neither all dates"
            " and times nor all numbers)"
        )
    return f"rows have this key and the newest {terms.latest_by!r}"


def _find_shared(base: pl.DataFrame, keys: MatchKeys) -> pl.DataFrame:
    """Find the usable rows that share their key with another row: `row`, `day` and `match_key`."""
    repeated = find_repeated(base["number"])
    likely = base.filter(pl.col("number").is_in(repeated.implode()).fill_null(False)).select(ROW, "day")
    return likely.with_columns(keys.texts(likely[ROW])).filter(pl.col(MATCH_KEY).is_duplicated())


def _is_newest(column: str) -> pl.Expr:
    return pl.col(column).eq_missing(pl.col(column).max().over(MATCH_KEY, "day"))


def _judge_newest(newest: pl.DataFrame, given: Given, targets: Sequence[Target]) -> pl.DataFrame:
    """Judge the newest rows of each key and day.

    Returns:
        One line per `match_key` and `day`: `winning.row`, the first row; `count`, the number of rows; `columns`, the
        columns in which they differ, empty when they would write the same values; `says`, whether there is a value to
        write; and the other columns of `newest`.
    """
    others = [name for name in newest.columns if name not in (ROW, "day", MATCH_KEY)]
    fitted = fit_sources(given.take(newest[ROW]), targets)
    says = pl.any_horizontal(
        pl.lit(any(target.clears for target in targets)),
        *(pl.col(column).is_not_null() for target in targets for column in (target.after, target.code)),
    )
    disagreements = [
        pl.when((pl.col(target.after).n_unique() > 1) | (pl.col(target.code).n_unique() > 1))
        .then(pl.lit(repr(target.column)))
        .alias(target.source)
        for target in targets
    ]
    return (
        newest.hstack(fitted)
        .group_by(MATCH_KEY, "day")
        .agg(
            pl.col(ROW).min().alias("winning.row"),
            pl.len().alias("count"),
            *(pl.col(name).first() for name in others),
            says.first().alias("says"),
            *disagreements,
        )
        .select(
            MATCH_KEY,
            "day",
            "winning.row",
            "count",
            "says",
            *others,
            pl.concat_str([target.source for target in targets], separator=", ", ignore_nulls=True).alias("columns"),
        )
    )
