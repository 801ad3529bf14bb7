"""Days: a range is one run, a stored report is fetched once, and a missing day is never replaced by another."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from logging import WARNING
from pathlib import Path

import polars as pl
import pytest
import uvicorn
from starlette.applications import Starlette

from integration_center.database.sync_records import SyncStatus
from integration_center.insights.source import say_days
from integration_center.insights.walkme_api.api import ApiSource
from integration_center.installation import open_installation
from integration_center.store.reports import ReportFolder, fetch_day
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.frame_stores import open_store
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command
from salesforce_emulator.insights.api import CLIENT_ID, CLIENT_SECRET, SYSTEM_GUID, build_insights_app

NPS_HEADER = ("End User ID", "NPS Score", "Question Date & Time (UTC)")


def test_a_range_of_a_snapshot_is_one_run_of_its_newest_day(center: Center) -> None:
    center.integrate()
    for age in range(3):
        center.drop(logins(PLAIN[: 4 - age], count=100 * (3 - age)), day=days_before(age))
    run = center.run(day=days_before(2), last=YESTERDAY)
    assert run.success, run.error
    sync, lines = center.sync(run), center.ledger(run)
    assert (sync.partition_start, sync.partition_end) == (days_before(2), YESTERDAY)
    assert sync.counts == {"lines": {"updated": 4, "superseded": 5}, "rows": {"updated": 4, "superseded": 5}}
    assert set(lines.filter(pl.col("outcome") == "updated")["day"]) == {YESTERDAY}
    assert set(lines.filter(pl.col("outcome") == "superseded")["day"]) == {days_before(1), days_before(2)}
    assert [center.lead(number)[COUNT] for number in PLAIN[:4]] == [300 + number for number in PLAIN[:4]]
    assert len(center.instance.get_runs()) == 1
    stored = sorted((center.home / "storage" / "logins_to_leads" / "update_set").glob("*.parquet"))
    assert [path.name.partition(".")[0] for path in stored] == [str(days_before(age)) for age in (2, 1, 0)]
    assert sum(pl.read_parquet(path).height for path in stored) == 9


def test_a_range_of_events_plans_the_newest_row_of_each_key(center: Center) -> None:
    field = {"column": "NPS Score", "field": "WalkMe_NPS_Score__c"}
    center.integrate("nps", report="NPS", fields=[field], keys=[{"column": "End User ID", "field": "Email"}])
    answers = {2: [(3, 1), (4, 2)], 1: [(3, 5)], 0: [(6, 9), (6, 8)]}
    for age, given in answers.items():
        rows = [(email(n), score, f"{days_before(age)} 1{i}:00:00") for i, (n, score) in enumerate(given)]
        center.drop(rows, days_before(age), "nps", NPS_HEADER)
    run = center.run("nps", day=days_before(2), last=YESTERDAY)
    assert run.success, run.error
    lines = center.ledger(run, "nps")
    assert lines["outcome"].to_list() == ["superseded", "updated", "updated", "duplicate_key", "updated"]
    assert [center.lead(number)["WalkMe_NPS_Score__c"] for number in (3, 4, 6)] == [5.0, 2.0, 8.0]
    assert sum(center.sync(run, "nps").counts["rows"].values()) == 5


@pytest.mark.proof
def test_columns_called_like_those_of_a_plan_keep_their_days(center: Center) -> None:
    """A report may have columns `day` and `outcome`; over a range its rows still know which day they are of."""
    center.integrate("courses", report="courses", fields=[{"column": "outcome", "field": COUNT}])
    about = {"kind": "snapshot", "tags": ["integrations_salesforce"], "key_column": "User ID"}
    for age in range(2):
        rows = [(email(number), 1, 10 - age) for number in PLAIN[:2]]
        center.drop(rows, days_before(age), "courses", ("User ID", "day", "outcome"), about)
    run = center.run("courses", day=days_before(1), last=YESTERDAY)
    assert run.success, run.error
    assert center.sync(run, "courses").counts["lines"] == {"superseded": 2, "updated": 2}
    assert center.lead(PLAIN[0])[COUNT] == 10


def test_a_missing_day_is_named_with_the_newest(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]), day=days_before(2))
    run = center.run()
    said = f"report 'Logins': no data for {YESTERDAY}; the newest is {days_before(2)}"
    assert said in run.error
    assert center.writes() == []
    latest = center.history()["logins_to_leads"]
    assert latest.status is SyncStatus.FAILED
    assert said in (latest.error or "")


@pytest.mark.sampled
@pytest.mark.parametrize("there", [(3, 1, 0), (0,)])
def test_a_range_of_a_snapshot_needs_its_newest_day_only(center: Center, there: tuple[int, ...]) -> None:
    center.integrate()
    for age in there:
        center.drop(logins(PLAIN[:1], count=10 - age), day=days_before(age))
    run = center.run(day=days_before(3), last=YESTERDAY)
    assert run.success, run.error
    assert center.lead(PLAIN[0])[COUNT] == 10 + PLAIN[0]
    warnings = [entry.user_message for entry in center.instance.all_logs(run.run_id) if entry.level == WARNING]
    left_out = say_days([days_before(age) for age in (3, 2, 1) if age not in there])
    assert any(f"left out: report 'Logins': no data for {left_out}" in said for said in warnings)


def test_a_range_with_missing_days_names_each_and_is_in_the_log(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]), day=days_before(1))
    run = center.run(day=days_before(2), last=YESTERDAY)
    assert f"no data for {days_before(2)} and {YESTERDAY}; the newest is {days_before(1)}" in run.error
    latest = center.history()["logins_to_leads"]
    assert (latest.partition_start, latest.partition_end) == (days_before(2), YESTERDAY)
    assert latest.status is SyncStatus.FAILED


def test_a_range_of_years_says_at_once_how_many_days_are_missing(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]), day=days_before(1))
    missing = (YESTERDAY - date(2020, 1, 1)).days
    said = f"no data for {missing:,} days, the first 2020-01-01, the last {YESTERDAY}; the newest is {days_before(1)}"
    for name in ("plan", "run"):
        code, out, error = command(name, "logins_to_leads", "--partition", f"2020-01-01..{YESTERDAY}")
        assert code == 1
        assert said in error
        assert out == ""
    assert center.instance.get_runs() == []


@pytest.fixture
def walkme(center: Center, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """An Insights API that counts its requests; reports come from there."""
    app = build_insights_app(drops=None, records=20, today=lambda: YESTERDAY + timedelta(days=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        monkeypatch.setenv("WALKME_SOURCE", "api")
        monkeypatch.setenv("WALKME_API_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("WALKME_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("WALKME_CLIENT_SECRET", CLIENT_SECRET)
        monkeypatch.setenv("WALKME_SYSTEM_GUID", SYSTEM_GUID)
        yield app
        server.should_exit = True
        thread.join()


@pytest.mark.proof
def test_a_current_report_is_not_fetched_again(center: Center, walkme: Starlette) -> None:
    score = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}
    center.integrate()
    center.integrate("other", report="logins", fields=[score], limits={"max_failed": 100})
    first, second = center.run(), center.run("other")
    assert first.success, first.error
    assert second.success, second.error
    assert walkme.state.requests["data"] == 1
    walkme.state.faults.refreshed_at = datetime.combine(YESTERDAY + timedelta(days=1), time(9), UTC)
    assert center.run().success
    assert walkme.state.requests["data"] == 2


@pytest.mark.usefixtures("center")
def test_two_at_once_fetch_a_report_once(walkme: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ApiSource(os.environ["WALKME_API_URL"], CLIENT_ID, CLIENT_SECRET, SYSTEM_GUID)
    info = source.find("Logins Review")
    folder = ReportFolder(open_store(tmp_path))
    start = threading.Barrier(4)

    def fetch() -> bool:
        start.wait()
        return fetch_day(source, folder, info, YESTERDAY)[1]

    with ThreadPoolExecutor(4) as threads:
        fetched = [future.result() for future in [threads.submit(fetch) for _ in range(4)]]
    assert sorted(fetched) == [False, False, False, True]
    assert walkme.state.requests["data"] == 1


@pytest.mark.proof
def test_a_damaged_stored_report_is_fetched_again(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    assert center.run().success
    (stored,) = (center.home / "storage" / "insights" / "logins").glob("*.parquet")
    stored.write_bytes(b"PAR1 and then the disk was full")
    run = center.run()
    assert run.success, run.error
    assert center.sync(run).counts["lines"] == {"unchanged": 2}


def list_frames(center: Center) -> list[str]:
    """The names of the stored frames of the report."""
    return sorted(path.name for path in (center.home / "storage" / "insights" / "logins").glob("*.parquet"))


@pytest.mark.proof
def test_a_file_that_repeats_the_day_before_is_not_read_again(center: Center) -> None:
    center.integrate()
    for age in (3, 2, 1):
        center.drop(logins(PLAIN[:2]), day=days_before(age))
    assert center.run(day=days_before(3)).success
    (frame,) = list_frames(center)
    again = center.run(day=days_before(2))
    assert again.success, again.error
    assert list_frames(center) == [frame]
    assert set(center.ledger(again)["day"]) == {days_before(2)}
    assert center.sync(again).counts["lines"] == {"unchanged": 2}

    # The same bytes, read by other rules, are other rows.
    rules = center.home / "drops" / "logins" / "report.yaml"
    rules.write_text("skip_after_header: 1\n")
    shorter = center.run(day=days_before(1))
    assert shorter.success, shorter.error
    assert len(list_frames(center)) == 2
    assert center.sync(shorter).counts["lines"] == {"unchanged": 1, "absent": 1}

    rules.unlink()
    center.drop(logins(PLAIN[:2], 9), day=YESTERDAY)  # as many bytes as before
    changed = center.run()
    assert changed.success, changed.error
    assert len(list_frames(center)) == 3
    assert [center.lead(number)[COUNT] for number in PLAIN[:2]] == [9 + number for number in PLAIN[:2]]


@pytest.mark.proof
def test_a_frame_of_two_days_stays_for_the_other_when_one_is_forgotten(center: Center) -> None:
    center.integrate()
    for age in (1, 0):
        center.drop(logins(PLAIN[:2]), day=days_before(age))
        assert center.run(day=days_before(age)).success
    assert len(list_frames(center)) == 1
    with open_installation() as installation:
        assert installation.reports.forget("logins", days_before(1))
        assert installation.reports.file("logins", days_before(1)) is None
        kept = installation.reports.file("logins", YESTERDAY)
        assert kept is not None
        assert kept.scan().collect().height == 2
