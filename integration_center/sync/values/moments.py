"""Dates, datetimes and times of day, read from text and columns.

ISO 8601 forms are read (with a blank or `T`; seconds and zone are optional; without a zone the time is UTC), and other
unambiguous forms, see `moment_forms`. Which of two numbers is the month is never guessed. Salesforce stores whole
seconds (reference/salesforce-api.md, 6.2).

The day of a time is the day that is written: 00:30+09:00 is on its day in Tokyo, and not on the day before, as in UTC.
"""

from datetime import UTC, date, datetime
from functools import partial

import polars as pl

from integration_center.sync.values.moment_forms import count_ahead, read_other_forms
from integration_center.sync.values.rules import FittedValue, Rule, judge_value, say, say_of

EARLIEST, LATEST = date(1700, 1, 1), date(4000, 12, 31)
"""The first and last date that Salesforce accepts."""
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""How all of these begin. Most other texts do not, and are not taken apart."""
ISO_MOMENT = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minute>\d{2}:\d{2})(?P<second>:[0-5]\d)?(?P<fraction>\.\d{1,9})?"
    r"\s?(?:[Zz]|UTC|(?P<sign>[+-])(?P<ahead_hours>[01]\d|2[0-3]):?(?P<ahead_minutes>[0-5]\d))?)?$"
)
TIME_OF_DAY = (
    r"^(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?P<second>:[0-5]\d)?(?P<fraction>\.\d{1,9})?"
    r"(?:[Zz]|\s?(?P<half>[AaPp])\.?[Mm]\.?)?$"
)
LETTERED = r"\d:\d{2}(?::\d{2})?(?:\.\d+)?(?: ?[AaPp]\.?[Mm]\.?)? ?\(?[A-Z]{3,5}\)?$"
ZONE_IN_LETTERS = (
    "names its time zone in letters, which may mean several; say in report.yaml how it is written, with its letters,"
    " and where they apply: `dates: '%d %b %Y %H:%M EST'` and `zone: America/New_York`"
)
NO_FRACTION = ".000Z"
"""The end of a time of day as the org writes it."""
MOMENT = pl.Datetime("us", "UTC")
USUAL_FORMS = (
    (r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]$", "%Y-%m-%d %H:%M:%S"),
    (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z$", "%Y-%m-%dT%H:%M:%SZ"),
)
"""The forms of most times in reports, and of those in the org."""
WITH_OFFSET = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9][+-](?:[01][0-9]|2[0-3]):[0-5][0-9]$"
WRITTEN_DATETIME = "%Y-%m-%dT%H:%M:%SZ"
NO_OFFSET = r"[+-]00:00$"
ODD_OFFSETS_UNTIL = 1973
"""Until this year, offsets of some time zones had seconds."""


def read_moment(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read the column as Datetime("us", "UTC").

    A date becomes 00:00 UTC, digits beyond microseconds are dropped, and text in any other form is null.
    """
    if isinstance(dtype, pl.String):
        return column.map_batches(read_moments, return_dtype=MOMENT, is_elementwise=True)
    if isinstance(dtype, pl.Date):
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return column.dt.convert_time_zone("UTC")


def read_moments(text: pl.Series) -> pl.Series:
    """Read text as Datetime("us", "UTC"); see `read_moment`."""
    return _read_forms(text, as_written=False)


def _read_forms(text: pl.Series, *, as_written: bool) -> pl.Series:
    """Read text as Datetime("us", "UTC"). Each form is looked for in what the ones before left.

    Args:
        text: the cells.
        as_written: whether to read what clocks show, whatever the offset from UTC.
    """
    bare = text.str.strip_chars()
    found = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(bare))
    usual = [partial(_read_usual, form, letters) for form, letters in USUAL_FORMS]
    others = [partial(read, as_written=as_written) for read in (_read_with_offset, _read_iso, read_other_forms)]
    for read in (*usual, *others):
        left = (found.is_null() & bare.is_not_null()).arg_true()
        if len(left) == 0:
            break
        moments = read(bare if len(left) == len(bare) else bare[left]).to_physical()
        found = moments if len(left) == len(bare) else found.scatter(left, moments)
    return found.cast(MOMENT).alias(text.name)


