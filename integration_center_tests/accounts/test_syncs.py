from datetime import UTC, date, datetime
from typing import Any

import pytest

from integration_center.accounts.store import AccountStore
from integration_center.database.sync_records import Counts, SyncRecord, SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.errors import PlanMissing
from integration_center.integration.spec import Environment
from integration_center_tests.accounts.fake_salesforce import ORG_ID, OTHER_ORG_ID
from integration_center_tests.accounts.samples import build_account, build_tokens

WRITTEN: Counts = {"lines": {"updated": 3, "unmatched": 1}, "rows": {"updated": 2, "unmatched": 1}}
PLANNED: Counts = {"lines": {"planned": 3}, "rows": {"planned": 2}}
REJECTED: Counts = {"lines": {"rejected": 3}, "rows": {"rejected": 3}}


@pytest.fixture
def log(store: AccountStore) -> SyncLog:
    store.save(build_account(org_id=ORG_ID), build_tokens())
    return SyncLog(store.engine)


def begin(log: SyncLog, run_id: str = "run-1", day: int = 20, **changes: Any) -> SyncRecord:
    values: dict[str, Any] = {
        "name": "Logins to Leads",
        "environment": Environment.SANDBOX,
        "report": "Logins",
        "object": "Lead",
        "partition_start": date(2026, 11, day),
        "partition_end": date(2026, 11, day),
        "triggered_by": "schedule",
        "org_id": ORG_ID,
    }
    return log.open(run_id, "logins_to_leads", **(values | changes))


def plan(log: SyncLog, run_id: str = "run-1", counts: Counts = PLANNED) -> SyncRecord:
    return log.planned(
        run_id,
        "logins_to_leads",
        plan_id="plan-1",
        counts=counts,
        org_id=ORG_ID,
        read_at=datetime(2026, 11, 21, 8, tzinfo=UTC),
        describe_hash="abc",
        api_calls=4,
    )


def end(log: SyncLog, run_id: str = "run-1", status: SyncStatus = SyncStatus.COMPLETED, **changes: Any) -> SyncRecord:
    return log.close(run_id, "logins_to_leads", status=status, **changes)


def test_a_sync_from_its_start_to_its_end(log: SyncLog) -> None:
    opened = begin(log)
    assert (opened.status, opened.ended_at, opened.runtime, opened.counts) == (SyncStatus.RUNNING, None, None, {})
    assert opened.started_at.tzinfo is UTC

    planned = plan(log)
    assert (planned.plan_id, planned.counts, planned.api_calls) == ("plan-1", PLANNED, 4)
    assert planned.read_at == datetime(2026, 11, 21, 8, tzinfo=UTC)

    closed = end(log, counts=WRITTEN, api_calls=9)
    assert (closed.status, closed.counts, closed.api_calls) == (SyncStatus.COMPLETED, WRITTEN, 9)
    assert closed.ended_at is not None
    assert closed.runtime == closed.ended_at - closed.started_at
    assert log.get("run-1", "logins_to_leads") == closed


def test_a_retried_step_opens_its_line_again_and_adds_none(log: SyncLog) -> None:
    first = begin(log)
    end(log, status=SyncStatus.FAILED, error="the org did not answer", counts=WRITTEN, api_calls=7)

    again = begin(log)

    assert (again.status, again.error, again.ended_at) == (SyncStatus.RUNNING, None, None)
    assert (again.started_at, again.counts, again.api_calls) == (first.started_at, WRITTEN, 7)
    assert len(log.history()) == 1


def test_closing_without_counts_keeps_the_plans(log: SyncLog) -> None:
    begin(log)
    plan(log)
    closed = end(log, status=SyncStatus.FAILED, error="held")
    assert (closed.counts, closed.api_calls, closed.error) == (PLANNED, 4, "held")


def test_only_an_open_line_is_failed_afterwards(log: SyncLog) -> None:
    begin(log, "run-1")
    begin(log, "run-2")
    end(log, "run-2", counts=WRITTEN)
    assert [record.run_id for record in log.running()] == ["run-1"]

    assert log.fail_open("run-1", "logins_to_leads", "its run ended without closing it") is True
    assert log.fail_open("run-2", "logins_to_leads", "late") is False
    assert log.fail_open("run-3", "logins_to_leads", "unknown") is False

    statuses = {record.run_id: (record.status, record.error) for record in log.history()}
    assert statuses == {
        "run-1": (SyncStatus.FAILED, "its run ended without closing it"),
        "run-2": (SyncStatus.COMPLETED, None),
    }
    assert log.running() == ()


def test_a_failed_line_whose_unknown_results_were_found_out_says_so(log: SyncLog) -> None:
    begin(log)
    plan(log)
    end(log, status=SyncStatus.FAILED, counts={"lines": {"unknown": 2}}, error="2 without a known result")
    log.amend("run-1", "logins_to_leads", counts={"lines": {"updated": 2}}, error="run-2 found out what it had written")
    (line,) = log.history()
    assert (line.status, line.lines) == (SyncStatus.FAILED, {"updated": 2})
    assert line.error == "run-2 found out what it had written"
    log.amend("run-1", "logins_to_leads", counts={"lines": {"updated": 2}}, error="another")
    assert log.history()[0].error == "run-2 found out what it had written"


