"""Days of an event report that arrive late, twice, corrected or in ranges: the newest row of each key is in the org."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.dagster_side.center import Center, Ran, days_before, email

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
    assert reason == f"a newer row of this key, of {YESTERDAY}, was applied already"


def test_allow_stale_never_writes_an_older_event(nps: Center) -> None:
    drop(nps, 1, [(ANN, 2, 1, 9)])
    drop(nps, 0, [(ANN, 4, 0, 9)])
    run(nps, 0)
    late = run(nps, 1, allow_stale=True)
    assert (scores(nps)[0], counts(nps, late)) == (4, {"superseded": 1})
    assert nps.sync(late, "nps").status is SyncStatus.COMPLETED


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
