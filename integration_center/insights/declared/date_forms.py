"""Read dates and times in the forms that a report declares, and rewrite them in ISO 8601."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from integration_center.sync.values.moment_forms import count_ahead
from integration_center.sync.values.moments import read_moments, write_zoned

SOME_MOMENT = datetime(2026, 11, 22, 19, 5, 9, tzinfo=UTC)
LETTERS = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "hh": "%H", "ss": "%S"}
HAS_TIME = re.compile(r"%-?[HIMSTRcsXprkl+]")
DIRECTIVE = re.compile(r"(%[-_0:#]*[A-Za-z+%]|\s+)")
"""The directives of a form, and its blanks."""
OFFSET = r"([+\-\u2212]\d{2}[:\s]*\d{0,2}|[Zz])"
NAMES_ZONE = r"(?i):.*([+-]|z|utc|gmt)"
EXCEL, EXCEL_1904 = "excel", "excel_1904"
DAY = 86_400_000_000
COUNTED = {"epoch": 1_000_000, "epoch_ms": 1_000, EXCEL: DAY, EXCEL_1904: DAY}
"""The words for dates that are counted, and the microseconds of their unit."""
EXCEL_STARTS = {EXCEL: -25_569 * DAY, EXCEL_1904: -24_107 * DAY}
"""The day 0 of workbooks, 30 December 1899, or 1 January 1904 in old ones of the Mac, in microseconds since 1970."""
PLAUSIBLE = {"epoch": (1e8, 4.2e9), "epoch_ms": (1e11, 4.2e12), EXCEL: (0, 8e4), EXCEL_1904: (0, 8e4)}
"""The numbers that a counted form reads where it is one of several: dates up to 2100, of which no number is two."""
NO_ZONES = (
    "{form!r} holds %Z, and the letters of a time zone may mean several zones; write them as they are, such as"
    " '%d %b %Y %H:%M EST', and say `zone:`, such as America/New_York"
)


class Written(NamedTuple):
    """Dates and times in ISO 8601.

    Attributes:
        text: the dates; null where a cell is none.
        skipped: which cells show a time that the clocks of the time zone skip when summer time begins; None for none.
        doubled: which cells show a time that the clocks show twice when summer time ends; None for none.
    """

    text: pl.Series
    skipped: pl.Series | None = None
    doubled: pl.Series | None = None

    def only(self, mask: pl.Series) -> "Written":
        """Return the same where only the cells of `mask` show such a time."""
        return self._replace(**{name: seen & mask for name in CLOCKS if (seen := getattr(self, name)) is not None})

    def add(self, other: "Written") -> "Written":
        """Return this with the dates of `other` where this has none."""
        more = other.only(self.text.is_null())
        masks = {name: merge(getattr(self, name), getattr(more, name)) for name in CLOCKS}
        return Written(self.text.zip_with(self.text.is_not_null(), other.text), **masks)


CLOCKS = ("skipped", "doubled")


def merge(mask: pl.Series | None, more: pl.Series | None) -> pl.Series | None:
    """Join two masks of cells; None means no cell."""
    return mask if more is None else more if mask is None else mask | more


def read_forms(text: pl.Series, forms: Sequence[str], zone: str | None) -> tuple[Written, pl.Series | None]:
    """Rewrite dates and times of the declared forms in ISO 8601.

    Args:
        text: the cells.
        forms: the forms. The first that a cell has counts.
        zone: the time zone of times whose form has none; None for UTC.

    Returns:
        The dates, and a mask of the cells that two forms read as different dates; None where there are none.
    """
    bare = text.str.strip_chars()
    read = read_form(bare, forms[0], zone, alone=len(forms) == 1)
    clash: pl.Series | None = None
    for form in forms[1:]:
        other = read_form(bare, form, zone, alone=False)
        differ = (read.text != other.text).fill_null(value=False)
        if differ.any():
            clash = merge(clash, differ)
        read = read.add(other)
    return read._replace(text=read.text.alias(text.name)), clash


def read_form(text: pl.Series, form: str, zone: str | None, *, alone: bool) -> Written:
    """Rewrite dates and times of one form in ISO 8601; null for other text. `alone`: whether it is the only form."""
    if form in COUNTED:
        return read_counted(text, form, zone, alone=alone)
    if not HAS_TIME.search(form):
        return Written(text.str.to_date(form, strict=False).dt.to_string("%Y-%m-%d"))
    moments = text.str.to_datetime(form, strict=False, time_unit="us")
    if moments.dtype == pl.Datetime("us", "UTC"):
        return Written(keep_offsets(moments, text, form))
    return write_moments(moments, zone)


def keep_offsets(moments: pl.Series, text: pl.Series, form: str) -> pl.Series:
    """Write times as ISO 8601, each with the offset that its cell has.

    Args:
        moments: the times.
        text: the cells.
        form: the form of the cells, which has an offset.
    """
    parts = DIRECTIVE.split(form)
    parts[1::2] = [mean_directive(directive) for directive in parts[1::2]]
    parts[::2] = map(re.escape, parts[::2])
    offset = text.str.extract(f"^{''.join(parts)}$").str.replace_all(r"[:\s]", "")
    sign, hours, minutes = (offset.str.slice(*place) for place in ((0, 1), (1, 2), (3, 2)))
    ahead = count_ahead(sign, hours, minutes).fill_null(0)
    clocks = (moments + (ahead * 60_000_000).cast(pl.Duration("us"))).dt.to_string("%Y-%m-%dT%H:%M:%S")
    shown = sign.replace("\u2212", "-") + hours + ":" + minutes.str.pad_end(2, "0")
    return clocks + shown.set(ahead == 0, "Z")


def mean_directive(directive: str) -> str:
    """Return the regular expression of what a directive of a form writes. An offset is a group."""
    if directive.isspace():
        return r"\s*"
    return f".*?{OFFSET}" if directive[-1] in "z+" else ".*?"


def read_counted(text: pl.Series, form: str, zone: str | None, *, alone: bool) -> Written:
    """Rewrite seconds or milliseconds since 1970, or Excel's days, in ISO 8601; null for other text."""
    count = text.str.extract(r"^(\d+(?:\.\d+)?)$").cast(pl.Float64, strict=False)
    if not alone:
        count = count.set(~count.is_between(*PLAUSIBLE[form]), None)
    microseconds = (count * COUNTED[form]).round().cast(pl.Int64, strict=False)
    if form in EXCEL_STARTS:
        # Excel holds a second as a fraction of a day, so the last digits are never exact.
        whole = (microseconds / 1_000_000).round().cast(pl.Int64) * 1_000_000
        return write_moments((whole + EXCEL_STARTS[form]).cast(pl.Datetime("us")), zone)
    return write_moments(microseconds.cast(pl.Datetime("us", "UTC")), zone)


