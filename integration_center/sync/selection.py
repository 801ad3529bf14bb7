"""Which rows of the report may be used: at most one for each key."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from integration_center.sync.columns import COLUMN, DAY
from integration_center.sync.keys import normalise_key
from integration_center.sync.outcomes import OUTCOME, Outcome
from integration_center.sync.recency import read_recency
from integration_center.sync.targets import Key, Target

Kind = Literal["snapshot", "events"]
"""A snapshot tells how things stand at the end of a day; events are rows that happen."""
NEWER_DAY = "a newer day has this row's place"
KEY_SEPARATOR = "\x1f"
SHOWN_KEY_SEPARATOR = " · "


def select_rows(
    rows: pl.DataFrame, keys: Sequence[Key], targets: Sequence[Target], *, latest_by: str | None, kind: Kind
) -> pl.DataFrame:
    """Settle the rows that cannot or need not be used, so that no two usable rows share a key.

    - Rows of a snapshot's older days are `superseded`.
    - Rows without a key (of several key pairs, without any one) are `no_key`.
    - Of rows with the same key, the newest is used: by `latest_by`, where rows without it count as oldest, then by
      the day. A `latest_by` that `read_recency` finds no order in does not count. Where several rows are the newest,
      the first is used if they all would write the same values, else none is.
    - Rows that lose are `superseded` if they are of an older day than the newest, else `duplicate_key`.

    Args:
        rows: what `name_columns` returns.
        keys: the key pairs.
        targets: the field mappings.
        latest_by: a column of the report, or None.
        kind: of the report.

    Returns:
        A line per row, in order: `row` UInt32, `day` Date, `key` String, `match_key` String (null unless the row
        is usable), `outcome` OUTCOME and `reason` String (null if it is).
    """
    base = rows.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        pl.col(DAY).cast(pl.Date).alias("day"),
        show_key([key.given for key in keys]).alias("key"),
        match_key_of_rows(keys, rows.schema).alias("match_key"),
    )
    superseded = pl.col("day") < pl.col("day").max() if kind == "snapshot" else pl.lit(False)
    base = base.with_columns(
        pl.when(superseded)
        .then(pl.lit(Outcome.SUPERSEDED, dtype=OUTCOME))
        .when(pl.col("match_key").is_null())
        .then(pl.lit(Outcome.NO_KEY, dtype=OUTCOME))
        .alias("outcome"),
        pl.when(superseded).then(pl.lit(NEWER_DAY)).alias("reason"),
    ).with_columns(pl.when(pl.col("outcome").is_null()).then("match_key").alias("match_key"))
    losers = _settle_duplicates(rows, base, targets, latest_by)
    if losers.is_empty():
        return base
    settled = base.join(losers, on="row", how="left", maintain_order="left")
    return settled.select(
        "row",
        "day",
        "key",
        pl.when(pl.col("loses.outcome").is_null()).then("match_key").alias("match_key"),
        pl.coalesce("loses.outcome", "outcome").alias("outcome"),
        pl.coalesce("loses.reason", "reason").alias("reason"),
    )


def name_columns(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The columns of the report that are used, under their names inside the plan, and `_day`."""
    used = [rows.get_column(column).alias(COLUMN + column) for column in columns]
    return pl.DataFrame([rows.get_column(DAY), *used])


def show_key(columns: Sequence[str]) -> pl.Expr:
    """The key as the report has it; null when it has none at all."""
    shown = [pl.col(column).cast(pl.String) for column in columns]
    if not shown:
        return pl.lit(None, dtype=pl.String)
    if len(shown) == 1:
        return shown[0]
    joined = pl.concat_str([part.fill_null("") for part in shown], separator=SHOWN_KEY_SEPARATOR)
    return pl.when(pl.any_horizontal(part.is_not_null() for part in shown)).then(joined)


def match_key_of_rows(keys: Sequence[Key], schema: pl.Schema) -> pl.Expr:
    """The key of a row of `name_columns` as it is compared; null when a part of it is blank.

    Blank matches nothing in Salesforce either.
    """
    parts = [normalise_key(pl.col(key.given), key.field, schema[key.given]) for key in keys]
    return _join_parts(parts)


def match_key_of_records(keys: Sequence[Key]) -> pl.Expr:
    """The same key, made of a record's fields."""
    parts = [normalise_key(pl.col(key.field.name), key.field, key.field.dtype) for key in keys]
    return _join_parts(parts)


def _settle_duplicates(
    rows: pl.DataFrame, base: pl.DataFrame, targets: Sequence[Target], latest_by: str | None
) -> pl.DataFrame:
    """The rows that lose against others with the same key: `row`, `loses.outcome` and `loses.reason`."""
    shared = pl.col("match_key").is_not_null() & pl.col("match_key").is_duplicated()
    contenders = base.filter(shared).select("row", "day", "match_key")
    recency = None
    if latest_by is not None and not contenders.is_empty():
        recency = read_recency(rows.get_column(COLUMN + latest_by))
    newest = contenders
    if recency is not None:
        newest = newest.hstack([recency.gather(newest["row"]).alias("latest")]).filter(_is_newest("latest"))
    newest = newest.filter(_is_newest("day")).select("row", "day", "match_key")
    verdicts = _judge_newest(newest, rows, targets)
    agreed = pl.col("columns") == ""
    older = pl.col("day") < pl.col("winning.day")
    if latest_by is None:
        which = "rows have this key"
    elif recency is None:
        which = (
            f"rows have this key (the texts of {latest_by!r} tell no newest one: they are neither all ISO moments nor"
            " all numbers)"
        )
    else:
        which = f"rows have this key and the newest {latest_by!r}"
    return (
        contenders.join(verdicts, on="match_key", how="left")
        .filter(~agreed | (pl.col("row") != pl.col("winning.row")))
        .select(
            "row",
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


def _is_newest(column: str) -> pl.Expr:
    return pl.col(column).eq_missing(pl.col(column).max().over("match_key"))


def _judge_newest(newest: pl.DataFrame, rows: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """What the newest rows of each key come to.

    Returns:
        A line per `match_key`: `winning.row` and `winning.day`; `count` of the rows; `columns`, those in which they
        differ, empty when they would write the same values.
    """
    fitted = rows.select(pl.col(target.given).gather(newest["row"]).alias(target.source) for target in targets).select(
        column
        for target, value in ((target, target.fit()) for target in targets)
        for column in (value.value.alias(target.after), value.code.alias(target.code))
    )
    disagreements = [
        pl.when((pl.col(target.after).n_unique() > 1) | (pl.col(target.code).n_unique() > 1))
        .then(pl.lit(repr(target.column)))
        .alias(target.source)
        for target in targets
    ]
    return (
        newest.hstack(fitted)
        .group_by("match_key")
        .agg(
            pl.col("row").min().alias("winning.row"),
            pl.col("day").first().alias("winning.day"),
            pl.len().alias("count"),
            *disagreements,
        )
        .select(
            "match_key",
            "winning.row",
            "winning.day",
            "count",
            pl.concat_str([target.source for target in targets], separator=", ", ignore_nulls=True).alias("columns"),
        )
    )


def _join_parts(parts: Sequence[pl.Expr]) -> pl.Expr:
    if len(parts) == 1:
        return parts[0]
    whole = [part.str.replace_all(KEY_SEPARATOR, " ", literal=True) for part in parts]
    return pl.concat_str(whole, separator=KEY_SEPARATOR)
