"""An asset as the report that is partitioned otherwise than by UTC days: by hours, weeks, or days elsewhere."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl
import pytest

from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email
from integration_center_tests.pipeline.test_source_assets import SLUG, SPEC, USAGE, usage, write_in_project


class Stored(dg.IOManager):
    """Hands on stored partitions, as Dagster's own IO managers do: one as it is, several by their names."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = parts

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        pass

    def load_input(self, context: dg.InputContext) -> Any:
        found = {key: self.parts[key] for key in context.asset_partition_keys if key in self.parts}
        return found if len(context.asset_partition_keys) > 1 else next(iter(found.values()))


class OneAtATime(Stored):
    """Hands on one partition, as IO managers do that teams write for daily runs."""

    def load_input(self, context: dg.InputContext) -> Any:
        return self.parts[context.asset_partition_key]


def run(
    center: Center,
    definition: dg.PartitionsDefinition,
    parts: Mapping[str, Any],
    days: int = 1,
    changes: Mapping[str, Any] | None = None,
    io: type[Stored] = Stored,
    **source: Any,
) -> tuple[bool, str]:
    """Run an integration that reads the asset for the last days; whether it succeeded, and what the log says."""

    @dg.asset(key=USAGE, partitions_def=definition)
    def upstream() -> None:
        pass

    spec = {**SPEC, "source": {**SPEC["source"], **source}, **(changes or {})}
    first, last = days_before(days - 1).isoformat(), YESTERDAY.isoformat()
    result = (
        write_in_project(center, upstream, spec, io(parts))
        .resolve_job_def(SLUG)
        .execute_in_process(
            instance=center.instance,
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
            raise_on_error=False,
        )
    )
    return result.success, center.history()[SLUG].error or ""


def hours(day: str) -> dict[str, pl.DataFrame]:
    """The state of each hour, of which the last one lacks the second person."""
    found = {f"{day}-{hour:02d}:00": usage(hour) for hour in range(23)}
    return {**found, f"{day}-23:00": usage(23).head(1)}


HOURLY = dg.HourlyPartitionsDefinition("2026-01-01-00:00")


def test_of_the_hours_of_a_day_the_newest_one_with_a_person_counts(center: Center) -> None:
    assert run(center, HOURLY, hours(YESTERDAY.isoformat())) == (True, "")
    assert [center.lead(number)[COUNT] for number in PLAIN[:2]] == [23, 22]
    assert center.history()[SLUG].counts["lines"] == {"updated": 2}


@pytest.mark.proof
def test_of_the_hours_of_several_days_the_newest_day_counts(center: Center) -> None:
    parts = {**hours(days_before(1).isoformat()), f"{YESTERDAY}-05:00": usage(50), f"{YESTERDAY}-04:00": usage(40)}
    assert run(center, HOURLY, parts, days=2) == (True, "")
    assert center.lead(PLAIN[0])[COUNT] == 50


@pytest.mark.proof
def test_all_hours_count_where_all_rows_do(center: Center) -> None:
    fields = {"rows": "all", "fields": [{"value": 'SUM("logins")', "field": COUNT}]}
    assert run(center, HOURLY, hours(YESTERDAY.isoformat()), changes=fields) == (True, "")
    assert center.lead(PLAIN[0])[COUNT] == sum(range(24))


@pytest.mark.proof
def test_of_weeks_the_newest_one_counts(center: Center) -> None:
    # On any day of the week, yesterday begins a week, which has not ended and so is no partition yet.
    weekly = dg.WeeklyPartitionsDefinition("2026-01-04", day_offset=YESTERDAY.isoweekday() % 7)
    weeks = weekly.get_partition_keys()[-2:]
    parts = dict(zip(weeks, (usage(1), usage(2)), strict=True))
    done, said = run(center, weekly, parts)
    assert not done
    assert "write `partitions: all` below `source:`" in said
    assert run(center, weekly, parts, partitions="all") == (True, "")
    assert center.lead(PLAIN[0])[COUNT] == 2


def test_days_of_another_time_zone_are_read_by_their_date(center: Center) -> None:
    berlin = dg.DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")
    parts = {YESTERDAY.isoformat(): usage(9)}
    done, said = run(center, berlin, parts)
    assert not done
    assert "is partitioned by days of another time zone" in said
    assert "write `partitions: date` below `source:`" in said
    assert run(center, berlin, parts, partitions="date") == (True, "")
    assert center.lead(PLAIN[0])[COUNT] == 9


@pytest.mark.proof
def test_rows_of_an_earlier_run_do_not_count_for_the_newest_day(center: Center) -> None:
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    before, newest = days_before(1).isoformat(), YESTERDAY.isoformat()
    assert run(center, daily, {newest: usage(5)}) == (True, "")
    done, said = run(center, daily, {before: usage(4)}, days=2)
    assert not done
    assert said == f"asset 'marts/usage' handed on no partition of {newest}; materialize it, then run again"
    assert center.lead(PLAIN[0])[COUNT] == 5


@pytest.mark.proof
def test_several_days_that_are_loaded_one_at_a_time_are_refused_with_the_way_out(center: Center) -> None:
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    parts = {days_before(1).isoformat(): usage(4), YESTERDAY.isoformat(): usage(5)}
    done, said = run(center, daily, parts, days=2, io=OneAtATime)
    assert not done
    assert said.startswith("asset 'marts/usage' could not be loaded for all days of this run by its IO manager")
    assert "start a run for each day" in said
    assert center.writes() == []
    assert run(center, daily, parts, io=OneAtATime) == (True, "")
    assert center.lead(PLAIN[0])[COUNT] == 5


@pytest.mark.parametrize("key", ["E-Mail", "email"])
def test_partitions_that_cannot_be_compared_stay_as_they_are(center: Center, key: str) -> None:
    nested = pl.DataFrame({"email": [[email(PLAIN[0])]], "logins": [1]})
    parts = {f"{YESTERDAY}-01:00": nested, f"{YESTERDAY}-02:00": nested}
    done, said = run(center, HOURLY, parts, changes={"keys": [{"column": key, "field": "Email"}]})
    assert not done
    assert ("column 'email' holds lists" if key == "email" else f"has no column {key!r}") in said
