"""A push that was stopped goes on by "re-execute from failure": with what is proven not to have been written."""

from collections.abc import Callable

import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import PARENT_RUN_TAG
from integration_center_tests.pipeline.center import COUNT, FIRST, PLAIN, Center, Ran, logins
from integration_center_tests.pipeline.commands import Command
from salesforce_emulator.refusals import RowError

PUSH = "logins_to_leads/push"


def re_execute(center: Center, parent: Ran) -> Ran:
    return center.run(assets=[PUSH], tags={PARENT_RUN_TAG: parent.run_id})


@pytest.fixture
def stop(center: Center, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Ran]:
    """Runs the example in calls of three records, and stops it as Dagster does after the first of them."""
    center.integrate(batch_size=3)
    center.drop(logins(PLAIN))
    monkeypatch.setattr("integration_center.salesforce.write.collections.COLLECTIONS_A_CALL", 1)

    def stop() -> Ran:
        def interrupt(*_: object) -> None:
            raise DagsterExecutionInterruptedError

        with monkeypatch.context() as patched:
            patched.setattr(SyncLog, "note_progress", interrupt)
            return center.run()

    return stop


def written(center: Center) -> int:
    return sum(center.lead(number)[COUNT] == 7 + number for number in PLAIN)


@pytest.mark.proof
def test_a_stopped_push_goes_on_with_what_was_not_sent(center: Center, stop: Callable[[], Ran]) -> None:
    first = stop()
    assert written(center) == 3
    center.emulator.sandbox.calls.clear()

    second = re_execute(center, first)

    assert second.success, second.error
    assert center.sync(first).counts["lines"] == {"updated": 3, "unprocessed": len(PLAIN) - 3}
    assert center.sync(second).counts["lines"] == {"unchanged": 3, "updated": len(PLAIN) - 3}
    assert center.sync(second).status is SyncStatus.COMPLETED
    assert written(center) == len(PLAIN)
    assert len(center.writes()) == 2
    ledger = center.ledger(second)
    assert ledger.height == len(PLAIN)
    assert set(ledger.filter(ledger["outcome"] == "unchanged")["reason"]) == {f"run {first.run_id} wrote it"}

    # A third time, from either of the two, nothing is left to do.
    for parent in (first, second):
        center.emulator.sandbox.calls.clear()
        third = re_execute(center, parent)
        assert center.sync(third).counts["lines"] == {"unchanged": len(PLAIN)}
        assert center.writes() == []


@pytest.mark.proof
def test_it_may_be_stopped_again(center: Center, stop: Callable[[], Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    first = stop()

    def interrupt(*_: object) -> None:
        raise DagsterExecutionInterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(SyncLog, "note_progress", interrupt)
        second = re_execute(center, first)
    assert not second.success
    third = re_execute(center, second)
    assert third.success, third.error
    assert center.sync(third).counts["lines"] == {"unchanged": 6, "updated": len(PLAIN) - 6}
    assert written(center) == len(PLAIN)


@pytest.mark.proof
def test_what_somebody_changed_meanwhile_is_left_alone(center: Center, stop: Callable[[], Ran]) -> None:
    first = stop()
    center.let_time_pass()
    theirs = PLAIN[-1]
    center.change_lead(theirs, FIRST, "2020-02-02T02:02:02")
    second = re_execute(center, first)
    counts = center.sync(second).counts["lines"]
    assert counts == {"unchanged": 3, "updated": len(PLAIN) - 4, "conflict": 1}
    assert center.lead(theirs)[FIRST].startswith("2020-02-02")


def test_what_was_refused_is_tried_again(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    refused = [center.lead(number)["Id"] for number in PLAIN[:4]]
    center.emulator.sandbox.faults.fail_rows(refused, RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"), times=1)
    first = center.run()
    assert not first.success
    center.let_time_pass()
    second = re_execute(center, first)
    assert second.success, second.error
    assert center.sync(second).counts["lines"] == {"unchanged": len(PLAIN) - 4, "updated": 4}


@pytest.mark.proof
def test_a_push_that_was_undone_does_not_go_on(center: Center, command: Command, stop: Callable[[], Ran]) -> None:
    first = stop()
    second = re_execute(center, first)
    center.let_time_pass()
    assert command("undo", second.run_id, "--yes")[0] == 0
    center.emulator.sandbox.calls.clear()
    third = re_execute(center, second)
    assert "was undone" in third.error
    assert center.writes(Environment.SANDBOX) == []
