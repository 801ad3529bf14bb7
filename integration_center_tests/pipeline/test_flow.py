"""The example of the README, end to end: which records are written, which are not, and what the ledger says."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.integration.spec import Environment
from integration_center_tests.pipeline.center import (
    COUNT,
    EXAMPLE,
    FIRST,
    HEADER,
    LAST,
    PLAIN,
    Center,
    Ran,
    as_stored,
    email,
    logins,
)
from salesforce_emulator.insights import api as insights
from salesforce_emulator.refusals import RowError

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
FIELDS = (FIRST, LAST, COUNT)
REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not on a Sunday")


def assert_exactly_the_updated(
    lines: pl.DataFrame, before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> set[str]:
    """Check row by row that the org holds what the ledger says, and nothing else was touched; the Ids updated."""
    updated = lines.filter(pl.col("outcome") == "updated")
    for line in updated.iter_rows(named=True):
        stored = after[line["record_id"]]
        for field in FIELDS:
            expected = line[f"after.{field}"] if line[f"changed.{field}"] else line[f"before.{field}"]
            assert stored[field] == as_stored(expected), (line["record_id"], field)
    written = set(updated["record_id"])
    assert len(written) == updated.height
    assert before.keys() == after.keys()
    for record_id, lead in after.items():
        if record_id in written:
            assert lead["SystemModstamp"] > before[record_id]["SystemModstamp"]
        else:
            assert lead == before[record_id]
    return written


def assert_adds_up(center: Center, run: Ran, rows: int) -> None:
    """Check both sums, in the ledger and in the log."""
    lines, counts = center.ledger(run), center.sync(run).counts
    assert lines["row"].unique().sort().to_list() == list(range(rows))
    assert sum(counts["lines"].values()) == lines.height
    assert sum(counts["rows"].values()) == rows
    assert dict(lines["outcome"].value_counts().iter_rows()) == counts["lines"]


@pytest.fixture
def walkme(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reports come from the Insights API."""
    monkeypatch.setenv("WALKME_SOURCE", "api")
    monkeypatch.setenv("WALKME_API_URL", center.emulator.insights_url)
    monkeypatch.setenv("WALKME_CLIENT_ID", insights.CLIENT_ID)
    monkeypatch.setenv("WALKME_CLIENT_SECRET", insights.CLIENT_SECRET)
    monkeypatch.setenv("WALKME_SYSTEM_GUID", insights.SYSTEM_GUID)


@pytest.mark.usefixtures("walkme")
def test_the_example_in_sandbox_then_production(center: Center, connect: Callable[[Environment], None]) -> None:
    center.integrate()
    center.integrate("to_production", environment="production")
    connect(PRODUCTION)
    for environment, slug, other in ((SANDBOX, "logins_to_leads", PRODUCTION), (PRODUCTION, "to_production", SANDBOX)):
        before, elsewhere = center.leads(environment), center.leads(other)
        run = center.run(slug)
        assert run.success, run.error
        sync, lines = center.sync(run, slug), center.ledger(run, slug)
        assert (sync.status, sync.environment) == (SyncStatus.COMPLETED, environment)
        written = assert_exactly_the_updated(lines, before, center.leads(environment))
        assert len(written) == sync.counts["lines"]["updated"] > 90
        assert {"unmatched", "duplicate_key", "ineligible"} <= sync.counts["rows"].keys()
        assert sum(sync.counts["rows"].values()) == 120
        assert center.leads(other) == elsewhere


def test_a_second_run_writes_nothing(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    assert center.run().success
    assert center.writes()
    center.emulator.sandbox.calls.clear()
    before = center.leads()
    second = center.run()
    assert second.success
    assert center.writes() == []
    assert center.leads() == before
    assert center.sync(second).counts["lines"] == {"unchanged": len(PLAIN)}


def test_a_value_changed_in_the_report_writes_exactly_its_record(center: Center) -> None:
    center.integrate()
    rows = logins(PLAIN)
    center.drop(rows)
    center.run()
    center.let_time_pass()
    before = center.leads()
    center.drop([(*rows[0][:3], 4321), *rows[1:]])
    run = center.run()
    assert assert_exactly_the_updated(center.ledger(run), before, center.leads()) == {center.lead(PLAIN[0])["Id"]}
    assert center.lead(PLAIN[0])[COUNT] == 4321
    changed = center.ledger(run).filter(pl.col("outcome") == "updated")
    assert changed.select(f"changed.{FIRST}", f"changed.{LAST}", f"changed.{COUNT}").rows() == [(False, False, True)]


def test_a_value_changed_in_the_org_is_written_back(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN, count=50))
    center.run()
    center.let_time_pass()
    center.change_lead(PLAIN[2], COUNT, 1.0)
    before = center.leads()
    run = center.run()
    assert assert_exactly_the_updated(center.ledger(run), before, center.leads()) == {center.lead(PLAIN[2])["Id"]}
    assert center.lead(PLAIN[2])[COUNT] == 50 + PLAIN[2]


