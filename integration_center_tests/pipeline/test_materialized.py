"""What Dagster shows of a push: a push that failed is not materialized, and check results belong to their day."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterEventType
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from integration_center.pipeline.names import push_key
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, Ran, days_before, logins
from salesforce_emulator.refusals import RowError

PUSH = push_key("logins_to_leads")
DAY = YESTERDAY.isoformat()
REFUSED = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Score needs an approval", ())


def evaluations(center: Center, ran: Ran) -> dict[tuple[str, str | None], tuple[bool, str]]:
    """Of each check of the push and each partition: whether it passed, and its severity."""
    records = center.instance.get_records_for_run(ran.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    found = [event.asset_check_evaluation_data for event in events if event is not None]
    return {
        (data.check_name, data.partition): (data.passed, data.severity.value)
        for data in found
        if data.asset_key == PUSH
    }


def refuse(center: Center, people: Sequence[int]) -> None:
    """Let the org refuse to write these people."""
    center.emulator.sandbox.faults.fail_rows([center.lead(number)["Id"] for number in people], REFUSED)


def request_downstream(center: Center, cursor: AssetDaemonCursor | None) -> tuple[int, AssetDaemonCursor]:
    """Evaluate an automation that waits for the push: how many partitions it asks for, and the next cursor."""

    @dg.asset(
        deps=[PUSH],
        partitions_def=dg.DailyPartitionsDefinition("2020-01-01", timezone="UTC"),
        automation_condition=dg.AutomationCondition.any_deps_updated(),
    )
    def report_to_slack() -> None:
        """Would tell colleagues."""

    defs = dg.Definitions.merge(center.definitions(), dg.Definitions(assets=[report_to_slack]))
    result = dg.evaluate_automation_conditions(
        defs, center.instance, asset_selection=dg.AssetSelection.assets("report_to_slack"), cursor=cursor
    )
    return result.total_requested, result.cursor


@pytest.fixture
def example(center: Center) -> Center:
    center.integrate()
    center.drop(logins(PLAIN))
    return center


def test_a_push_that_completes_is_materialized_and_wakes_what_follows(example: Center) -> None:
    _, cursor = request_downstream(example, None)
    ran = example.run()
    assert ran.success
    assert example.instance.get_materialized_partitions(PUSH) == {DAY}
    assert evaluations(example, ran) == {
        ("rows_failed", DAY): (True, "WARN"),
        ("ledger_adds_up", DAY): (True, "ERROR"),
    }
    assert request_downstream(example, cursor)[0] == 1


def test_few_refused_rows_are_a_warning(example: Center) -> None:
    example.integrate(limits={"max_failed": 20})
    refuse(example, PLAIN[:1])
    ran = example.run()
    assert ran.success, ran.error
    assert example.instance.get_materialized_partitions(PUSH) == {DAY}
    assert evaluations(example, ran)["rows_failed", DAY] == (False, "WARN")


@pytest.mark.sampled
@pytest.mark.parametrize("refused", [PLAIN[:3], PLAIN], ids=["some", "all"])
def test_a_push_that_fails_is_not_materialized_and_wakes_nobody(example: Center, refused: Sequence[int]) -> None:
    _, cursor = request_downstream(example, None)
    refuse(example, refused)
    ran = example.run()
    assert not ran.success
    assert example.instance.get_materialized_partitions(PUSH) == set()
    assert evaluations(example, ran) == {
        ("rows_failed", DAY): (False, "ERROR"),
        ("ledger_adds_up", DAY): (True, "ERROR"),
    }
    assert request_downstream(example, cursor)[0] == 0


def test_a_held_push_is_not_materialized(example: Center) -> None:
    example.integrate(limits={"max_changed": 10})
    held = example.run()
    assert not held.success
    assert example.instance.get_materialized_partitions(PUSH) == set()
    # The limit is known before the push: the plan is there to read.
    assert example.instance.get_materialized_partitions(dg.AssetKey(["logins_to_leads", "update_set"])) == {DAY}


@pytest.mark.proof
def test_an_old_day_that_fails_leaves_the_results_of_the_newest_day(example: Center) -> None:
    newest = example.run()
    example.let_time_pass()
    old = YESTERDAY - timedelta(days=3)
    example.drop(logins(PLAIN, count=30), old)
    refuse(example, PLAIN)
    again = example.run(day=old, allow_stale=True)
    assert not again.success
    assert evaluations(example, newest)["rows_failed", DAY] == (True, "WARN")
    assert evaluations(example, again)["rows_failed", old.isoformat()] == (False, "ERROR")
    assert example.instance.get_materialized_partitions(PUSH) == {DAY}


@pytest.mark.proof
def test_the_results_of_a_range_are_stored_too(example: Center) -> None:
    example.drop(logins(PLAIN, count=2), days_before(1))
    ran = example.run(day=days_before(1), last=YESTERDAY)
    assert ran.success, ran.error
    assert {passed for passed, _ in evaluations(example, ran).values()} == {True}
    assert example.instance.get_materialized_partitions(PUSH) == {days_before(1).isoformat(), DAY}
