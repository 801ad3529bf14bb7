"""Days of an event report that arrive late, twice, corrected or in ranges: the newest row of each key is in the org."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from logging import WARNING

import dagster as dg
import polars as pl
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import PARENT_RUN_TAG, RANGE_END_TAG, RANGE_START_TAG
from integration_center.pipeline.steps import applying
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import Center, Ran, days_before, email
from integration_center_tests.pipeline.test_undo import undo_here
from salesforce_emulator.refusals import RowError

HEADER = ("End User ID", "NPS Score", "Question Date & Time (UTC)")
SCORE = "WalkMe_NPS_Score__c"
ANN, BOB, CAT = 3, 4, 6
"""People with one Lead each."""
Answers = Sequence[tuple[int, int, int, int]]
"""Who, score, days before the newest, hour."""


def drop(center: Center, ago: int, answers: Answers) -> None:
    """Drop the file of a day, in place of the one before."""
    rows = [(email(n), score, f"{days_before(of)} {hour:02}:00:00") for n, score, of, hour in answers]
    center.drop(rows, days_before(ago), "nps", HEADER)


def scores(center: Center) -> list[float | None]:
    """What the org holds of Ann, Bob and Cat."""
    return [center.lead(number)[SCORE] for number in (ANN, BOB, CAT)]


def run(center: Center, ago: int, last: int | None = None, **options: object) -> Ran:
    """Run a day, or the days until `last`."""
    center.let_time_pass()
    ran = center.run("nps", days_before(ago), last=None if last is None else days_before(last), **options)  # type: ignore[arg-type]
    assert ran.success, ran.error
    return ran


def counts(center: Center, ran: Ran) -> Mapping[str, int]:
    """Rows by outcome."""
    return center.sync(ran, "nps").counts["rows"]


@pytest.fixture
def nps(center: Center) -> Center:
    """An integration of NPS answers with Leads."""
    field = {"column": "NPS Score", "field": SCORE}
    center.integrate("nps", report="NPS", fields=[field], keys=[{"column": "End User ID", "field": "Email"}])
    return center


@pytest.mark.proof
def test_a_late_day_is_judged_key_by_key(nps: Center) -> None:
    drop(nps, 2, [(ANN, 1, 2, 9)])
    drop(nps, 1, [(ANN, 2, 1, 9), (BOB, 3, 1, 9)])
    drop(nps, 0, [(ANN, 4, 0, 9)])
    run(nps, 2)
    run(nps, 0)
    late = run(nps, 1)
    assert scores(nps) == [4, 3, None]
    assert counts(nps, late) == {"superseded": 1, "updated": 1}
    (reason,) = nps.ledger(late, "nps").filter(pl.col("outcome") == "superseded")["reason"]
    assert reason == f"a newer row with this key, of {YESTERDAY}, was already applied"


@pytest.mark.proof
def test_allow_stale_never_writes_an_older_event(nps: Center) -> None:
    drop(nps, 1, [(ANN, 2, 1, 9)])
    drop(nps, 0, [(ANN, 4, 0, 9)])
    run(nps, 0)
    late = run(nps, 1, allow_stale=True)
    assert (scores(nps)[0], counts(nps, late)) == (4, {"superseded": 1})
    assert nps.sync(late, "nps").status is SyncStatus.COMPLETED


@pytest.mark.proof
def test_a_corrected_day_gives_its_keys_back(nps: Center) -> None:
    """The newest day is dropped again: Ann's answer is of an earlier time, Bob's is gone, Cat's has another score."""
    drop(nps, 1, [(ANN, 1, 1, 9), (BOB, 2, 1, 9)])
    drop(nps, 0, [(ANN, 4, 0, 9), (BOB, 5, 0, 9), (CAT, 6, 0, 9)])
    run(nps, 1)
    run(nps, 0)
    drop(nps, 0, [(ANN, 4, 1, 8), (CAT, 7, 0, 9)])
    again = run(nps, 0)
    assert scores(nps) == [1, 2, 7]
    assert counts(nps, again) == {"superseded": 1, "updated": 3}
    lines = nps.ledger(again, "nps")
    assert lines.filter(pl.col("of_past"))["day"].to_list() == [days_before(1)] * 2
    assert counts(nps, run(nps, 0)) == {"superseded": 1, "unchanged": 1}


