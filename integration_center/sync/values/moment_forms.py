"""Read dates and times in unambiguous forms other than ISO 8601: the year first, or the month by name.

`01/02/2026` is not read: which of the two numbers is the month would be a guess. Dates and times of day are read apart:
of each there are few different ones, also in a million rows.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import polars as pl

from integration_center.sync.values.month_names import write_in_english

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?"
)
WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
YEAR_FIRST = (
    r"(?P<year>\d{4})(?:-(?P<a>\d{1,2})-(?P<b>\d{1,2})|/(?P<c>\d{1,2})/(?P<d>\d{1,2})|\.(?P<e>\d{1,2})\.(?P<f>\d{1,2}))"
)
DAY_FIRST = rf"(?P<day2>\d{{1,2}})[ ./-]{{0,2}}(?P<month2>{MONTH})\.?[ ,/-]{{0,2}}(?P<year2>\d{{4}})"
MONTH_FIRST = rf"(?P<month3>{MONTH})\.? {{1,2}}(?P<day3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year3>\d{{4}})"
DATE = rf"(?i)^{WEEKDAY}(?:{YEAR_FIRST}|{DAY_FIRST}|{MONTH_FIRST})$"
TIME = (
    r"(?i)^(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?)?\s?"
    r"(?P<half>[ap]\.?m\.?)?\s?(?P<zone>z|utc|gmt|uhr)?"
    r"(?:(?P<sign>[+-])(?P<ahead_hours>[01]?\d|2[0-3]):?(?P<ahead_minutes>[0-5]\d)?)?$"
)
BEFORE_TIME = r"(?i)(?:t|,? {1,2}|,?\s(?:at|à|um)\s)"
"""What is between a date and a time."""
TIME_PART = rf"{BEFORE_TIME}(\d{{1,2}}:.*)$"
ZONE_TWICE = r"(?i)(z|utc|gmt|[+-]\d{2}:?(?:\d{2})?)\s?(?:\[[\w/+-]{1,60}\]|\([^()]{1,60}\))$"
YEAR_LAST = r"(?i)^((?:[a-z]{3},? )?[a-z]{3} {1,2}\d{1,2}) (\d{1,2}:\d{2}:\d{2}(?: (?:utc|gmt))?) (\d{4})$"
WITHOUT_SIGNS = r"^(\d{4})(\d{2})(\d{2})[Tt](\d{2})(\d{2})(\d{2})"
COLON_BEFORE_TIME = r"(?i)^(\d{1,2}[ /-]?[a-z]{3,9}[ /-]?\d{4}):(\d{1,2}:)"
WITH_DOTS = r"^(\d{4}-\d{2}-\d{2})-(\d{2})\.(\d{2})\.(\d{2})"
OTHERWISE = {
    ZONE_TWICE: "${1}",  # Java and JavaScript: 2026-11-22T07:00:00+01:00[Europe/Berlin]
    YEAR_LAST: "${1} ${3} ${2}",  # Unix: Sun Nov 22 07:00:00 UTC 2026
    WITHOUT_SIGNS: "${1}-${2}-${3} ${4}:${5}:${6}",  # ISO 8601 without signs: 20261122T070000Z
    COLON_BEFORE_TIME: "${1} ${2}",  # SAS and Apache: 22NOV2026:07:00:00, 22/Nov/2026:07:00:00 +0100
    WITH_DOTS: "${1} ${2}:${3}:${4}",  # Db2: 2026-11-22-07.00.00.000000
}
"""Forms with other signs or another order, and the same time in a form that is taken apart."""
MAY_BE_DATE = r"(?i)\d{4}|年"
"""What each of these forms has. Most other texts lack it, and are not taken apart."""
MICROSECONDS = 1_000_000
Texts = TypeVar("Texts", pl.Expr, pl.Series)


def read_other_forms(text: pl.Series, *, as_written: bool) -> pl.Series:
    """Read text such as `2026/11/22 7:00`, `22 Nov 2026`, `Nov 22, 2026 3:58 PM` or `2026-11-22 07:00:00 GMT+02`.

    Months may have the names that they have in other languages, see `month_names`.

    Args:
        text: the cells, without outer blanks.
        as_written: whether to read what clocks show, whatever the offset from UTC.

    Returns:
        Datetime("us", "UTC"). A date becomes 00:00 UTC, and a time without a zone is UTC. Other text is null.
    """
    dated = text.set(~text.str.contains(MAY_BE_DATE), None)
    if dated.null_count() == len(dated):
        return pl.Series(text.name, [None], pl.Datetime("us", "UTC")).new_from_index(0, len(text))
    dated = write_usually(dated)
    times = dated.str.extract(TIME_PART)
    days = read_distinct(dated.str.replace(TIME_PART, ""), read_days)
    since_midnight = read_distinct(times, partial(read_times, as_written=as_written)).set(times.is_null(), 0)
    return (days + since_midnight).cast(pl.Datetime("us", "UTC")).alias(text.name)


def write_usually(text: pl.Series) -> pl.Series:
    """Write times of the forms of `OTHERWISE` in the form that is taken apart. Other text stays."""
    # Hardly any column has such times, and to look for them once takes less time than to rewrite each text five times.
    if text.str.contains("|".join(OTHERWISE)).any():
        for form, usual in OTHERWISE.items():
            text = text.str.replace(form, usual)
    return text


def read_distinct(text: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return the same as `read(text)`, whose values depend on nothing but each text, computed once per text."""
    values = text.alias("text").to_frame()
    distinct = values.unique()
    if distinct.height > values.height / 2:
        return read(values.to_series())
    numbers = distinct.with_columns(read(distinct.to_series()).alias("read"))
    return values.join(numbers, on="text", how="left", maintain_order="left")["read"]


