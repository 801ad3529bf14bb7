"""The choice among the ways of reading, and that it makes no difference to what is read."""

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.plan import list_keys
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.costs import (
    Estimate,
    Way,
    choose,
    estimate_bulk,
    estimate_changes,
    estimate_changes_bulk,
    estimate_changes_rest,
    estimate_keys,
    estimate_rest,
    explain,
    leave_snapshot,
    show_bytes,
)
from integration_center.salesforce.read.snapshot_file import SnapshotFolder
from integration_center.sync.columns import DAY
from integration_center.sync.lines import build_lines
from integration_center_tests.frame_stores import open_store
from integration_center_tests.salesforce.credentials import ClientCredentials
from integration_center_tests.salesforce.scripted import NO_WAIT
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.saving import save_rows
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

QUERY = "x" * 15_000
RECORDS = 18_000
COUNT = "WalkMe_Logins_Last_30_Days__c"


@pytest.mark.parametrize(
    ("estimates", "way"),
    [
        ([estimate_keys([QUERY] * 5, 1_500, 4), estimate_bulk(None, 4)], Way.KEYS),
        ([estimate_keys([QUERY] * 6, 1_500, 4), estimate_rest(1_500, 4), estimate_bulk(1_500, 4)], Way.REST),
        ([estimate_keys([QUERY] * 5, 1_500, 4), estimate_rest(1_500, 4)], Way.REST),
        ([estimate_rest(10_000, 4), estimate_bulk(10_000, 4)], Way.REST),
        ([estimate_rest(14_000, 4), estimate_bulk(14_000, 4)], Way.BULK),
        ([estimate_rest(100_000, 4), estimate_bulk(100_000, 4)], Way.BULK),
        ([estimate_keys([QUERY] * 60, 10_000, 4), estimate_bulk(1_000_000, 4)], Way.BULK),
        ([estimate_keys([QUERY] * 20, 10_000, 4), estimate_bulk(1_000_000, 4)], Way.KEYS),
        ([estimate_changes(1_000_000, 4), estimate_bulk(1_000_000, 4)], Way.CHANGES),
        ([estimate_changes(1_000_000, 4), estimate_keys(["x" * 900], 20, 4)], Way.KEYS),
        ([estimate_changes(1_000_000, 4), estimate_keys([QUERY] * 5, 1_500, 4)], Way.CHANGES),
        ([estimate_changes(500, 4), estimate_rest(500, 4)], Way.CHANGES),
        ([estimate_changes_rest([4_000], 4), estimate_changes_bulk(4_000, 4)], Way.CHANGES_REST),
        ([estimate_changes_rest([9_000, 4_000], 4), estimate_rest(9_000, 4)], Way.CHANGES_REST),
        ([estimate_changes_rest([9_000, 4_000], 4), estimate_rest(7_000, 4)], Way.REST),
        ([estimate_changes_rest([90_000], 4), estimate_changes_bulk(90_000, 4)], Way.CHANGES_BULK),
        ([estimate_changes_bulk(90_000, 4), estimate_bulk(99_000, 4)], Way.CHANGES_BULK),
        ([estimate_changes_rest([4_000], 4), estimate_rest(3_500, 4)], Way.CHANGES_REST),
        ([estimate_keys([QUERY] * 20, 9_000, 4), leave_snapshot(estimate_rest(9_000, 4), 9_000, 4)], Way.REST),
        ([estimate_keys([QUERY] * 40, 20_000, 4), leave_snapshot(estimate_bulk(10**5, 4), 10**5, 4)], Way.BULK),
        ([estimate_keys([QUERY] * 5, 2_000, 4), leave_snapshot(estimate_rest(4_000, 4), 4_000, 4)], Way.KEYS),
        ([estimate_keys([QUERY] * 20, 9_000, 4), leave_snapshot(estimate_bulk(10**6, 4), 10**6, 4)], Way.KEYS),
        ([estimate_keys([QUERY] * 40, 20_000, 4), leave_snapshot(estimate_bulk(10**6, 4), 10**6, 4)], Way.KEYS),
    ],
)  # fmt: skip
def test_the_fewest_calls_win_then_the_fewest_bytes(estimates: list[Estimate], way: Way) -> None:
    assert choose(estimates).way is way
    assert choose(reversed(estimates)).way is way


