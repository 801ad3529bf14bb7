"""Compare the rows of this run with the rows of other days that earlier runs applied.

Days of an event report arrive late, twice, corrected, or in ranges. The result must not depend on that: the org should
hold the newest row of each key, over all days that the integration has applied. So a run looks at the applied rows of
other days that share a key with its own rows. A newer applied row keeps a row of the run from being written. And when
the newest row of a key came from an earlier version of one of the run's days, and the day no longer has that row, the
newest row of the other days is written again.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter

import polars as pl
from polars.selectors import by_name

from integration_center.sync.columns import ASIDE, COLUMN, DAY, PAST
from integration_center.sync.match.keys import BLANKS
from integration_center.sync.outcomes import APPLIED, Outcome
from integration_center.sync.plan_terms import LATEST, Terms, name_columns, number_rows
from integration_center.sync.recency import keep_newest, read_recency
from integration_center.sync.values.zones import stack_frames

NUMBER = "number"
"""The column with the number of a row's key; see `MatchKeys`."""
WRITTEN = "written"
"""The column that says whether the org got or already had the row's values. The row was superseded otherwise."""
REDONE = "redone"
"""The column that says whether the row comes from an earlier version of one of this run's days."""


@dataclass(frozen=True)
class PastDay:
    """One day of the report as an earlier run applied it.

    Attributes:
        day: the day.
        rows: the report of the day, as that run read it.
        lines: the ledger of that run. Its lines of `day` belong to `rows`, in the same order.
    """

    day: date
    rows: pl.LazyFrame
    lines: pl.LazyFrame


@dataclass(frozen=True)
class Past:
    """What earlier runs of an integration applied, as a run sees it.

    Attributes:
        days: the days of the run itself, including days without rows.
        versions: the days that earlier runs applied, including the days of the run. A day may have several versions,
            the newest first. A row of an older version counts where the newer versions applied no row of its key.
    """

    days: Collection[date]
    versions: Sequence[PastDay]


def find_past_rows(own: pl.DataFrame, past: Past, terms: Terms) -> pl.DataFrame:
    """Find the rows of other days that affect what this run writes, at most one per key.

    Args:
        own: the rows of this run: the columns that the plan needs, and `_day`.
        past: what earlier runs applied.
        terms: the terms of the plan.

    Returns:
        `_day`, the columns that the plan needs, as far as those days have them, and `PAST`. `PAST` is true for a row
        that must be written again: the org holds, or may hold, a value that this run's days no longer contain, or the
        row was never written. `PAST` is false for a row that was written and only keeps older rows from being written.
    """
    versions = sorted(past.versions, key=attrgetter("day"))  # stable: the versions of a day keep their order
    named = name_columns(own, terms.columns)
    numbers = _number_keys(named, terms)
    redone = _collect((version for version in versions if version.day in past.days), None, terms)
    wanted = pl.concat([numbers, redone[NUMBER]]).unique()
    oldest = _find_oldest(named, terms) if redone.is_empty() else None
    others = _collect((version for version in versions if version.day not in past.days), wanted, terms, oldest)
    both = _stack([others.with_columns(pl.lit(False).alias(REDONE)), redone.with_columns(pl.lit(True).alias(REDONE))])
    held = _keep_newest(both, terms).filter(REDONE)[NUMBER]
    rows = others.with_columns((~pl.col(WRITTEN) | pl.col(NUMBER).is_in(held.implode())).alias(PAST))
    used = rows.filter(pl.col(PAST) | pl.col(NUMBER).is_in(numbers.implode()))
    return used.drop(NUMBER, WRITTEN).rename(lambda name: name.removeprefix(COLUMN))