def read_days(text: pl.Series) -> pl.Series:
    """Read dates as microseconds since 1970, Int64; null for other text."""
    parts = pl.col("parts").struct
    year = pl.coalesce(parts.field("year"), parts.field("year2"), parts.field("year3"))
    named = pl.coalesce(parts.field("month2"), parts.field("month3")).str.to_lowercase().str.head(3)
    numbers = {name: str(number) for number, name in enumerate(MONTHS, 1)}
    month = pl.coalesce(
        parts.field("a"),
        parts.field("c"),
        parts.field("e"),
        named.replace_strict(numbers, default=None, return_dtype=pl.String),
    )
    day = pl.coalesce(*(parts.field(name) for name in ("b", "d", "f", "day2", "day3")))
    written = pl.concat_str(year, pl.lit("-"), month.str.zfill(2), pl.lit("-"), day.str.zfill(2))
    taken_apart = write_in_english(text).str.extract_groups(DATE).alias("parts").to_frame()
    read = written.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).cast(pl.Int64)
    return taken_apart.select(read).to_series()


def count_ahead(sign: Texts, hours: Texts, minutes: Texts) -> Texts:
    """Return by how many minutes clocks are ahead of UTC, from the parts of an offset; null where there is none."""
    count = hours.cast(pl.Int64, strict=False) * 60 + minutes.cast(pl.Int64, strict=False).fill_null(0)
    return count * sign.replace_strict({"-": -1, "\u2212": -1}, default=1, return_dtype=pl.Int64)


def read_times(text: pl.Series, *, as_written: bool) -> pl.Series:
    """Read times of day as microseconds since 00:00 UTC, Int64; null for other text. See `read_other_forms`."""
    parts = pl.col("parts").struct
    hour, half = parts.field("hour").cast(pl.Int64), parts.field("half").str.to_lowercase().str.head(1)
    of_day = (
        pl.when(half.is_null() & (hour < 24))
        .then(hour)
        .when(half.is_not_null() & hour.is_between(1, 12))
        .then(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    )
    seconds = parts.field("second").cast(pl.Int64).fill_null(0)
    fraction = parts.field("fraction").str.head(6).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    ahead = count_ahead(parts.field("sign"), parts.field("ahead_hours"), parts.field("ahead_minutes")).fill_null(0)
    in_minutes = of_day * 60 + parts.field("minute").cast(pl.Int64)
    in_seconds = (in_minutes if as_written else in_minutes - ahead) * 60 + seconds
    taken_apart = text.str.extract_groups(TIME).alias("parts").to_frame()
    return taken_apart.select(in_seconds * MICROSECONDS + fraction).to_series()