def test_a_size_that_is_not_known_counts_as_the_greatest() -> None:
    assert choose([Estimate(Way.BULK, 1), Estimate(Way.KEYS, 1, 10**9)]).way is Way.KEYS


def test_the_log_says_what_was_chosen_and_why_not_the_others() -> None:
    chosen = estimate_changes(1_000_000, 4)
    line = explain("Lead", chosen, [estimate_bulk(1_000_000, 4), chosen], {Way.KEYS: "no index"})
    assert line == (
        "reading Lead by the changes since the last read (1 API call, about 34 kB); rather than by"
        " a Bulk query (10 API calls, about 20.0 MB); not by a list of keys: no index"
    )
    line = explain("Lead", leave_snapshot(estimate_rest(9_000, 4), 9_000, 4), [estimate_keys(["x"] * 20, 9_000, 4)], {})
    assert line == (
        "reading Lead by a REST query (5 API calls now and 1 a day later, about 306 kB); rather than by"
        " a list of keys (4 API calls, about 306 kB)"
    )
    assert [show_bytes(size) for size in (0, 999, 1_000, 2_500_000)] == ["0 B", "999 B", "1 kB", "2.5 MB"]


def test_a_report_of_nearly_all_records_reads_all_once_and_then_only_the_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Emulator(EmulatorConfig(records=4_100, insights=False)) as emulator,
        Session(ClientCredentials(emulator.sandbox), retries=NO_WAIT) as session,
    ):
        org, calls = Org(session), emulator.sandbox.calls
        lead, fields = org.describe("Lead"), ("Email", COUNT)
        emails = [row["Email"] for row in emulator.sandbox.store.records("Lead", "IsDeleted = 0 LIMIT 3000")]
        snapshot = SnapshotFolder(open_store(tmp_path)).of("logins", "Lead", "00D", "005")

        def read(keys: int) -> list[str]:
            calls.clear()
            org.read_records(lead, fields, key=("Email", emails[:keys]), snapshot=snapshot)
            return asked(emulator.sandbox)

        assert read(200) == ["POST composite"], "a small report costs one call a day, and needs no count"
        with caplog.at_level(logging.INFO):
            first = read(len(emails))
        assert "rather than by a list of keys (2 API calls" in caplog.text
        assert len(first) == 4, "a count, and three pages of all records"
        assert read(len(emails)) == ["POST composite"]


@pytest.fixture(scope="module")
def handle() -> Iterator[OrgHandle]:
    """An org with more Leads than REST reads in fewer calls than Bulk."""
    with Emulator(EmulatorConfig(records=RECORDS, insights=False)) as emulator:
        yield emulator.sandbox


@pytest.fixture
def org(handle: OrgHandle) -> Iterator[Org]:
    with Session(ClientCredentials(handle), retries=NO_WAIT) as session:
        yield Org(session, polling=Polling(deadline=30.0))


def touch(handle: OrgHandle, share: int) -> None:
    """Change one Lead in so many, a day later."""
    handle.clock.advance(86_400)
    ids = [row[0] for row in handle.store.rows("SELECT Id FROM Lead WHERE IsDeleted = 0 ORDER BY Id")][::share]
    with handle.store.writing() as connection:
        changed = [(stamp(handle.clock.now()), record_id) for record_id in ids]
        connection.executemany(f"UPDATE Lead SET {COUNT} = 77, SystemModstamp = ? WHERE Id = ?", changed)


def asked(handle: OrgHandle) -> list[str]:
    """Method and resource of each call, looks at jobs left out."""
    calls = [f"{call.method} {call.path.split('/v66.0/')[1]}" for call in handle.calls.find(path="/services/data/*")]
    kinds = ["GET results" if call.endswith("/results") else call for call in calls]
    return [call for call in kinds if not call.startswith("GET jobs/query/")]


