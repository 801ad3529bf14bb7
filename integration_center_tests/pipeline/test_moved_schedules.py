"""An integration that is moved to another time of the day."""

import os
from datetime import UTC, datetime

import dagster as dg

from integration_center_tests.pipeline.center import Center


def tick(center: Center, moment: datetime) -> dg.RunRequest | str:
    """What the integration's own schedule answers: a run, or why there is none."""
    repository = center.definitions().get_repository_def()
    with dg.build_schedule_context(center.instance, moment, repository_def=repository) as context:
        data = repository.get_schedule_def("logins_to_leads_schedule").evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def move(center: Center, schedule: str, at: datetime) -> None:
    """Edit the integration's file at some moment."""
    center.integrate(schedule=schedule)
    os.utime(center.defs / "logins_to_leads" / "defs.yaml", (at.timestamp(), at.timestamp()))


def test_a_time_that_had_passed_when_the_integration_was_moved_to_it_is_not_run(center_on_disk: Center) -> None:
    move(center_on_disk, "30 9 * * *", datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 24, 9, 30, tzinfo=UTC)), dg.RunRequest)
    move(center_on_disk, "40 9 * * *", datetime(2026, 11, 24, 9, 45, tzinfo=UTC))
    for _ in range(2):  # a tick that is cut off is evaluated again
        skipped = tick(center_on_disk, datetime(2026, 11, 24, 9, 40, tzinfo=UTC))
        assert skipped == (
            "Logins to Leads was moved to this time after it had passed. It runs next at 2026-11-25 09:40 UTC;"
            " run it by hand if that is too late"
        )
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 25, 9, 40, tzinfo=UTC)), dg.RunRequest)


def test_a_time_that_passed_while_nothing_ran_is_run_whatever_else_was_edited(center_on_disk: Center) -> None:
    move(center_on_disk, "30 9 * * *", datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 24, 9, 30, tzinfo=UTC)), dg.RunRequest)
    move(center_on_disk, "30 9 * * *", datetime(2026, 11, 25, 9, 45, tzinfo=UTC))
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 25, 9, 30, tzinfo=UTC)), dg.RunRequest)


def test_a_new_time_that_is_still_to_come_is_run(center_on_disk: Center) -> None:
    move(center_on_disk, "30 9 * * *", datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 24, 9, 30, tzinfo=UTC)), dg.RunRequest)
    move(center_on_disk, "0 18 * * *", datetime(2026, 11, 24, 17, 59, tzinfo=UTC))
    assert isinstance(tick(center_on_disk, datetime(2026, 11, 24, 18, tzinfo=UTC)), dg.RunRequest)
