"""An integration that runs after another one, and one that is paused."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from integration_center.pipeline import arrival_sensors
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.test_arrivals import FixedClock

SECOND = "counts_after_logins"
FIELDS = [{"column": "First Login", "field": "WalkMe_First_Login__c"}]


class Follower:
    """Evaluates the sensor of the second integration, from cursor to cursor."""

    def __init__(self, center: Center, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.center, self.monkeypatch = center, monkeypatch
        self.cursor: str | None = None
        center.integrate(fields=FIELDS)
        self.write(**options)

    def write(self, **options: Any) -> None:
        fields = [{"column": "# Logins Last 30 Days", "field": COUNT}]
        self.center.integrate(SECOND, **{"name": "Counts", "after": "logins_to_leads", "fields": fields, **options})
        path = self.center.defs / SECOND / "defs.yaml"
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)

    def ask(self, later: timedelta = timedelta()) -> Sequence[dg.RunRequest]:
        """The runs asked for."""
        found = self.look(later)
        assert not isinstance(found, str), found
        return found

    def look(self, later: timedelta = timedelta()) -> Sequence[dg.RunRequest] | str:
        """The runs asked for, or why there are none."""
        self.monkeypatch.setattr(arrival_sensors, "datetime", FixedClock(datetime.now(UTC) + later))
        repository = self.center.definitions().get_repository_def()
        with dg.build_sensor_context(self.center.instance, self.cursor, repository_def=repository) as context:
            data = repository.get_sensor_def(f"{SECOND}_arrival").evaluate_tick(context)
        self.cursor = data.cursor
        return data.run_requests or str(data.skip_message)


def test_it_starts_once_when_the_other_one_has_completed(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(center, monkeypatch)
    assert "no run of logins_to_leads has completed" in follower.look()
    assert not center.run().success  # its report has not landed
    assert "no run of logins_to_leads has completed" in follower.look()

    center.drop(logins(PLAIN))
    assert center.run().success
    (request,) = follower.ask()
    assert request.partition_key == YESTERDAY.isoformat()
    assert "no run of logins_to_leads has completed" in follower.look()
    assert center.run(SECOND, date.fromisoformat(request.partition_key), tags=dict(request.tags)).success
    lines = {line["slug"]: line for line in as_json(command("log", "--json"))}
    assert lines[SECOND]["triggered_by"] == "after logins_to_leads"
    listed = {row["slug"]: row for row in as_json(command("list", "--json"))}
    assert listed[SECOND]["schedule"] == "after logins_to_leads"


def test_a_pause_and_a_quiet_time_hold_it_back(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    follower = Follower(center, monkeypatch, not_between=f"{soon - timedelta(hours=3):%H:%M}-{soon:%H:%M}")
    center.drop(logins(PLAIN))
    assert center.run().success
    assert follower.look() == f"quiet until {soon:%H:%M} UTC"
    assert len(follower.look(timedelta(hours=2, minutes=1))) == 1

    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    follower.write(paused_until=tomorrow.isoformat())
    assert center.run().success
    assert follower.look() == f"paused until {tomorrow}"
    assert "no run of logins_to_leads has completed" in follower.look(timedelta(days=1))


def test_each_day_of_events_follows_and_only_the_newest_of_a_snapshot(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(center, monkeypatch)
    days = [days_before(back) for back in (2, 1, 0)]
    for day in days:
        center.drop(logins(PLAIN, count=day.day), day)
        assert center.run(day=day).success
    (newest,) = follower.ask()
    assert newest.partition_key == days[-1].isoformat()

    about = {"kind": "events", "tags": ["integrations_salesforce"]}
    other = Follower(center, monkeypatch, report="visits", latest_by="Last Login")
    other.cursor = None
    for day in days:
        center.drop(logins(PLAIN), day, "visits", about=about)
    assert center.run(SECOND, days[0]).success
    missed, again = other.ask()
    assert again.partition_key == days[0].isoformat()
    assert missed.tags["dagster/asset_partition_range_start"] == days[1].isoformat()
    assert missed.tags["dagster/asset_partition_range_end"] == days[-1].isoformat()


def test_what_is_paused_is_not_started_by_its_schedule(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate(paused_until="2999-01-01")
    center.integrate("own_times", object="Contact", fields=TITLE, schedule="0 9 * * *", paused_until="2999-01-01")
    repository = center.definitions().get_repository_def()
    tick = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    with dg.build_schedule_context(center.instance, tick, repository_def=repository) as context:
        assert not repository.get_schedule_def("daily_sync").evaluate_tick(context).run_requests
        own = repository.get_schedule_def("own_times_schedule").evaluate_tick(context)
    assert "paused until 2999-01-01" in str(own.skip_message)
    assert "paused until 2999-01-01" in as_json(command("list", "--json"))[0]["schedule"]


TITLE = [{"column": "First Login", "field": "Title"}]
