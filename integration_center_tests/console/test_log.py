"""The log: history of one and of all, the full log of a run, its ledger, and its CSV."""

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncStatus
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.webserver import LogLine, RunLog
from integration_center.sync.columns import OUTCOME
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.test_integrations import HOSTILE, log
from integration_center_tests.pipeline.center import PLAIN, Center, logins

HERE = "/integrations/logins_to_leads"


def store_ledger(console: Console, run_id: str, height: int = 3, key: str = "=cmd|' /C calc'!A0") -> Path:
    """A ledger whose lines are updated, failed, unmatched in turn."""
    outcomes = ["updated", "failed", "unmatched"]
    lines = pl.DataFrame(
        {
            "row": pl.Series(range(height), dtype=pl.UInt32),
            "day": [date(2026, 11, 24)] * height,
            "key": [f"{key}{n}" for n in range(height)],
            "record_id": [None if n % 3 == 2 else f"00Q{n:012d}AAA" for n in range(height)],
            "outcome": pl.Series([outcomes[n % 3] for n in range(height)], dtype=OUTCOME),
            "reason": [HOSTILE if n % 3 == 1 else None for n in range(height)],
            "code": ["FIELD_CUSTOM_VALIDATION_EXCEPTION" if n % 3 == 1 else None for n in range(height)],
            "error_fields": ["Email" if n % 3 == 1 else None for n in range(height)],
            "job_id": pl.Series([None] * height, dtype=pl.String),
            "modstamp": pl.Series([None] * height, dtype=pl.Datetime("ms", "UTC")),
            "before.Score__c": [float(n) for n in range(height)],
            "after.Score__c": [-1.5] * height,
            "changed.Score__c": [n % 3 == 0 for n in range(height)],
        }
    )
    return console.installation.ledgers.write(run_id, "logins_to_leads", lines).path


