"""The log of a run in sentences: what it says of a release, an undo and a retry, and no sentence twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integration_center.console.results import Reason
from integration_center.console.story import tell_story
from integration_center.database.sync_records import RELEASE_OF, RETRY_OF, UNDO_OF, SyncRecord, SyncStatus
from integration_center.sync.outcomes import Outcome
from integration_center_tests.console.test_results import record

AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
EARLIER = "8f8fcc82-16a7-4a54-9d06-1f4b1f0c9d3e"


def at_work(sync: SyncRecord, **changes: object) -> SyncRecord:
    moments = {"started_at": AT, "read_at": AT + timedelta(seconds=1), "ended_at": AT + timedelta(seconds=3)}
    return replace(sync, report="Logins Review", **{**moments, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("begin", "first", "second"),
    [
        ("", "Started by ann.", "Read 3 rows of Logins Review, and compared them with Lead"),
        (UNDO_OF, "Started to undo an earlier run.", "Took 3 records of the earlier run, and compared them with Lead"),
        (
            RETRY_OF,
            "Started to try the failed records of an earlier run again.",
            "Took 3 records of the earlier run, and compared them with Lead",
        ),
        (RELEASE_OF, "Started to send the plan of an earlier run, which somebody released.", "Began to send 3 records"),
    ],
)
def test_a_run_that_goes_on_with_an_earlier_one_says_so_without_its_id(begin: str, first: str, second: str) -> None:
    read_at = AT - timedelta(hours=1) if begin == RELEASE_OF else AT + timedelta(seconds=1)
    by = f"{begin}{EARLIER}" if begin else "ann"
    sync = at_work(record(updated=3), triggered_by=by, read_at=read_at, applied_at=AT + timedelta(seconds=2))
    steps = tell_story(sync, [], "Lead")
    assert [steps[0].text.startswith(first), steps[1].text.startswith(second)] == [True, True]
    assert EARLIER not in "".join(step.text for step in steps)
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_a_held_run_says_its_reason_once() -> None:
    reason = "96 % would change; at most 20 % may"
    sync = at_work(replace(record(SyncStatus.FAILED, reason, held=9), held=reason), triggered_by="ann")
    texts = [step.text for step in tell_story(sync, [Reason(Outcome.HELD, reason, 9)], "Lead")]
    assert texts[2:] == [
        f"Held, so that nothing is sent: {reason}.",
        "9 held.",
        f"Held: nothing was sent to Salesforce. {reason}.",
    ]