@pytest.mark.proof
def test_every_way_gives_the_same_lines(
    org: Org, handle: OrgHandle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = IntegrationSpec.model_validate(
        {
            "name": "Logins", "environment": "sandbox", "report": "Logins", "object": "Lead",
            "keys": [{"column": "User", "field": "Email"}], "fields": [{"column": "Logins", "field": COUNT}],
            "max_matches": 2,
        }
    )  # fmt: skip
    lead, fields = org.describe("Lead"), ("Email", COUNT)
    snapshot = SnapshotFolder(open_store(tmp_path)).of("logins", "Lead", "00D", "005")
    org.read_records(lead, fields, snapshot=snapshot)
    assert asked(handle)[-3:] == ["GET query", "POST jobs/query", "GET results"], "a count, then Bulk"
    touch(handle, 7)
    lead_object = handle.org.schema.find("Lead")
    assert lead_object is not None
    ids = [{"Id": row["Id"]} for row in handle.store.records("Lead", "IsDeleted = 0 LIMIT 5")]
    save_rows(handle.org, lead_object, "delete", ids)
    emails = pl.Series("User", [row["Email"] for row in handle.store.records("Lead", "1 LIMIT 3000")])
    rows = pl.DataFrame(
        {"User": [*emails, "nobody@acme.test", None], "Logins": [n % 80 for n in range(3_002)]}
    ).with_columns(pl.lit(date(2026, 11, 22)).alias(DAY))
    lines = {}
    with caplog.at_level(logging.INFO):
        for way, options in {
            Way.CHANGES: {"snapshot": snapshot},
            Way.KEYS: {"key": list_keys(spec, rows, lead)},
            Way.REST: {"expected_rows": 2_000},
            Way.BULK: {"expected_rows": 1_000_000},
        }.items():
            caplog.clear()
            records = org.read_records(lead, fields, **options)  # type: ignore[arg-type]
            assert f"reading Lead by {way} (" in caplog.text
            lines[way] = build_lines(rows, records, spec, lead)
    assert lines[Way.CHANGES].height > 3_002 - 60
    assert set(lines[Way.CHANGES]["outcome"].unique()) >= {
        "planned",
        "unchanged",
        "unmatched",
        "no_key",
        "duplicate_key",
    }
    for way, found in lines.items():
        assert found.equals(lines[Way.CHANGES]), way


@pytest.mark.proof
@pytest.mark.parametrize(
    ("share", "calls"),
    [
        (40, ["POST composite"]),
        (4, ["POST composite", "GET query", "GET query"]),
        (1, ["POST composite", "POST jobs/query", "GET results"]),
    ],
    ids=["one page", "some pages", "Bulk"],
)
def test_changes_go_on_in_the_cheapest_way_once_their_number_is_known(
    org: Org, handle: OrgHandle, tmp_path: Path, share: int, calls: list[str]
) -> None:
    touch(handle, RECORDS)  # one Lead, a day after what other tests changed, which else lay in the overlap
    lead, fields = org.describe("Lead"), ("Email", COUNT)
    snapshot = SnapshotFolder(open_store(tmp_path)).of("logins", "Lead", "00D", "005")
    org.read_records(lead, fields, snapshot=snapshot)
    touch(handle, share)
    lead = org.describe("Lead")  # renews the session, which a day has ended
    handle.calls.clear()
    records = org.read_records(lead, fields, snapshot=snapshot)
    assert [call.split("/0r8")[0].split("/01g")[0] for call in asked(handle)] == calls
    assert records.equals(org.read_records(lead, fields, expected_rows=1_000_000))


@pytest.mark.proof
def test_where_bulk_is_refused_the_changes_go_on_by_rest(org: Org, handle: OrgHandle, tmp_path: Path) -> None:
    lead, fields = org.describe("Lead"), ("Email", COUNT)
    snapshot = SnapshotFolder(open_store(tmp_path)).of("logins", "Lead", "00D", "005")
    org.read_records(lead, fields, snapshot=snapshot)
    touch(handle, 1)
    refusal = '[{"errorCode":"LIMIT_EXCEEDED","message":"Max bulk v2 query jobs (10000) per 24 hrs has been reached"}]'
    handle.faults.respond(400, "*/jobs/query", method="POST", body=refusal)
    records = org.read_records(lead, fields, snapshot=snapshot)
    assert records.equals(org.read_records(lead, fields, expected_rows=1_000_000))