def add_past_rows(own: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Append past rows to the rows of a run. The dtype of a column may differ from day to day."""
    return _stack([own.with_columns(pl.lit(None, dtype=pl.Boolean).alias(PAST)), past])


def _collect(
    versions: Iterable[PastDay], wanted: pl.Series | None, terms: Terms, oldest: pl.Series | None = None
) -> pl.DataFrame:
    """Collect the newest row of each wanted key, or of every key when `wanted` is None; one day at a time in memory."""
    empty = {DAY: pl.Date(), NUMBER: pl.UInt64(), WRITTEN: pl.Boolean()}
    newest = pl.DataFrame(schema=empty)
    for _, of_day in groupby(versions, key=attrgetter("day")):
        rows = _read_day(of_day, wanted, terms, oldest)
        if rows.height:
            newest = _keep_newest(_stack([newest, rows]), terms)
    return newest


def _read_day(
    versions: Iterator[PastDay], wanted: pl.Series | None, terms: Terms, oldest: pl.Series | None
) -> pl.DataFrame:
    """Read the applied rows of one day: for each key, the rows of the newest version that applied any."""
    found: list[pl.DataFrame] = []
    for version in versions:
        rows = _read_version(version, wanted, terms, oldest)
        for newer in found:
            rows = rows.join(newer, on=NUMBER, how="anti", maintain_order="left")
        if rows.height:
            found.append(rows)
    if not found:
        return pl.DataFrame()
    used = _use_one_a_key(_stack(found), terms)
    return used.filter(_have_values(used, terms))


def _read_version(version: PastDay, wanted: pl.Series | None, terms: Terms, oldest: pl.Series | None) -> pl.DataFrame:
    there = version.rows.collect_schema()
    needed = (
        {key.column for key in terms.keys} if terms.shape is None else set(terms.spec.columns) - {terms.spec.latest_by}
    )
    if not needed <= set(there) or _is_older(version, oldest, terms):
        return pl.DataFrame(schema={NUMBER: pl.UInt64()})
    lines = version.lines.filter(pl.col("day") == version.day).select("row", "outcome").collect()
    applied = lines.filter(pl.col("outcome").is_in([*APPLIED, Outcome.SUPERSEDED]))
    fates = applied.group_by(place=pl.col("row") - (lines["row"].min() or 0)).agg(
        (pl.col("outcome") != Outcome.SUPERSEDED).any().alias(WRITTEN)
    )
    rows = _read_shaped(version, terms) if terms.shape else _read_columns(version, _list_known(terms, there))
    places = pl.int_range(rows.height, dtype=pl.UInt32, eager=True).alias("place")
    hits = pl.DataFrame([places, _number_keys(rows, terms)]).drop_nulls()
    hits = hits.join(fates, on="place", maintain_order="left")
    if wanted is not None:
        hits = hits.join(wanted.to_frame(NUMBER), on=NUMBER, how="semi", maintain_order="left")
    return pl.DataFrame([column.gather(hits["place"]) for column in rows]).hstack(hits.select(NUMBER, WRITTEN))


def _list_known(terms: Terms, there: pl.Schema) -> tuple[str, ...]:
    return tuple(column for column in terms.columns if column in there)


def _read_shaped(version: PastDay, terms: Terms) -> pl.DataFrame:
    """Read the rows of a day as this run shapes rows. Rows that were set aside keep their place, without a key."""
    there = version.rows.collect_schema()
    read = [column for column in terms.spec.columns if column in there]
    rows = version.rows.select(by_name(*read)).collect().with_columns(pl.lit(version.day).alias(DAY))
    shaped = terms.shape(rows) if terms.shape else rows
    keyless = [pl.when(shaped[ASIDE].is_null()).then(shaped[key.column]).alias(key.column) for key in terms.keys]
    return name_columns(shaped.with_columns(pl.select(keyless).get_columns()), terms.columns)


def _have_values(rows: pl.DataFrame, terms: Terms) -> pl.Series:
    """Return whether each row has a value to write. A row without one never replaces a row with one."""
    clears = any(target.clears for target in terms.targets)
    given = [target.given for target in terms.targets if target.given in rows.columns]
    filled = [pl.col(name).cast(pl.String).str.strip_chars(BLANKS) != "" for name in given]
    says = pl.any_horizontal(pl.lit(clears), *(value.fill_null(False) for value in filled))
    return rows.select(DAY, says.alias("says"))["says"]


def _read_columns(version: PastDay, columns: tuple[str, ...]) -> pl.DataFrame:
    """Read some columns of a day, under their names inside the plan, and add `_day`."""
    rows = version.rows.select(by_name(*columns)).collect()
    return name_columns(rows.with_columns(pl.lit(version.day).alias(DAY)), columns)


def _use_one_a_key(rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Keep the newest row of each key of one day, or no row where the newest rows would write different values."""
    if not rows[NUMBER].is_duplicated().any():
        return rows
    if (latest := _read_latest(rows, terms)) is not None:
        rows = rows.with_columns(latest).filter(pl.col(LATEST).eq_missing(pl.col(LATEST).max().over(NUMBER)))
        rows = rows.drop(LATEST)
    values = [target.given for target in terms.targets if target.given in rows.columns]
    distinct = rows.select(by_name(NUMBER, *values)).unique()[NUMBER]
    alone = distinct.filter(distinct.is_unique())
    return rows.filter(pl.col(NUMBER).is_in(alone.implode())).unique(NUMBER, keep="first", maintain_order=True)


def _keep_newest(rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    latest = _read_latest(rows, terms)
    if latest is None:
        return keep_newest(rows, NUMBER, [DAY])
    return keep_newest(rows.with_columns(latest), NUMBER, [LATEST, DAY]).drop(LATEST)


def _read_latest(rows: pl.DataFrame, terms: Terms) -> pl.Series | None:
    column = f"{COLUMN}{terms.latest_by}"
    if terms.latest_by is None or column not in rows.columns:
        return None
    latest = read_recency(rows.get_column(column))
    return None if latest is None else latest.alias(LATEST)


def _number_keys(rows: pl.DataFrame, terms: Terms) -> pl.Series:
    return number_rows(rows, terms).alias(NUMBER)


def _find_oldest(own: pl.DataFrame, terms: Terms) -> pl.Series | None:
    """Find the oldest time of the rows, as a series of length 1. None if a row has no time, or there are no rows."""
    latest = _read_latest(own, terms)
    return None if latest is None or latest.null_count() or latest.is_empty() else latest.sort().head(1)


def _is_older(version: PastDay, oldest: pl.Series | None, terms: Terms) -> bool:
    """Return whether all rows of a past day are older than `oldest`, and can be skipped. Reads one column only."""
    if oldest is None or terms.latest_by is None or terms.latest_by not in version.rows.collect_schema():
        return False
    latest = _read_latest(_read_columns(version, (terms.latest_by,)), terms)
    if latest is None or latest.dtype != oldest.dtype:
        return False
    return not (latest >= oldest.item()).any()


def _stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Concatenate frames vertically. A column that mixes kinds of dtype, such as numbers and dates, becomes text."""
    kinds: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            kinds.setdefault(name, set()).add(dtype)
    mixed = [name for name, dtypes in kinds.items() if not _are_alike(dtypes - {pl.Null()})]
    alike = [
        frame.with_columns(frame.get_column(name).cast(pl.String) for name in mixed if name in frame.columns)
        for frame in frames
    ]
    return stack_frames(alike)


def _are_alike(dtypes: set[pl.DataType]) -> bool:
    alike = all(dtype.is_numeric() for dtype in dtypes) or all(
        isinstance(dtype, pl.Date | pl.Datetime) for dtype in dtypes
    )
    return len(dtypes) < 2 or alike
