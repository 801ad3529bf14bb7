"""Dates and moments in forms that can mean one thing only; what could mean two is not read."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.values.moments import fit_datetime, read_moment
from integration_center.sync.values.month_names import MONTHS
from integration_center_tests.processor_time import take_least


def read(text: str) -> datetime | None:
    found: datetime | None = pl.select(read_moment(pl.lit(text), pl.String())).item()
    return found


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026/11/22 12:00",
        "2026.11.22 12:00:00",
        "2026-11-22 12:00 PM",
        "2026-11-22 12:00:00 GMT",
        "2026-11-22T14:00:00+02",
        "22 Nov 2026 12:00",
        "22-NOV-2026 12:00:00.5 UTC",
        "Nov 22, 2026 12:00 pm",
        "November 22nd, 2026 at 12:00",
        "Sun, 22 Nov 2026 13:30:00 +0130",
        "Sunday, 22. November 2026, 12:00",
        "22. November 2026 um 12:00 Uhr",
        "22 novembre 2026 à 12:00",
        "Nov 22 2026 12:00PM",
        "Nov 22 2026  1:00PM +01",  # SQL Server aligns hours and days
        "2026-11-22T13:00:00+01:00[Europe/Berlin]",
        "2026-11-22T12:00:00Z[UTC]",
        "Sun Nov 22 2026 14:00:00 GMT+0200 (Eastern European Standard Time)",
        "Sun Nov 22 12:00:00 UTC 2026",
        "Sun Nov 22 12:00:00 2026",
        "20261122T120000Z",
        "20261122T140000+0200",
        "2026-11-22-12.00.00.000000",
    ],
)
def test_forms_that_can_mean_one_thing_are_read(text: str) -> None:
    found = read(text)
    assert found is not None
    assert found.replace(microsecond=0) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2026",
        "22.11.2026",
        "11-22-2026",
        "22/11/26",
        "2026/11-22",
        "2026-13-01",
        "31 Feb 2026",
        "22 Novem 2026",
        "2026-11-22 13:00 PM",
        "2026-11-22 0:30 am",
        "2026-11-22 24:00",
        "20261122",
        "20261122120000",
        "20261122T250000",
        "46348",
        "22NOV26",
        "22NOV2026:12",
        "22X2026:12:00:00",
        "2026:12:00:00",
        "220NOV2026",
        "2026-11-22 12:00 [Europe/Berlin]",  # whose clock that is, a name alone does not say
        "Sun Nov 22 12:00:00 CET 2026",
        "2026-11-22T12:00:00+02:00[Europe/Berlin",
        "Nov 2026",
        "Never",
    ],
)
def test_what_could_mean_two_things_or_none_is_not_read(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1. März 2026", "2026-03-01"),
        ("3. Dezember 2026", "2026-12-03"),
        ("1er août 2026", "2026-08-01"),
        ("22 janv. 2026", "2026-01-22"),
        ("3 de mayo de 2026", "2026-05-03"),
        ("3 de março de 2026", "2026-03-03"),
        ("9 maggio 2026", "2026-05-09"),
        ("9-mei-2026", "2026-05-09"),
        ("9 OKT 2026", "2026-10-09"),
        ("2026年1月2日", "2026-01-02"),
        ("2026年 11月 22日 07:05", "2026-11-22"),
    ],
)
def test_months_have_names_in_other_languages(text: str, day: str) -> None:
    found = read(text)
    assert found is not None
    assert found.date().isoformat() == day


@pytest.mark.parametrize("text", ["bis 3. Mai 2026", "3. Mai", "3 lipiec 2026", "31 février 2026", "2026年13月1日"])
def test_other_texts_with_months_are_not_read(text: str) -> None:
    assert read(text) is None


def test_each_name_means_one_month() -> None:
    names = [name for listed in MONTHS.values() for name in listed.split("|")]
    assert len(names) == len(set(names))
    assert not {name[:3] for name in names if name in MONTHS}


moments = st.integers(-2_000_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FORMS = (
    "%Y/%m/%d %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%B %d, %Y %I:%M:%S %p",
    "%a, %d %b %Y %H:%M:%S",
    "%Y.%m.%d %H:%M:%S",
    "%d%b%Y:%H:%M:%S",
    "%d%b%Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S",
    "%d/%b/%Y %I:%M:%S %p",
    "%d-%B-%Y:%H:%M:%S",
)


@given(moments, st.sampled_from(FORMS), st.integers(-12 * 60, 14 * 60))
def test_what_was_written_in_such_a_form_comes_back(at: datetime, form: str, minutes: int) -> None:
    assert read(at.strftime(form)) == at
    there = at.astimezone(timezone(timedelta(minutes=minutes)))
    assert read(there.strftime(f"{form} %z")) == there


@pytest.mark.sampled
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M", "%d %b %Y %H:%M:%S", "%d %b %Y"])
def test_many_moments_take_little_time(form: str) -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=97 * number) for number in range(100_000)]
    written = pl.Series([moment.strftime(form) for moment in moments])
    most = 0.9  # each was taken apart by one large pattern, which took 1.5 seconds
    read, seconds = take_least(lambda: pl.select(read_moment(pl.lit(written), pl.String())).to_series(), most)
    assert seconds < most
    assert read.null_count() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22 Nov 2026 10:00 EST", "names its time zone in letters, which may mean several; say in report.yaml"),
        ("2026-11-22 10:00:00 CET", "names its time zone in letters"),
        ("11/22/2026 10:00 PM", "is not an unambiguous date and time"),
    ],
)
def test_a_zone_in_letters_is_refused_with_the_way_to_declare_it(text: str, said: str) -> None:
    fitted = fit_datetime(pl.lit(text), pl.String())
    assert said in pl.select(fitted.reason).item()
    assert pl.select(fitted.value).item() is None
