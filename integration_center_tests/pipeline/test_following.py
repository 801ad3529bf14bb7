"""An integration that runs after another one, and one that is paused."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import push_key
from integration_center.pipeline.starting import arrival_sensors
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, Center, days_before
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.test_arrivals import FixedClock

FIRST, SECOND = "logins_to_leads", "counts_after_logins"
EVENTS = "TeachMe"
"""A report of WalkMe's own that is known to be one of events."""
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


def note_run(slug: str, day: date, status: SyncStatus = SyncStatus.COMPLETED) -> None:
    """Note a run in the log, as one that has just ended leaves it."""
    with open_installation() as installation:
        run_id = uuid4().hex
        installation.syncs.open(
            run_id,
            slug,
            name=slug,
            environment=Environment.SANDBOX,
            report="Logins",
            object="Lead",
            partition_start=day,
            partition_end=day,
            triggered_by="schedule",
            org_id=installation.accounts.get(Environment.SANDBOX).org_id,
        )
        installation.syncs.close(run_id, slug, status=status)


def test_it_starts_once_when_the_other_one_has_completed(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(center, monkeypatch)
    assert "no run of logins_to_leads has completed" in follower.look()
    for status in (SyncStatus.FAILED, SyncStatus.PLANNED, SyncStatus.WAITING):
        note_run(FIRST, YESTERDAY, status)
    assert "no run of logins_to_leads has completed" in follower.look()

    note_run(FIRST, YESTERDAY)
    (request,) = follower.ask()
    assert request.partition_key == YESTERDAY.isoformat()
    assert request.tags["triggered_by"] == "after logins_to_leads"
    assert "no run of logins_to_leads has completed" in follower.look()
    listed = {row["slug"]: row for row in as_json(command("list", "--json"))}
    assert listed[SECOND]["schedule"] == "after logins_to_leads"


def test_a_pause_and_a_quiet_time_hold_it_back(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    follower = Follower(center, monkeypatch, not_between=f"{soon - timedelta(hours=3):%H:%M}-{soon:%H:%M}")
    note_run(FIRST, YESTERDAY)
    assert follower.look() == f"quiet until {soon:%H:%M} UTC"
    assert len(follower.ask(timedelta(hours=2, minutes=1))) == 1

    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    follower.write(paused_until=tomorrow.isoformat())
    note_run(FIRST, YESTERDAY)
    assert follower.look() == f"paused until {tomorrow}"
    assert "no run of logins_to_leads has completed" in follower.look(timedelta(days=1))


def test_each_day_of_events_follows_and_only_the_newest_of_a_snapshot(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [days_before(back) for back in (2, 1, 0)]
    follower = Follower(center, monkeypatch)
    for day in days:
        note_run(FIRST, day)
    (newest,) = follower.ask()
    assert newest.partition_key == days[-1].isoformat()

    events = Follower(center, monkeypatch, report=EVENTS)
    note_run(SECOND, days[0])
    missed, again = events.ask()
    assert missed.tags["dagster/asset_partition_range_start"] == days[1].isoformat()
    assert missed.tags["dagster/asset_partition_range_end"] == days[-1].isoformat()
    assert again.partition_key == days[0].isoformat()


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


def test_a_follower_is_expected_within_a_bound_and_a_paused_one_is_not(center: Center) -> None:
    fields = [{"column": "# Logins Last 30 Days", "field": COUNT}]
    center.integrate(fields=FIELDS)
    center.integrate(SECOND, name="Counts", after=FIRST, fields=fields)
    first, second = expectations(center)
    assert first is not None
    assert second is not None
    assert first.fail_window.to_timedelta() == timedelta(hours=30)
    assert second.fail_window.to_timedelta() == timedelta(hours=36)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    center.integrate(SECOND, name="Counts", after=FIRST, fields=fields, paused_until=tomorrow)
    assert expectations(center) == [first, None]
    center.integrate(paused_until=tomorrow, fields=FIELDS)
    center.integrate(SECOND, name="Counts", after=FIRST, fields=fields)
    assert expectations(center) == [None, None]


def expectations(center: Center) -> list[Any]:
    """Return when the pushes of both are late."""
    graph = center.definitions().resolve_asset_graph()
    return [graph.get(push_key(slug)).freshness_policy for slug in (FIRST, SECOND)]