@pytest.mark.proof
def test_a_corrected_day_of_a_range_gives_its_keys_back(nps: Center) -> None:
    """The row that is written again is of a day outside of the range, and goes through the partitions of the range."""
    drop(nps, 3, [(ANN, 1, 3, 9)])
    drop(nps, 1, [(ANN, 2, 1, 9)])
    drop(nps, 0, [(BOB, 3, 0, 9)])
    run(nps, 3)
    run(nps, 1, 0)
    drop(nps, 1, [(CAT, 4, 1, 9)])
    again = run(nps, 1, 0)
    assert scores(nps) == [1, 3, 4]
    assert counts(nps, again) == {"unchanged": 1, "updated": 2}
    assert nps.ledger(again, "nps")["row"].to_list() == [0, 1, 2]


@pytest.mark.proof
def test_a_day_that_is_missing_within_a_range_is_left_out_and_named(nps: Center) -> None:
    drop(nps, 2, [(ANN, 1, 2, 9)])
    drop(nps, 0, [(BOB, 2, 0, 9)])
    ran = run(nps, 2, 0)
    assert scores(nps) == [1, 2, None]
    warnings = [entry.user_message for entry in nps.instance.all_logs(ran.run_id) if entry.level == WARNING]
    assert any(f"left out: report 'NPS': no data for {days_before(1)}" in said for said in warnings)
    assert not nps.run("nps", days_before(1), last=days_before(1)).success
    drop(nps, 1, [(ANN, 3, 1, 9)])
    run(nps, 1)
    assert scores(nps) == [3, 2, None]


@pytest.mark.proof
def test_a_late_day_of_older_and_unknown_people_is_no_failure(nps: Center) -> None:
    drop(nps, 1, [(ANN, 1, 1, 9), (999_999, 5, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9)])
    run(nps, 0)
    late = run(nps, 1)
    assert counts(nps, late) == {"superseded": 1, "unmatched": 1}


@pytest.mark.proof
def test_what_an_undo_took_back_supersedes_nothing(nps: Center) -> None:
    drop(nps, 1, [(ANN, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9), (BOB, 2, 0, 9)])
    before = scores(nps)
    newest = run(nps, 0)
    nps.let_time_pass()
    undone = undo_here(nps, newest.run_id, "nps")
    assert undone.success, undone.error
    assert scores(nps) == before
    run(nps, 1)
    assert scores(nps) == [1, *before[1:]]
    nps.let_time_pass()
    again = undo_here(nps, undone.run_id, "nps")
    assert scores(nps)[1] == 2, again.error
    drop(nps, 2, [(BOB, 9, 2, 9)])
    assert counts(nps, run(nps, 2)) == {"superseded": 1}


@pytest.mark.proof
def test_rows_that_were_refused_or_held_supersede_nothing(nps: Center) -> None:
    drop(nps, 1, [(ANN, 1, 1, 9), (BOB, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9), (BOB, 2, 0, 9)])
    nps.emulator.sandbox.faults.fail_rows([nps.lead(ANN)["Id"]], RowError("CUSTOM_ERROR", "no", (SCORE,)))
    assert not nps.run("nps").success
    nps.emulator.sandbox.faults.clear()
    run(nps, 1)
    assert scores(nps) == [1, 2, None]
    run(nps, 0)
    assert scores(nps) == [2, 2, None]