def _read_usual(form: str, letters: str, text: pl.Series) -> pl.Series:
    """Read text of one usual form, without taking it apart."""
    alike = text.str.contains(form)
    if not alike.any():
        return pl.Series([None], dtype=MOMENT).new_from_index(0, len(text))
    moments = text.str.to_datetime(letters, time_unit="us", strict=False, cache=False)
    return (moments if alike.all() else moments.set(~alike, None)).dt.replace_time_zone("UTC")


def _read_with_offset(text: pl.Series, *, as_written: bool) -> pl.Series:
    """Read text such as `2026-11-22T00:30:00+09:00`, which reports with a declared time zone have in each row."""
    alike = text.str.contains(WITH_OFFSET)
    if not alike.any():
        return pl.Series([None], dtype=MOMENT).new_from_index(0, len(text))
    clocks = text.set(~alike, None).str.head(len("2026-11-22T00:30:00"))
    shown = clocks.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False, cache=False)
    shown = shown.dt.replace_time_zone("UTC")
    if as_written:
        return shown
    ahead = count_ahead(*(text.str.slice(place, length) for place, length in ((-6, 1), (-5, 2), (-2, 2))))
    return shown - (ahead * 60_000_000).cast(pl.Duration("us"))


def _read_iso(text: pl.Series, *, as_written: bool) -> pl.Series:
    text = text.set(~text.str.contains(ISO_DAY), None)
    if text.null_count() == len(text):
        return pl.Series([None], dtype=MOMENT).new_from_index(0, len(text))
    parts = pl.col("parts").struct
    local = pl.concat_str(
        parts.field("day"),
        pl.lit(" "),
        parts.field("minute").fill_null("00:00"),
        parts.field("second").fill_null(":00"),
        parts.field("fraction").fill_null(""),
    ).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    ahead = count_ahead(parts.field("sign"), parts.field("ahead_hours"), parts.field("ahead_minutes")).fill_null(0)
    iso = local.dt.replace_time_zone("UTC")
    if not as_written:
        iso -= pl.duration(minutes=ahead, time_unit="us")
    return text.str.extract_groups(ISO_MOMENT).alias("parts").to_frame().select(iso).to_series()


