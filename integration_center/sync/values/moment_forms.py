"""Read dates and times in unambiguous forms other than ISO 8601: the year first, or the month by name.

`01/02/2026` is not read: which of the two numbers is the month would be a guess.
"""

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
DAY_FIRST = rf"(?P<day2>\d{{1,2}})[ .-]{{1,2}}(?P<month2>{MONTH})\.?[ ,-]{{1,2}}(?P<year2>\d{{4}})"
MONTH_FIRST = rf"(?P<month3>{MONTH})\.? (?P<day3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year3>\d{{4}})"
TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?P<fraction>\.\d{1,9})?)?\s?(?P<half>[ap]\.?m\.?)?"
    r"\s?(?P<zone>z|utc|gmt)?(?:(?P<sign>[+-])(?P<ahead_hours>[01]?\d|2[0-3]):?(?P<ahead_minutes>[0-5]\d)?)?"
)
FORM = rf"(?i)^{WEEKDAY}(?:{YEAR_FIRST}|{DAY_FIRST}|{MONTH_FIRST})(?:(?:t|,? |, at |\sat\s){TIME})?$"


def read_other_forms(column: pl.Expr) -> pl.Expr:
    """Read text such as `2026/11/22 7:00`, `22 Nov 2026`, `Nov 22, 2026 3:58 PM` or `2026-11-22 07:00:00 GMT+02`.

    Months may have the names that they have in other languages, see `month_names`.

    Returns:
        Datetime("us", "UTC"). A date becomes 00:00 UTC, and a time without a zone is UTC. Other text is null.
    """
    parts = write_in_english(column.str.strip_chars()).str.extract_groups(FORM).struct
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
    hour, half = parts.field("hour").cast(pl.Int64), parts.field("half").str.to_lowercase().str.head(1)
    of_day = (
        pl.when(half.is_null())
        .then(hour.fill_null(0))
        .when(hour.is_between(1, 12))
        .then(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    )
    local = pl.concat_str(
        *(year, pl.lit("-"), month.str.zfill(2), pl.lit("-"), day.str.zfill(2), pl.lit(" ")),
        *(of_day.cast(pl.String).str.zfill(2), pl.lit(":"), parts.field("minute").fill_null("00")),
        *(pl.lit(":"), parts.field("second").fill_null("00"), parts.field("fraction").fill_null("")),
    ).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    minutes = parts.field("ahead_hours").cast(pl.Int64) * 60 + parts.field("ahead_minutes").cast(pl.Int64).fill_null(0)
    ahead = pl.when(parts.field("sign") == "-").then(-minutes).otherwise(minutes).fill_null(0)
    return local.dt.replace_time_zone("UTC") - pl.duration(minutes=ahead, time_unit="us")
