"""When integrations run: time zones on the days when clocks change, quiet times, deadlines."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.chain import find_chain_faults
from integration_center.integration.schedule import RunTimes, check_span, check_spans, check_zone, last_run, next_run
from integration_center.integration.schedule_words import say_times
from integration_center.integration.spec import IntegrationSpec
from integration_center_tests.pipeline.center import EXAMPLE

CHANGES = (datetime(2026, 3, 28, 12, 1, tzinfo=UTC), datetime(2026, 10, 24, 12, 1, tzinfo=UTC))
"""The day before the clocks of Berlin change."""
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def berlin(*moment: int, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=RunTimes("0 0 * * *", "Europe/Berlin").zone, fold=fold)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize("start", CHANGES)
@pytest.mark.parametrize("cron", ["0 8 * * *", "30 2 * * *", "0 2 * * *", "0 3 * * *", "0 * * * *", "*/20 * * * *"])
def test_a_schedule_ticks_when_dagster_ticks_also_when_clocks_change(start: datetime, cron: str) -> None:
    ticks = [
        moment.astimezone(UTC)
        for moment in itertools.islice(schedule_execution_time_iterator(start.timestamp(), cron, "Europe/Berlin"), 80)
        if moment.astimezone(UTC) > start
    ][:40]
    ours, moment = [], start
    for _ in ticks:
        found = next_run(cron, moment, "Europe/Berlin")
        assert found is not None
        ours.append(found)
        moment = found
    assert ours == ticks
    back, moment = [], ticks[-1]
    for _ in ticks:
        found = last_run(cron, moment, "Europe/Berlin")
        assert found is not None
        back.append(found)
        moment = found - timedelta(seconds=1)
    assert back == ticks[::-1]


def test_eight_in_berlin_is_another_hour_in_summer() -> None:
    assert next_run("0 8 * * *", berlin(2026, 3, 28, 9), "Europe/Berlin") == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert next_run("0 8 * * *", berlin(2026, 3, 27, 9), "Europe/Berlin") == datetime(2026, 3, 28, 7, tzinfo=UTC)


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)),
    st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda span: span[0] != span[1]), max_size=2),
)
def test_no_run_starts_in_a_quiet_time(now: datetime, spans: list[tuple[int, int]]) -> None:
    quiet = [f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans]
    try:
        times = RunTimes("17 * * * *", "Europe/Berlin", check_spans(tuple(quiet)))
    except ValueError:  # the whole day
        return
    found = times.next(now)
    assert found is not None
    assert found > now
    assert (
        times.quiet_until(found) is None
        or found.astimezone(times.zone).utcoffset() != now.astimezone(times.zone).utcoffset()
    )


def test_a_deadline_is_the_next_time_that_the_clock_shows_it() -> None:
    times = RunTimes("0 8 * * *", "Europe/Berlin", arrive_by="12:00")
    assert times.deadline(berlin(2026, 3, 29, 8)) == berlin(2026, 3, 29, 12)
    assert RunTimes("0 23 * * *", arrive_by="01:00").deadline(datetime(2026, 5, 1, 23, tzinfo=UTC)) == datetime(
        2026, 5, 2, 1, tzinfo=UTC
    )


def test_times_that_the_clock_shows_twice_come_twice_and_waits_never_end_before_they_begin() -> None:
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    night = RunTimes("0 8 * * *", "Europe/Berlin", quiet=("02:00-02:45",), arrive_by="00:10")
    for minutes in (10, 70):  # 02:10 in summer time, and 02:10 again in winter time
        moment = autumn + timedelta(minutes=minutes)
        assert night.quiet_until(moment) == moment + timedelta(minutes=35)
    for zone in ("Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "America/New_York"):
        times = RunTimes("0 8 * * *", zone, arrive_by="00:10")
        for hour in range(24 * 366):
            since = datetime(2026, 1, 1, 0, 20, tzinfo=UTC) + timedelta(hours=hour)
            assert timedelta() < times.deadline(since) - since <= timedelta(hours=25)


def test_a_pause_ends_with_the_beginning_of_its_day() -> None:
    times = RunTimes("0 8 * * *", "Europe/Berlin", paused_until=date(2026, 3, 29))
    assert times.resumes == berlin(2026, 3, 29, 0)
    assert times.next(berlin(2026, 3, 1, 9)) == berlin(2026, 3, 29, 8)
    assert times.last(berlin(2026, 3, 29, 7)) is None
    assert times.last(berlin(2026, 3, 29, 9)) == berlin(2026, 3, 29, 8)
    assert times.is_paused(berlin(2026, 3, 28, 23))
    assert not times.is_paused(berlin(2026, 3, 29, 0))
    assert say_times(times, berlin(2026, 3, 1, 9)) == "every day at 08:00 Europe/Berlin, paused until 2026-03-29"
    assert say_times(times, berlin(2026, 4, 1, 9)) == "every day at 08:00 Europe/Berlin"


def test_what_starts_after_another_one_has_no_time_of_its_own() -> None:
    spec = IntegrationSpec.model_validate({**EXAMPLE, "after": "first"})
    assert (spec.waits, spec.runs_daily, spec.times.next(NOW), spec.times.last(NOW)) == (True, False, None, None)
    for wrong in ({"schedule": "0 9 * * *"}, {"arrive_by": "12:00"}, {"automation": "eager"}):
        with pytest.raises(ValueError, match="take out"):
            IntegrationSpec.model_validate({**EXAMPLE, "after": "first", **wrong})
    with pytest.raises(ValueError, match="enabled: false"):
        IntegrationSpec.model_validate({**EXAMPLE, "paused_until": "2026-03-29", "automation": "eager"})


def test_what_can_never_start_is_named() -> None:
    def after(name: str | None, *, enabled: bool = True) -> IntegrationSpec:
        return IntegrationSpec.model_validate({**EXAMPLE, "after": name, "enabled": enabled})

    assert find_chain_faults({"a": after(None), "b": after("a"), "c": after("b")}) == {}
    assert find_chain_faults({"a": after("gone", enabled=False)}) == {}
    assert (
        "no integration 'firts'; the nearest is 'first'"
        in find_chain_faults({"first": after(None), "b": after("firts")})["b"]
    )
    assert find_chain_faults({"a": after("a")})["a"].startswith("after: they wait for each other (a after a)")
    circle = find_chain_faults({"a": after("b"), "b": after("c"), "c": after("b")})
    assert set(circle) == {"a", "b", "c"}


def test_a_run_of_a_quiet_time_starts_when_the_last_of_them_ends() -> None:
    times = RunTimes("0 23 * * *", quiet=("22:00-06:00", "06:00-07:30"))
    assert times.next(datetime(2026, 5, 1, 12, tzinfo=UTC)) == datetime(2026, 5, 2, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["25:00-26:00", "8-9", "08:00-08:00", "", "08:00"])
def test_what_is_no_quiet_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"quiet time|time of the day"):
        check_span(text)


@pytest.mark.parametrize("name", ["Berlin", "", "../etc", "Europe", "Europe/Berlin\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        check_zone(name)


def test_the_options_of_an_integration() -> None:
    spec = IntegrationSpec.model_validate(
        {**EXAMPLE, "timezone": "Europe/Berlin", "not_between": "22:00 - 06:00", "arrive_by": "12:00"}
    )
    assert (spec.not_between, spec.waits, spec.runs_daily) == (("22:00-06:00",), True, False)
    assert IntegrationSpec.model_validate(EXAMPLE).runs_daily
    with pytest.raises(ValueError, match="the whole day"):
        IntegrationSpec.model_validate({**EXAMPLE, "not_between": ["00:00-12:00", "12:00-00:00"]})
    with pytest.raises(ValueError, match="12:00"):
        IntegrationSpec.model_validate({**EXAMPLE, "arrive_by": "noon"})
