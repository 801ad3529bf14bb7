"""A day's run starts when its report has landed: by a sensor, at the latest at the deadline."""

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.pipeline.starting import arrival_sensors
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json

SLUG = "logins_to_leads"
TODAY = YESTERDAY + timedelta(days=1)


class Clock:
    """Evaluates the sensor at times of today, from cursor to cursor."""

    def __init__(self, center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
        self.center = center
        self.cursor: str | None = None
        self.repository: dg.RepositoryDefinition | None = None
        self.monkeypatch = monkeypatch
        self.asked: set[str] = set()

    def write(self, hour: float = 6, **options: Any) -> None:
        """Write the integration at an hour of today."""
        self.center.integrate(**options)
        self.repository = None
        self.touch(self.center.defs / SLUG / "defs.yaml", hour)

    def drop(self, hour: float, day: date = YESTERDAY, count: int = 7, report: str = "logins") -> None:
        """Drop the report at an hour of today."""
        self.center.drop(logins(PLAIN, count), day, report=report)
        self.touch(self.center.home / "drops" / report / f"{day}.csv", hour)

    def touch(self, path: os.PathLike[str], hour: float) -> None:
        moment = self.at(hour).timestamp()
        os.utime(path, (moment, moment))

    @staticmethod
    def at(hour: float) -> datetime:
        return datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) + timedelta(hours=hour)

    def look(self, hour: float) -> list[dg.RunRequest] | str:
        """The runs asked for, or why there are none."""
        now = self.at(hour)
        self.monkeypatch.setattr(arrival_sensors, "datetime", FixedClock(now))
        repository = self.repository = self.repository or self.center.definitions().get_repository_def()
        with dg.build_sensor_context(self.center.instance, self.cursor, repository_def=repository) as context:
            data = repository.get_sensor_def(f"{SLUG}_arrival").evaluate_tick(context)
        self.cursor = data.cursor
        new = [request for request in data.run_requests or [] if request.run_key not in self.asked]
        self.asked |= {request.run_key or "" for request in new}
        return new or str(data.skip_message)


class FixedClock:
    """Replaces `datetime` in the sensor."""

    def __init__(self, now: datetime) -> None:
        self.fixed = now
        self.fromtimestamp = datetime.fromtimestamp

    def now(self, zone: object) -> datetime:
        return self.fixed