def test_every_row_ends_in_one_outcome(center: Center) -> None:
    """A row of each kind: two records of one address, converted, deleted, unknown, no key, duplicates, a bad value."""
    center.integrate(limits={"max_failed": 20})
    date = "2026-10-02 09:30:15"
    rows = [
        *logins(PLAIN[:4]),
        *logins([9, 20, 30]),
        ("nobody@nowhere.example", None, None, 1),
        ("", date, date, 1),
        *logins([PLAIN[5]], count=1),
        *logins([PLAIN[5]], count=2),
        (email(PLAIN[6]), date, date, 10**18),
    ]
    center.drop(rows)
    before = center.leads()
    run = center.run()
    assert run.success, run.error
    assert_adds_up(center, run, len(rows))
    assert_exactly_the_updated(center.ledger(run), before, center.leads())
    assert center.sync(run).counts["rows"] == {
        "updated": 5,
        "no_key": 1,
        "duplicate_key": 2,
        "unmatched": 2,
        "ineligible": 1,
        "rejected": 1,
    }
    assert center.sync(run).counts["lines"]["updated"] == 6  # two Leads have person 9's address


def test_counts_add_up_when_every_row_fails(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.fail_rows(center.leads(), REFUSAL)
    before = center.leads()
    run = center.run()
    assert not run.success
    assert_adds_up(center, run, len(PLAIN))
    assert center.leads() == before
    sync, lines = center.sync(run), center.ledger(run)
    assert sync.status is SyncStatus.FAILED
    assert sync.counts == {"lines": {"failed": len(PLAIN)}, "rows": {"failed": len(PLAIN)}}
    assert f"{len(PLAIN)} of {len(PLAIN)} records went wrong (100.0 %; at most 10 % may)" in (sync.error or "")
    assert sync.error
    assert sync.error in run.error
    assert set(lines["code"]) == {REFUSAL.code}
    assert set(lines["reason"]) == {REFUSAL.message}


def test_few_failures_stay_below_the_limit(center: Center) -> None:
    center.integrate(limits={"max_failed": "15 %"})
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.fail_rows([center.lead(PLAIN[0])["Id"]], REFUSAL)
    before = center.leads()
    run = center.run()
    assert run.success, run.error
    assert center.sync(run).counts["lines"] == {"updated": len(PLAIN) - 1, "failed": 1}
    assert len(assert_exactly_the_updated(center.ledger(run), before, center.leads())) == len(PLAIN) - 1


def test_large_pushes_go_through_bulk(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel never changes the outcome."""
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 2)
    center.integrate()
    center.drop(logins(PLAIN))
    before = center.leads()
    run = center.run()
    assert run.success, run.error
    written = assert_exactly_the_updated(center.ledger(run), before, center.leads())
    assert written == {center.lead(number)["Id"] for number in PLAIN}
    assert any("/jobs/ingest" in call.path for call in center.writes())
    (job,) = set(center.ledger(run)["job_id"])
    assert job.startswith("750")


def test_clearing_follows_when_null(center: Center) -> None:
    """Person 1's Lead holds values from before; an empty cell keeps or clears them, field by field."""
    clear, keep, *_ = EXAMPLE["fields"]
    center.integrate(fields=[{**clear, "when_null": "clear"}, keep], limits={"max_cleared": 100})
    center.drop([(email(1), None, None, None), *logins(PLAIN[1:])])
    before = center.lead(1)
    assert before[FIRST]
    run = center.run()
    assert run.success, run.error
    after = center.lead(1)
    assert after[FIRST] is None
    assert after[LAST] == before[LAST]


def test_a_key_column_stays_text_whatever_it_is_called(center: Center) -> None:
    """`1.10` is no number when it is a key: read as one it would match the record whose field says `1.1`."""
    center.integrate(keys=[{"column": "Account No", "field": "Company"}])
    header = ("Account No", *HEADER[1:])
    center.drop([("1.10", *logins(PLAIN[:1])[0][1:]), ("0012", *logins(PLAIN[1:2])[0][1:])], header=header)
    for number, company in zip(PLAIN, ("1.1", "12", "1.10"), strict=False):
        center.change_lead(number, "Company", company)

    run = center.run()

    assert run.success, run.error
    lines = center.ledger(run)
    assert lines.select("key", "outcome").rows() == [("1.10", "updated"), ("0012", "unmatched")]
    assert lines["record_id"][0] == center.lead(PLAIN[2])["Id"]