@pytest.mark.proof
def test_a_push_that_was_cut_off_counts_once_it_is_settled(nps: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(nps, 1, [(ANN, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9)])
    with monkeypatch.context() as broken:
        broken.setattr(applying, "completing", lambda results: 1 / 0)
        assert not nps.run("nps").success
    assert counts(nps, run(nps, 1)) == {"superseded": 1}
    assert scores(nps)[0] == 2


@pytest.mark.proof
def test_a_plan_is_not_pushed_after_another_run_wrote(nps: Center) -> None:
    """Re-executing the push of an older day would write over what was pushed since."""
    drop(nps, 1, [(ANN, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9)])
    planned = nps.run("nps", days_before(1), assets=["insights/nps", "nps/update_set"])
    run(nps, 0)
    again = nps.run("nps", days_before(1), assets=["nps/push"], tags={PARENT_RUN_TAG: planned.run_id})
    assert "pushed after this plan was made" in again.error
    assert scores(nps)[0] == 2


@pytest.mark.proof
def test_each_org_has_its_own_history(nps: Center, connect: Callable[[Environment], None]) -> None:
    drop(nps, 1, [(ANN, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9)])
    run(nps, 0)
    connect(Environment.PRODUCTION)
    field = {"column": "NPS Score", "field": SCORE}
    keys = [{"column": "End User ID", "field": "Email"}]
    nps.integrate("nps", report="NPS", environment="production", fields=[field], keys=keys)
    assert counts(nps, run(nps, 1)) == {"updated": 1}
    assert scores(nps)[0] == 2


@pytest.mark.proof
def test_days_older_than_what_is_remembered_are_refused(nps: Center) -> None:
    """After 90 days the files of a run are deleted: nobody can tell then whether an older row is the newest."""
    drop(nps, 1, [(ANN, 1, 1, 9)])
    drop(nps, 0, [(ANN, 2, 0, 9)])
    newest = run(nps, 0)
    for path in (nps.home / "storage" / "ledgers" / newest.run_id).iterdir():
        path.unlink()
    refused = nps.run("nps", days_before(1))
    assert f"{days_before(1)} is older than {YESTERDAY}" in refused.error
    assert scores(nps)[0] == 2
    run(nps, 0)
    assert counts(nps, run(nps, 1)) == {"superseded": 1}


@pytest.mark.proof
def test_a_scheduled_run_covers_the_days_since_the_last_completed_one(nps: Center) -> None:
    """After a weekend; a snapshot runs its newest day alone, and one integration's trouble costs no other its run."""
    nps.integrate("logins_to_leads")
    tick = datetime.combine(YESTERDAY + timedelta(days=1), time(8), UTC)
    assert requested(nps, tick) == {"nps": (YESTERDAY, YESTERDAY), "logins_to_leads": (YESTERDAY, YESTERDAY)}
    for ago in (4, 2, 1, 0):
        drop(nps, ago, [(ANN, ago, ago, 9)])
    run(nps, 4)
    assert requested(nps, tick)["nps"] == (days_before(3), YESTERDAY)
    ran = run(nps, 3, 0)
    assert counts(nps, ran) == {"updated": 1, "superseded": 2}
    assert requested(nps, tick)["nps"] == (YESTERDAY, YESTERDAY)
    later = YESTERDAY + timedelta(days=100)
    found = requested(nps, tick + timedelta(days=100))
    assert found == {"nps": (later - timedelta(days=30), later), "logins_to_leads": (later, later)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("integration_center.pipeline.starting.schedules.find_first_day", lambda *_: 1 / 0)
        assert requested(nps, tick + timedelta(days=100))["nps"] == (later, later)


def requested(center: Center, tick: datetime) -> dict[str, tuple[date, date]]:
    """First and last day of each run that the daily schedule asks for."""
    repository = center.definitions().get_repository_def()
    context = dg.build_schedule_context(center.instance, tick, repository_def=repository)
    requests = repository.get_schedule_def("daily_sync").evaluate_tick(context).run_requests or []
    days = {}
    for request in requests:
        tags = request.tags
        first, last = tags.get(RANGE_START_TAG, request.partition_key), tags.get(RANGE_END_TAG, request.partition_key)
        days[tags["integration"]] = (date.fromisoformat(str(first)), date.fromisoformat(str(last)))
    return days