@pytest.fixture
def clock(center: Center, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(center, monkeypatch)


def run(clock: Clock, requests: list[dg.RunRequest] | str) -> bool:
    """Execute the one run that was asked for."""
    assert isinstance(requests, list), requests
    (request,) = requests
    assert request.partition_key is not None
    return clock.center.run(day=date.fromisoformat(request.partition_key), tags=dict(request.tags)).success


def test_a_late_report_is_waited_for_and_runs_when_it_lands(
    clock: Clock, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.write(arrive_by="12:00")
    clock.drop(6, days_before(1))
    assert clock.look(7.9) == "nothing is due, and no report was dropped again"
    waits = clock.look(8.1)
    assert isinstance(waits, str)
    assert waits.startswith("waiting for its report since 08:00 UTC, at the latest until 12:00 UTC: report")
    assert f"no data for {YESTERDAY}; the newest is {days_before(1)}" in waits

    clock.drop(9.6667)
    assert "has just landed" in str(clock.look(9.6668))
    assert run(clock, clock.look(9.68))
    assert clock.look(9.7) == clock.look(12.5) == "nothing is due, and no report was dropped again"
    (line,) = as_json(command("log", "--json"))
    assert (line["status"], line["partition"]) == ("Completed", YESTERDAY.isoformat())
    assert line["triggered_by"] == "arrival of the report"


@pytest.mark.proof
def test_what_is_waited_for_is_in_log_and_list(clock: Clock, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    clock.center.integrate(schedule="* * * * *", arrive_by=f"{now + timedelta(hours=2):%H:%M}")
    clock.touch(clock.center.defs / SLUG / "defs.yaml", -24)
    monkeypatch.setattr(Clock, "at", staticmethod(lambda hour: now))
    assert "waiting for its report since" in str(clock.look(0))
    (line,) = as_json(command("log", "--json"))
    assert (line["status"], line["run_id"]) == ("Waiting", None)
    assert "waiting for its report since" in line["error"]
    assert "waiting for its report since" in as_json(command("list", "--json"))[0]["waiting"]
    assert "Waiting" in command("log")[1]


def test_a_day_that_never_lands_fails_once_at_the_deadline(clock: Clock) -> None:
    clock.write(arrive_by="12:00")
    clock.drop(6, days_before(1))
    assert "waiting" in str(clock.look(8.5))
    assert "waiting" in str(clock.look(11.99))
    assert not run(clock, clock.look(12.01))
    assert clock.look(12.1) == clock.look(20) == "nothing is due, and no report was dropped again"
    line = clock.center.history()[SLUG]
    assert line.status is SyncStatus.FAILED
    assert f"no data for {YESTERDAY}; the newest is {days_before(1)}" in (line.error or "")
    with open_installation() as installation:
        assert len(installation.syncs.history(SLUG)) == 1
    clock.drop(20.5)  # better late than never
    assert run(clock, clock.look(20.6))


@pytest.mark.proof
def test_a_corrected_drop_runs_its_day_again_and_a_copy_of_it_does_not(clock: Clock) -> None:
    clock.write(arrive_by="12:00")
    clock.drop(7)
    assert run(clock, clock.look(8.01))
    clock.drop(9)  # the same content at another time
    assert clock.look(9.1) == "nothing is due, and no report was dropped again"
    clock.drop(10, count=20)
    requests = clock.look(10.1)
    assert isinstance(requests, list)
    assert requests[0].tags["triggered_by"] == "report dropped again"
    assert run(clock, requests)
    assert clock.look(10.2) == "nothing is due, and no report was dropped again"


@pytest.mark.proof
def test_rerun_on_change_can_be_switched_off(clock: Clock) -> None:
    clock.write(arrive_by="12:00", rerun_on_change=False)
    clock.drop(7)
    assert run(clock, clock.look(8.01))
    clock.drop(10, count=20)
    assert isinstance(clock.look(10.1), str)


@pytest.mark.proof
def test_an_older_day_of_events_that_is_corrected_runs_again(clock: Clock) -> None:
    about = {"kind": "events", "tags": ["integrations_salesforce"]}
    clock.write(arrive_by="12:00", report="visits", latest_by="Last Login")
    for day in (days_before(1), YESTERDAY):
        clock.center.drop(logins(PLAIN), day, report="visits", about=about)
        clock.touch(clock.center.home / "drops" / "visits" / f"{day}.csv", 6)
    assert clock.center.run().success  # the kind of the report is known from its stored frame
    assert isinstance(clock.look(8.01), list)
    clock.drop(9, days_before(1), count=30, report="visits")
    requests = clock.look(9.1)
    assert isinstance(requests, list)
    assert [request.partition_key for request in requests] == [days_before(1).isoformat()]


def test_a_run_of_a_quiet_time_starts_when_that_ends(clock: Clock) -> None:
    clock.write(not_between="07:30-09:00")
    assert clock.look(8.5) == (
        "waiting for its report since 08:00 UTC, at the latest until 09:00 UTC: quiet until 09:00 UTC"
    )
    requests = clock.look(9.01)
    assert isinstance(requests, list)
    assert requests[0].partition_key == YESTERDAY.isoformat()


def test_a_time_that_had_passed_when_the_integration_was_written_is_not_run(clock: Clock) -> None:
    clock.write(9, arrive_by="12:00")
    clock.drop(7)
    assert clock.look(9.1) == "nothing is due, and no report was dropped again"
    clock.write(9.5, schedule="0 9 * * *", arrive_by="12:00")
    assert clock.look(9.6) == "nothing is due, and no report was dropped again"


def test_a_source_that_cannot_be_read_is_waited_for_until_the_deadline(clock: Clock) -> None:
    clock.write(arrive_by="12:00", report="nobody_knows")
    assert "nobody_knows" in str(clock.look(8.5))
    assert not run(clock, clock.look(12.5))


def test_each_integration_is_started_by_one_thing(center: Center) -> None:
    center.integrate("plain")
    center.integrate("zoned", timezone="Europe/Berlin", fields=[{"column": "First Login", "field": "Description"}])
    center.integrate("waits", arrive_by="12:00", fields=[{"column": "First Login", "field": "Company"}])
    repository = center.definitions().get_repository_def()
    zoned = repository.get_schedule_def("zoned_schedule")
    assert (zoned.cron_schedule, zoned.execution_timezone) == ("0 8 * * *", "Europe/Berlin")
    assert {each.name for each in repository.schedule_defs} == {"daily_sync", "zoned_schedule", "weekly_retention"}
    assert "waits_arrival" in {each.name for each in repository.sensor_defs}
    with dg.build_schedule_context(center.instance, Clock.at(8), repository_def=repository) as context:
        daily = repository.get_schedule_def("daily_sync").evaluate_tick(context)
    assert daily.run_requests is not None
    assert [request.tags["integration"] for request in daily.run_requests] == ["plain"]