def test_the_history_of_an_integration(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    log(console.installation, "one", updated=8, unmatched=1)
    log(console.installation, "two", status=SyncStatus.FAILED, error="the org does not answer")
    log(console.installation, "three", status=SyncStatus.RUNNING)
    seen = browser.open(f"{HERE}/log")
    assert "Log of Logins to Leads" in seen.text
    assert "3 runs, the newest first." in seen.text
    for said in (
        "Logins Review",
        "Lead",
        "2026-11-24",
        "8 updated · 1 not found in Salesforce",
        "the org does not answer",
    ):
        assert said in seen.text
    statuses = [word for word in seen.text.split() if word in {"Completed", "Failed", "Running"}]
    assert statuses[-3:] == ["Running", "Failed", "Completed"]
    assert f"{HERE}/runs/one/log" in seen.targets
    (close,) = [said for _, said in seen.tags if "data-close" in said]
    assert close["href"] == HERE
    assert "1 run, the newest first." in browser.open(f"{HERE}/log?status=Failed").text


def test_the_history_of_a_deleted_integration_stays(console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=8)
    assert "Log of Logins to Leads" in browser.open(f"{HERE}/log").text
    browser.open("/integrations/never_was/log", status=404)


@pytest.mark.proof
def test_the_log_of_all_is_paged_and_narrowed(console: Console, browser: Browser) -> None:
    for number in range(52):
        log(console.installation, f"r{number}", f"slug_{number % 2}", updated=number)
    first = browser.open("/log")
    assert "52 runs" in first.text
    assert "51 updated" in first.text
    second = browser.open(first.links["Next page"])
    assert "1 updated" in second.text
    assert "51 updated" not in second.text
    assert "26 runs" in browser.open("/log?q=SLUG_1&environment=sandbox&status=Completed").text
    assert "No such run" in browser.open("/log?environment=production").text
    assert "No such run" in browser.open("/log?q=100%25").text
    assert "52 runs" in browser.open("/log?environment=x&status=y&page=z").text


def test_the_log_before_any_run(browser: Browser) -> None:
    assert "Nothing ran yet" in browser.open("/log").text


def test_show_log_shows_what_dagster_noted(
    console: Console, browser: Browser, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(console.installation, "one", updated=8)
    lines = [LogLine(datetime(2026, 11, 25, 8, 0, 1, tzinfo=UTC), "ERROR", "logins_to_leads__update_set", HOSTILE)]
    monkeypatch.setattr(OwnDagster, "log", lambda self, run_id, after=None: RunLog(lines, None if after else "a&b"))
    plain = browser.open(f"{HERE}/runs/one/log")
    assert "logins_to_leads__update_set" not in plain.text
    assert "Started by the schedule. It works on the data of 2026-11-24." in plain.text
    assert "Completed: 8 records were updated." in plain.text
    seen = browser.open(plain.links["Technical events"])
    assert f"2026-11-25 08:00:01 ERROR logins_to_leads__update_set {HOSTILE}" in seen.text
    assert "<img src=x" not in seen.html
    assert seen.links["More events"] == f"{HERE}/runs/one/log?events=1&after=a%26b"
    assert "More events" not in browser.open(seen.links["More events"]).links


def test_show_log_without_dagsters_log_says_so_and_shows_ours(
    console: Console, browser: Browser, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(console.installation, "one", status=SyncStatus.FAILED, error="a limit held the push", updated=8)
    down = browser.open(f"{HERE}/runs/one/log?events=1")
    assert "Dagster does not answer just now" in down.text
    monkeypatch.setattr(OwnDagster, "log", lambda self, run_id, after=None: None)
    purged = browser.open(f"{HERE}/runs/one/log?events=1")
    assert "its history was deleted" in purged.text
    monkeypatch.setattr(Console, "find_dagster", lambda self: None)
    off = browser.open(f"{HERE}/runs/one/log?events=1")
    assert "Dagster does not run just now" in off.text
    for seen in (down, purged, off):
        assert "A limit held the push" in seen.text
        assert "8 updated." in seen.text


@pytest.mark.proof
def test_the_ledger_is_paged_and_filtered_by_outcome(center: Center, console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=50, failed=50, unmatched=50)
    store_ledger(console, "one", 150, key=HOSTILE)
    seen = browser.open(f"{HERE}/runs/one/ledger")
    assert "All 150 50 updated 50 not found in Salesforce 50 refused" in seen.text
    assert f"{HOSTILE}49" in seen.text
    assert f"{HOSTILE}50" not in seen.text
    assert "<img src=x" not in seen.html
    assert "Page 1 of 3" in seen.text
    failed = browser.open(f"{HERE}/runs/one/ledger?outcome=failed")
    assert f"{HOSTILE} FIELD_CUSTOM_VALIDATION_EXCEPTION Email" in failed.text
    assert "Page" not in failed.text
    assert "Score 0 → becomes -1.5" in browser.open(f"{HERE}/runs/one/ledger?outcome=updated").text
    assert "No such record" in browser.open(f"{HERE}/runs/one/ledger?outcome=held").text
    assert "Page 3 of 3" in browser.open(f"{HERE}/runs/one/ledger?page=99").text


def test_lines_show_the_row_and_the_file_where_there_are_several(console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=3)
    store_ledger(console, "one", key="ann")
    lines = console.installation.ledgers.read("one", "logins_to_leads")
    reasons = ["row 1@1204 of b.csv has the same key and is used", None, None]
    numbered = lines.with_columns(
        pl.Series("file_row", [1203, 1204, None], dtype=pl.UInt32),
        pl.Series("file", ["a.csv", "b.csv", None]),
        pl.Series("reason", reasons, dtype=pl.String),
    )
    console.installation.ledgers.write("one", "logins_to_leads", numbered)
    seen = browser.open(f"{HERE}/runs/one/ledger").text
    for shown in ("1,203 a.csv ann0", "1,204 b.csv ann1", "— ann2", "row 1,204 of b.csv has the same key and is used"):
        assert shown in seen


def test_records_of_the_ledger_lead_to_the_org_that_is_connected(
    center: Center, console: Console, browser: Browser
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    org = center.emulator.sandbox.url
    record = center.ledger(ran)["record_id"][0]
    page = f"{HERE}/runs/{ran.run_id}/ledger"
    assert f"{org}/{record}" in browser.open(page).targets
    console.installation.accounts.delete(Environment.SANDBOX)
    assert not any(target.startswith(org) for target in browser.open(page).targets)


def test_the_csv_has_every_line_and_no_formula(console: Console, browser: Browser) -> None:
    log(console.installation, "one", updated=4, failed=4, unmatched=4)
    store_ledger(console, "one", 12)
    answer = browser.client.get(f"{HERE}/runs/one/ledger.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == ('attachment; filename="logins_to_leads-2026-11-24-one.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["row"] for row in rows] == [str(n) for n in range(2, 14)]  # as the page and a spreadsheet count
    assert {row["reason"] for row in rows if row["outcome"] == "unmatched"} == {"no Lead has this key"}
    assert rows[0]["key"].startswith("'=cmd")
    assert rows[0]["after.Score__c"] == "-1.5"
    failed = browser.client.get(f"{HERE}/runs/one/ledger.csv?outcome=failed")
    assert "-failed.csv" in failed.headers["content-disposition"]
    assert {row["outcome"] for row in csv.DictReader(io.StringIO(failed.text))} == {"failed"}
    empty = browser.client.get(f"{HERE}/runs/one/ledger.csv?outcome=held").text
    assert empty.startswith("row,day,key")
    assert len(empty.splitlines()) == 1


def test_a_ledger_in_several_parts_is_downloaded_whole(
    console: Console, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.console.ledger.CSV_LINES", 7)
    log(console.installation, "one", updated=50)
    store_ledger(console, "one", 150)
    rows = list(csv.DictReader(io.StringIO(browser.client.get(f"{HERE}/runs/one/ledger.csv").text)))
    assert [int(row["row"]) for row in rows] == list(range(2, 152))


@pytest.mark.parametrize("damage", ["gone", "cut", "nonsense"])
def test_a_ledger_that_cannot_be_read_says_so_and_shows_the_counts(
    console: Console, browser: Browser, damage: str
) -> None:
    log(console.installation, "one", updated=8)
    path = store_ledger(console, "one", 1_000)
    if damage == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(b"nonsense" if damage == "nonsense" else content[: len(content) // 2])
    seen = browser.open(f"{HERE}/runs/one/ledger", status=404)
    assert ("deleted after 90 days" if damage == "gone" else "is damaged") in seen.text
    assert "8 updated" in seen.text
    assert browser.client.get(f"{HERE}/runs/one/ledger.csv").status_code == 409


@pytest.mark.parametrize("path", ["runs/x/ledger", "runs/x/ledger.csv", "runs/x/log"])
def test_a_run_that_is_not_there(
    browser: Browser, dagster: OwnDagster, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnDagster, "log", lambda self, run_id, after=None: None)
    browser.open(f"{HERE}/{path}", status=404)


def test_what_the_org_changed_again_shows_what_it_holds(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    log(console.installation, "one", updated=2, overridden=1, failed=1)
    path = store_ledger(console, "one")
    mark = pl.when(pl.col("row") == 0)
    pl.read_parquet(path).with_columns(
        mark.then(pl.lit("overridden", dtype=OUTCOME)).otherwise("outcome").alias("outcome"),
        mark.then(7.5).alias("holds.Score__c"),
    ).write_parquet(path)
    assert "2 updated · 1 changed again by the org · 1 refused" in browser.open(f"{HERE}/log").text
    assert "Rows updated 3, rows failed 1" in browser.open("/").html
    ledger = browser.open(f"{HERE}/runs/one/ledger?outcome=overridden")
    assert "0 → becomes -1.5 changed by the org to 7.5" in ledger.text
    run = browser.open(f"{HERE}/runs/one")
    assert "changed by the org to 7.5" in run.text


def test_the_rows_behind_a_value_are_a_click_away(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    log(console.installation, "one", updated=2, rolled_up=2)
    path = store_ledger(console, "one", height=4, key="k")
    part_of = "row 0 has the value of all rows with this key"
    lines = pl.read_parquet(path).with_columns(
        pl.Series("outcome", ["updated", "rolled_up", "rolled_up", "updated"], dtype=OUTCOME),
        pl.Series("reason", [None, part_of, part_of, None]),
        pl.Series("source_rows", [3, None, None, 1], dtype=pl.UInt32),
    )
    console.installation.ledgers.write("one", "logins_to_leads", lines)
    seen = browser.open(f"{HERE}/runs/one/ledger")
    assert "row 2 has the value of all rows with this key" in seen.text
    seen = browser.open(seen.links["Made of 3 rows"])
    assert [f"k{n}" in seen.text for n in range(4)] == [True, True, True, False]
    assert "made of 3 rows" in seen.text