def read_known(text: pl.Series, zone: str | None) -> pl.Series:
    """Return the dates and times that are read without a declaration, in the time zone; null for other text."""
    zoned = shift_zone(text, zone) if zone else None
    return (text if zoned is None else zoned.text).set(read_moments(text).is_null(), None)


def shift_zone(text: pl.Series, zone: str) -> Written | None:
    """Rewrite times that name no zone as UTC; null where a cell is not a date or time.

    Dates, and times with a zone of their own, stay. None when there is no time without a zone.
    """
    naive = names_no_zone(text).fill_null(value=False)
    if not naive.any():
        return None
    moments = read_moments(text)
    shifted = write_moments(moments.dt.replace_time_zone(None), zone)
    read = shifted.text.zip_with(naive, text).set(moments.is_null(), None).alias(text.name)
    return shifted._replace(text=read).only(naive)


def names_no_zone(text: pl.Series) -> pl.Series:
    """Return which cells hold a time without a time zone, as far as a colon shows that."""
    return text.str.contains(":", literal=True) & ~text.str.contains(NAMES_ZONE)


def write_moments(moments: pl.Series, zone: str | None) -> Written:
    """Write times as ISO 8601, as clocks in `zone` show them, with their offset; in UTC where there is no zone.

    Args:
        moments: the times: in UTC, or without a zone as clocks in `zone` showed them.
        zone: the name of the time zone.
    """
    skipped = doubled = None
    name, hour = ZoneInfo(zone or "UTC").key, timedelta(hours=1)
    if moments.dtype == pl.Datetime("us", "UTC"):
        local = moments.dt.convert_time_zone(name)
    else:
        local = moments.dt.replace_time_zone(name, ambiguous="null", non_existent="null")
        if local.null_count() > moments.null_count():
            earliest = moments.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
            doubled = local.is_null() & earliest.is_not_null()
            local = earliest
            # In the hour that summer time leaves out, clocks that were not put forward show a time that never was.
            skipped = local.is_null() & moments.is_not_null()
            before = (moments - hour).dt.replace_time_zone(name, ambiguous="earliest", non_existent="null") + hour
            local = local.zip_with(~skipped, before)
    return Written(write_zoned(local), skipped, doubled)


def check_forms(dates: str | list[str], *, all_columns: bool) -> str | list[str]:
    """Check the forms of dates that `report.yaml` declares, and return them.

    Args:
        dates: one form, or several.
        all_columns: whether they are declared for the whole report.

    Raises:
        ValueError: no date can be read in a form, or a form is there twice.
    """
    if isinstance(dates, str):
        return check_form(dates, all_columns=all_columns)
    forms = [check_form(form, all_columns=all_columns) for form in dates]
    if not forms:
        raise ValueError("the list has no form; name one, such as '%d.%m.%Y', or remove `dates:`")
    if twice := next((form for form in forms if forms.count(form) > 1), None):
        raise ValueError(f"{twice!r} is there twice; keep one")
    if {EXCEL, EXCEL_1904} <= set(forms):
        raise ValueError(f"{EXCEL!r} and {EXCEL_1904!r} read each number as two days; keep one")
    return forms


def check_form(form: str, *, all_columns: bool) -> str:
    """Check one form of dates, and return it; see `check_forms`."""
    if form in COUNTED:
        if all_columns:  # every column of whole numbers would become dates
            raise ValueError(
                f"{form!r} must be said for a column, such as `columns: {{Last Login: {{dates: {form}}}}}`"
            )
        return form
    if "%Z" in form:
        raise ValueError(NO_ZONES.format(form=form))
    if "%" not in form:
        minutes = re.sub(r"(?i)(?<=:)mm", "%M", form)
        written = re.sub(r"(?i)yyyy|yy|mm|dd|hh|ss", lambda found: LETTERS[found[0].lower()], minutes)
        raise ValueError(f"{form!r} is not a form in the notation of strftime, such as {written!r}")
    form = form.replace(".%f", "%.f")  # as Python writes fractions of a second
    try:
        shown = pl.Series([SOME_MOMENT]).dt.to_string(form)
        read = shown.str.to_datetime(form) if HAS_TIME.search(form) else shown.str.to_date(form)
        if read.cast(pl.Date)[0] == SOME_MOMENT.date():
            return form
    except pl.exceptions.PolarsError:
        pass  # the form has letters that nothing is written for
    raise ValueError(f"{form!r} does not tell a day in the notation of strftime, as '%d.%m.%Y' does")
