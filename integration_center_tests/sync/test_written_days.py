"""The day of a time in a date field is the day that is written, whatever day it is in UTC by then."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.insights.declared.date_forms import read_forms, shift_zone, write_moments
from integration_center.insights.formats.value_text import write_text
from integration_center.sync.match.keys import normalise_key
from integration_center.sync.values.moments import read_moments
from integration_center.sync.values.zones import stack_frames
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import fit, make_field

ZONES = (
    "Asia/Tokyo",
    "America/New_York",
    "Europe/London",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
)
DATE, MOMENT = make_field("date"), make_field("datetime")
clocks = st.datetimes(datetime(1701, 1, 1), datetime(3999, 12, 31)).map(lambda at: at.replace(microsecond=0, fold=0))  # noqa: DTZ001
in_zones = clocks.filter(lambda at: at.year < 2100)
"""Polars knows no summer time after these."""
offsets = st.integers(-14 * 60, 14 * 60)


def write_offset(minutes: int, colon: str) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{rest:02}"


@examples(200)
@given(
    at=clocks,
    minutes=offsets,
    form=st.sampled_from(
        [
            "{at:%Y-%m-%dT%H:%M:%S}{colon}",
            "{at:%Y-%m-%d %H:%M:%S}{plain}",
            "{at:%Y-%m-%d %H:%M:%S}.250 {colon}",
            "{at:%Y/%m/%d %H:%M:%S} {plain}",
            "{at:%d %b %Y %H:%M:%S} GMT{plain}",
            "{at:%Y-%m-%dT%H:%M:%S}",
            "{at:%Y-%m-%d %H:%M:%S} UTC",
            "{at:%Y-%m-%dT%H:%M:%S}Z",
        ]
    ),
)
def test_the_day_of_a_cell_is_the_day_that_it_shows(at: datetime, minutes: int, form: str) -> None:
    has_offset = "colon" in form or "plain" in form
    zone = timezone(timedelta(minutes=minutes)) if has_offset else UTC
    text = form.format(at=at, colon=write_offset(minutes, ":"), plain=write_offset(minutes, "")).replace(
        f" {at:%Y} ", f" {at.year:04} "
    )
    assert fit([text], DATE) == [at.date()]
    assert read_moments(pl.Series([text]))[0].replace(microsecond=0) == at.replace(tzinfo=zone)


@examples(200)
@given(at=in_zones, zone=st.sampled_from(ZONES))
def test_the_day_of_a_time_in_a_declared_zone_is_the_day_that_the_file_shows(at: datetime, zone: str) -> None:
    local = at.replace(tzinfo=ZoneInfo(zone))
    moment = local.astimezone(UTC)
    was = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at
    for written in (
        shift_zone(pl.Series([f"{at:%Y-%m-%d %H:%M:%S}"]), zone),
        read_forms(pl.Series([f"{at:%d.%m.%Y %H:%M:%S}"]), ("%d.%m.%Y %H:%M:%S",), zone)[0],
    ):
        assert written is not None
        (text,) = written.text
        if was:  # other times were left out by the clocks when summer time began
            assert fit([text], DATE) == [at.date()]
            assert fit([text], MOMENT) == [moment]
        else:
            assert written.skipped is not None


@examples(100)
@given(
    at=clocks,
    minutes=offsets,
    form=st.sampled_from(["%d.%m.%Y %H:%M:%S %z", "%H:%M:%S%:z, %d-%m-%Y", "%Y%m%d%H%M%S%#z"]),
)
def test_a_declared_form_with_an_offset_keeps_its_day(at: datetime, minutes: int, form: str) -> None:
    local = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    cell = local.strftime(form.replace("%:z", write_offset(minutes, ":")).replace("%#z", "%z"))
    (text,) = read_forms(pl.Series([cell]), (form,), "Asia/Tokyo")[0].text
    assert fit([text], DATE) == [at.date()]
    assert fit([text], MOMENT) == [local]


@examples(100)
@given(at=in_zones, zone=st.sampled_from(ZONES))
def test_columns_with_a_time_zone_keep_their_days_also_as_text(at: datetime, zone: str) -> None:
    moment = at.replace(tzinfo=UTC)
    day = moment.astimezone(ZoneInfo(zone)).date()
    column = pl.Series("When", [moment], pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    (text,) = write_text(column.to_frame(), "x.parquet")["When"]
    # The rest of a minute of an old offset has moved some times across midnight.
    days = {day, (moment + timedelta(minutes=1)).astimezone(ZoneInfo(zone)).date()} if at.year < 1973 else {day}
    assert fit([text], DATE)[0] in days
    assert fit([text], MOMENT) == fit([moment], MOMENT, column.dtype) == [moment]
    assert fit([moment], DATE, column.dtype) == [day]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Africa/Monrovia"])
def test_midnight_of_a_time_with_odd_seconds_stays_on_its_day(zone: str) -> None:
    clock = pl.Series([datetime(1880, 5, 1), datetime(2026, 5, 1)])  # noqa: DTZ001
    text = write_moments(clock, zone).text
    assert fit(text.to_list(), DATE) == [date(1880, 5, 1), date(2026, 5, 1)]
    moments = clock.dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    assert read_moments(text).to_list() == moments.to_list()


def test_a_date_key_is_compared_by_the_day_that_is_written() -> None:
    texts = pl.Series("key", ["2026-11-22T00:30:00+09:00", "2026-11-22", "2026-11-21T15:30:00Z"])
    moments = pl.Series("key", [datetime(2026, 11, 21, 15, 30, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo")
    for keys, days in ((texts, ["2026-11-22", "2026-11-22", "2026-11-21"]), (moments, ["2026-11-22"])):
        compared = keys.to_frame().select(normalise_key(pl.col("key"), DATE, keys.dtype)).to_series()
        assert compared.to_list() == days


def test_days_stored_before_and_after_a_zone_was_declared_are_one_report() -> None:
    moment = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
    before = pl.DataFrame({"When": pl.Series([moment], dtype=pl.Datetime("us", "UTC")), "N": [1]})
    after = pl.DataFrame({"When": before["When"].dt.convert_time_zone("Asia/Tokyo"), "Other": ["x"]})
    for frames in ([before, after], [after, before]):
        for stacked in (stack_frames(frames), stack_frames([frame.lazy() for frame in frames]).collect()):
            assert stacked.schema["When"] == pl.Datetime("us", "Asia/Tokyo")
            assert stacked["When"].to_list() == [moment, moment]
            assert sorted(stacked.columns) == ["N", "Other", "When"]
    only = stack_frames([before, before.drop("When").with_columns(When=pl.lit("text"))])
    assert only.height == 2