def test_history_is_newest_first_and_narrows(log: SyncLog) -> None:
    for number in range(3):
        begin(log, f"run-{number}")
    begin(log, "run-p", environment=Environment.PRODUCTION, org_id=OTHER_ORG_ID)

    assert [record.run_id for record in log.history(limit=2)] == ["run-p", "run-2"]
    assert [record.run_id for record in log.history(environment=Environment.SANDBOX)] == ["run-2", "run-1", "run-0"]
    assert log.history("another") == ()


def test_a_line_that_was_never_opened_cannot_be_closed(log: SyncLog) -> None:
    with pytest.raises(PlanMissing, match="run-9"):
        end(log, "run-9")
    with pytest.raises(PlanMissing, match="run-9"):
        plan(log, "run-9")


@pytest.mark.parametrize(
    ("status", "counts", "counts_as_pushed"),
    [
        (SyncStatus.COMPLETED, WRITTEN, True),
        (SyncStatus.COMPLETED, {"lines": {"unchanged": 5}, "rows": {"unchanged": 5}}, True),
        (SyncStatus.COMPLETED, PLANNED, False),
        (SyncStatus.FAILED, WRITTEN, True),
        (SyncStatus.FAILED, {"lines": {"unknown": 1}, "rows": {"unknown": 1}}, True),
        (SyncStatus.FAILED, REJECTED, False),
        (SyncStatus.FAILED, {"lines": {"held": 5}, "rows": {"held": 5}}, False),
    ],
)
def test_which_days_count_as_pushed(log: SyncLog, status: SyncStatus, counts: Counts, counts_as_pushed: bool) -> None:
    begin(log, day=20)
    end(log, status=status, counts=counts)
    assert log.newest_pushed_day("logins_to_leads") == (date(2026, 11, 20) if counts_as_pushed else None)


def test_the_newest_day_wins_whatever_the_order(log: SyncLog) -> None:
    for day in (20, 22, 21):
        begin(log, f"run-{day}", day)
        end(log, f"run-{day}", counts=WRITTEN)
    begin(log, "run-23", 23)

    assert log.newest_pushed_day("logins_to_leads") == date(2026, 11, 22)
    assert log.newest_pushed_day("another") is None


def test_what_a_replaced_org_got_does_not_count_for_its_successor(log: SyncLog, store: AccountStore) -> None:
    begin(log)
    end(log, counts=WRITTEN)
    assert log.newest_pushed_day("logins_to_leads") == date(2026, 11, 20)

    store.save(build_account(org_id=OTHER_ORG_ID), build_tokens())

    assert log.newest_pushed_day("logins_to_leads") is None
    assert log.newest_pushed_day("logins_to_leads", environment=Environment.SANDBOX) is None
    assert len(log.history("logins_to_leads")) == 1


def test_each_environment_has_its_own_newest_day(log: SyncLog, store: AccountStore) -> None:
    store.save(build_account(environment=Environment.PRODUCTION, org_id=OTHER_ORG_ID), build_tokens())
    begin(log, day=20)
    end(log, counts=WRITTEN)
    assert log.newest_pushed_day("logins_to_leads", environment=Environment.SANDBOX) == date(2026, 11, 20)
    assert log.newest_pushed_day("logins_to_leads", environment=Environment.PRODUCTION) is None


def test_a_plan_is_applied_once_and_then_counts_as_pushed(log: SyncLog) -> None:
    begin(log)
    assert not log.apply("run-1", "logins_to_leads"), "there is no plan yet"
    plan(log)
    assert log.newest_pushed_day("logins_to_leads") is None

    assert log.apply("run-1", "logins_to_leads")
    assert not log.apply("run-1", "logins_to_leads")

    log.fail_open("run-1", "logins_to_leads", "killed in the middle")
    record = log.get("run-1", "logins_to_leads")
    assert record is not None
    assert record.applied_at is not None
    assert log.newest_pushed_day("logins_to_leads") == date(2026, 11, 20)
    with pytest.raises(PlanMissing):
        log.apply("run-9", "logins_to_leads")


def test_a_dry_run_counts_for_nothing(log: SyncLog) -> None:
    begin(log)
    plan(log, counts={"lines": {"unchanged": 3}, "rows": {"unchanged": 3}})
    assert end(log, status=SyncStatus.PLANNED).status is SyncStatus.PLANNED
    assert log.newest_pushed_day("logins_to_leads") is None
    assert log.running() == ()


def test_runs_are_found_by_the_beginning_of_their_id(log: SyncLog) -> None:
    for run_id in ("1a2b", "1a3c", "2_%"):
        begin(log, run_id)
    assert [record.run_id for record in log.of_run("1a")] == ["1a2b", "1a3c"]
    assert [record.run_id for record in log.of_run("2_%")] == ["2_%"]
    assert log.of_run("_") == ()


def test_what_was_refused_is_counted_again_with_all_other_counts(log: SyncLog) -> None:
    begin(log)
    failed: Counts = {"lines": {"failed": 3}, "rows": {"failed": 3}}
    closed = end(log, counts={**failed, "refused": {"STRING_TOO_LONG": 3}}, status=SyncStatus.FAILED)
    assert (closed.counts, closed.refused) == (failed, {"STRING_TOO_LONG": 3})
    log.recount("run-1", "logins_to_leads", counts=WRITTEN)
    corrected = log.get("run-1", "logins_to_leads")
    assert corrected is not None
    assert (corrected.counts, corrected.refused) == (WRITTEN, {})