def read_date(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read the column as Date. Text that cannot be read is null.

    A time becomes the day that is written, or the day in the time zone of the column. Without a zone it is UTC.
    """
    if isinstance(dtype, pl.Date):
        return column
    if isinstance(dtype, pl.String):
        return column.map_batches(_read_days, return_dtype=pl.Date(), is_elementwise=True)
    return column.dt.date()


def _read_days(text: pl.Series) -> pl.Series:
    return _read_forms(text, as_written=True).dt.date()


def fit_date(column: pl.Expr, dtype: pl.DataType) -> FittedValue:
    """Fit a String, Date or Datetime column to a `date` field; see `read_date`."""
    value = read_date(column, dtype)
    in_range = value.is_between(pl.lit(EARLIEST), pl.lit(LATEST))
    return judge_value(value, [*_unreadable(column, dtype, value, "date"), _out_of_range(in_range)])


def fit_datetime(column: pl.Expr, dtype: pl.DataType) -> FittedValue:
    """Fit a String, Date or Datetime column to a `datetime` field: whole seconds, UTC."""
    moment = read_moment(column, dtype)
    value = moment.dt.truncate("1s").cast(pl.Datetime("ms", "UTC"))
    first = datetime(EARLIEST.year, EARLIEST.month, EARLIEST.day, tzinfo=UTC)
    last = datetime(LATEST.year, LATEST.month, LATEST.day, 23, 59, 59, tzinfo=UTC)
    in_range = value.is_between(pl.lit(first), pl.lit(last))
    return judge_value(value, [*_unreadable(column, dtype, moment, "date and time"), _out_of_range(in_range)])


def fit_time(column: pl.Expr, dtype: pl.DataType) -> FittedValue:
    """Fit a String or Time column to a `time` field, whose values are text such as `09:30:00.000Z`: whole seconds."""
    value = read_time(column, dtype)
    return judge_value(value, _unreadable(column, dtype, value, "time of day"))


def read_time(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Read the column as a time of day in the org's form, `09:30:00.000Z`; text that cannot be read is null."""
    if isinstance(dtype, pl.Time):
        return column.dt.to_string("%H:%M:%S.000Z")
    parts = column.str.strip_chars().str.extract_groups(TIME_OF_DAY).struct
    hour, half = parts.field("hour").cast(pl.Int8, strict=False), parts.field("half").str.to_lowercase()
    of_day = (
        pl.when(half.is_null() & (hour < 24))
        .then(hour)
        .when(half.is_not_null() & hour.is_between(1, 12))
        .then(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    )
    return pl.concat_str(
        of_day.cast(pl.String).str.zfill(2),
        pl.lit(":"),
        parts.field("minute"),
        parts.field("second").fill_null(":00"),
        pl.lit(NO_FRACTION),
    )


def whole_second(time: pl.Expr) -> pl.Expr:
    """Drop the fraction from a time of day as the org has it, `09:30:00.250Z` or `09:30:00Z`."""
    return pl.concat_str(time.str.head(len("09:30:00")), pl.lit(NO_FRACTION))


def write_moment(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Write a Date, Time or zoned Datetime column as ISO text, without fractions of a second."""
    match dtype:
        case pl.Date():
            return column.dt.to_string("%Y-%m-%d")
        case pl.Time():
            return column.dt.to_string("%H:%M:%S")
        case pl.Datetime(time_zone=str() as zone) if zone != "UTC":
            return column.map_batches(write_zoned, return_dtype=pl.String, is_elementwise=True)
        case _:
            return column.dt.to_string(WRITTEN_DATETIME)


def write_zoned(moments: pl.Series, fraction: str = "") -> pl.Series:
    """Write times as what clocks in their time zone show, with the offset, so that their day can be read.

    Args:
        moments: Datetime with a time zone.
        fraction: how fractions of a second are written, in the notation of `strftime`.
    """
    form = f"%Y-%m-%dT%H:%M:%S{fraction}"
    first = moments.dt.year().min()
    if not isinstance(first, int) or first >= ODD_OFFSETS_UNTIL:
        return moments.dt.to_string(f"{form}%:z").str.replace(NO_OFFSET, "Z")
    # ISO 8601 has no seconds of an offset. The next whole minute keeps the moment, and midnight on its day.
    seconds = (moments.dt.base_utc_offset() + moments.dt.dst_offset()).dt.total_seconds()
    minutes = -(-seconds // 60)
    clocks = moments.dt.convert_time_zone("UTC") + (minutes * 60_000_000).cast(pl.Duration("us"))
    sign = (minutes < 0).replace_strict({True: "-", False: "+"}, return_dtype=pl.String)
    hour, minute = (part.cast(pl.String).str.zfill(2) for part in (minutes.abs() // 60, minutes.abs() % 60))
    return (clocks.dt.to_string(form) + sign + hour + ":" + minute).str.replace(NO_OFFSET, "Z")


def _unreadable(column: pl.Expr, dtype: pl.DataType, value: pl.Expr, kind: str) -> list[Rule]:
    if not isinstance(dtype, pl.String):
        return []
    text = column.str.strip_chars()
    lettered = (text != "") & value.is_null() & text.str.contains(LETTERED)
    said = f"is not an unambiguous {kind}; write it in ISO 8601, or set `dates:` or `empty:` in report.yaml"
    return [
        Rule(lettered, "WRONG_TYPE", say_of(text, ZONE_IN_LETTERS)),
        Rule((text != "") & value.is_null(), "WRONG_TYPE", say_of(text, said)),
    ]


def _out_of_range(in_range: pl.Expr) -> Rule:
    return Rule(~in_range, "OUT_OF_RANGE", say(f"is outside {EARLIEST} to {LATEST}, which is what Salesforce stores"))
