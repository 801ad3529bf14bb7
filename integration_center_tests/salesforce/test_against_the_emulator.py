"""The client as a whole against the local org, which shares no code with it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.push import Channel, push_updates, settle_job
from integration_center.sync.schema import SObjectSchema
from integration_center_tests.salesforce.credentials import ClientCredentials
from integration_center_tests.salesforce.scripted import RecordingJournal
from salesforce_emulator.refusals import RowError
from salesforce_emulator.server import OrgHandle

NUMBER, MOMENT, COMMENT = "WalkMe_Logins_Last_30_Days__c", "WalkMe_Last_Login__c", "WalkMe_NPS_Comment__c"
CHANNELS: tuple[Channel, ...] = ("bulk", "collections")


@pytest.fixture
def lead(org: Org) -> SObjectSchema:
    return org.describe("Lead")


def build_updates(ids: Sequence[str], value: float) -> pl.DataFrame:
    return pl.DataFrame({"Id": ids}).select(
        "Id", pl.lit(value).alias(f"after.{NUMBER}"), pl.lit(True).alias(f"changed.{NUMBER}")
    )


def read_open_ids(org: Org, lead: SObjectSchema, count: int, start: int = 0) -> list[str]:
    leads = org.read_records(lead, [], where="IsConverted = false", expected_rows=1)
    return leads["Id"].sort().to_list()[start : start + count]


def count_outcomes(results: pl.DataFrame) -> dict[str, int]:
    return dict(results.group_by("outcome").len().cast({"outcome": pl.String}).iter_rows())


def test_every_way_of_reading_gives_the_same_records(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    fields = ["Email", NUMBER, MOMENT, "WalkMe_Onboarding__c", "WalkMe_Champion_Score__c", "Company", "CreatedDate"]
    by_rest = org.read_records(lead, fields, expected_rows=600)
    by_bulk = org.read_records(lead, fields, expected_rows=1_000_000)
    by_keys = org.read_records(lead, fields, key=("Email", by_rest["Email"].unique().to_list()))
    assert by_rest.height == handle.store.count("Lead") > 500
    assert by_rest.sort("Id").equals(by_bulk.sort("Id"))
    assert by_keys.sort("Id").equals(by_rest.sort("Id"))
    assert by_rest[NUMBER].drop_nulls().len() > 0
    assert all("Email" not in call.query or "IN" not in call.query for call in handle.calls.find("GET"))


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_pushed_is_what_the_org_then_holds(org: Org, lead: SObjectSchema, channel: Channel) -> None:
    first, second, third = read_open_ids(org, lead, 3)
    fields = [COMMENT, NUMBER, MOMENT, "WalkMe_Champion_Since__c", "WalkMe_Champion_Score__c"]
    untouched = org.read_records(lead, fields, key=("Id", [third])).row(0, named=True)
    updates = pl.DataFrame(
        {
            "Id": [first, second, third],
            f"after.{COMMENT}": ['Süß, "quoted"\nsecond line \\ ☃', None, "#N/A"],
            f"changed.{COMMENT}": [True, True, True],
            f"after.{NUMBER}": [12.0, None, 99.0],
            f"changed.{NUMBER}": [True, True, False],
            f"after.{MOMENT}": [datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), None, None],
            f"changed.{MOMENT}": [True, True, True],
            "after.WalkMe_Champion_Since__c": [date(2026, 2, 28), None, None],
            "changed.WalkMe_Champion_Since__c": [True, True, False],
            "after.WalkMe_Champion_Score__c": [0.1, 1e-7, None],
            "changed.WalkMe_Champion_Score__c": [True, True, False],
        }
    )
    results = push_updates(org, lead, updates, journal=RecordingJournal(), channel=channel)
    assert count_outcomes(results) == {"updated": 3}, results["code"].to_list()
    held = org.read_records(lead, fields, key=("Id", [first, second, third])).sort("Id")
    assert held.select(fields).rows() == [
        ('Süß, "quoted"\nsecond line \\ ☃', 12.0, datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), date(2026, 2, 28), 0.1),
        (None, None, None, None, 1e-7),
        ("#N/A", untouched[NUMBER], None, untouched[fields[3]], untouched[fields[4]]),
    ]


def test_an_upload_lies_in_the_folder_given_for_it_and_is_gone_in_the_end(
    tokens: ClientCredentials, lead: SObjectSchema, tmp_path: Path
) -> None:
    there: list[Path] = []

    class LookingJournal(RecordingJournal):
        def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
            there.extend(tmp_path.rglob("*.csv"))
            super().job_opened(job_id, rows, content_hash)

    with Session(tokens, scratch=tmp_path) as session:
        org = Org(session)
        updates = build_updates(read_open_ids(org, lead, 5), 8.0)
        push_updates(org, lead, updates, journal=LookingJournal(), channel="bulk")
    assert len(there) == 1
    assert list(tmp_path.iterdir()) == []


def test_refusals_of_rows_are_reported_alike_by_both_channels(org: Org, lead: SObjectSchema) -> None:
    by_channel = []
    for channel in CHANNELS:
        ids = read_open_ids(org, lead, 3, start=10)
        updates = pl.DataFrame(
            {
                "Id": ids,
                "after.Company": ["x" * 300, "Acme", "Acme"],
                "changed.Company": [True, True, True],
                "after.Email": [None, "not an address", "fine@acme.test"],
                "changed.Email": [False, True, True],
            }
        )
        by_channel.append(push_updates(org, lead, updates, journal=RecordingJournal(), channel=channel).drop("job_id"))
    assert by_channel[0].equals(by_channel[1])
    assert by_channel[0]["outcome"].to_list() == ["failed", "failed", "updated"]
    assert by_channel[0]["code"].to_list() == ["STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS", None]
    assert by_channel[0]["error_fields"].to_list() == ["Company", "Email", None]


def test_a_session_that_ends_in_the_middle_of_a_job_is_renewed(
    org: Org, lead: SObjectSchema, handle: OrgHandle, tokens: ClientCredentials
) -> None:
    updates = build_updates(read_open_ids(org, lead, 300), 21.0)

    class ExpiringJournal(RecordingJournal):
        def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
            handle.org.sessions.expire_access()

    results = push_updates(org, lead, updates, journal=ExpiringJournal(), channel="bulk")
    assert count_outcomes(results) == {"updated": 300}
    assert tokens.renewals == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dropped_collections_call_writes_every_record_once(
    org: Org, lead: SObjectSchema, handle: OrgHandle, when: str
) -> None:
    ids = read_open_ids(org, lead, 150)
    value = 31.0 if when == "before" else 32.0
    handle.faults.drop("*/composite/sobjects", when="before" if when == "before" else "after")
    results = push_updates(org, lead, build_updates(ids, value), journal=RecordingJournal())
    assert count_outcomes(results) == {"updated": 150}
    assert len(handle.calls.find("PATCH", "*/composite/sobjects")) == (2 if when == "before" else 1)
    held = org.read_records(lead, [NUMBER], key=("Id", ids))
    assert held[NUMBER].to_list() == [value] * 150


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dropped_upload_writes_every_record_once(org: Org, lead: SObjectSchema, handle: OrgHandle, when: str) -> None:
    ids = read_open_ids(org, lead, 150)
    value = 41.0 if when == "before" else 42.0
    handle.faults.drop("*/batches*", when="before" if when == "before" else "after", method="PUT")
    journal = RecordingJournal()
    results = push_updates(org, lead, build_updates(ids, value), journal=journal, channel="bulk")
    assert count_outcomes(results) == {"updated": 150}
    assert [event for event, _ in journal.events] == ["opened", "settled", "opened", "settled"]


def test_a_dropped_close_does_not_lose_the_job(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    updates = build_updates(read_open_ids(org, lead, 20), 43.0)
    handle.faults.drop("*/jobs/ingest/*", when="after", method="PATCH")
    results = push_updates(org, lead, updates, journal=RecordingJournal(), channel="bulk")
    assert count_outcomes(results) == {"updated": 20}
    assert len(handle.calls.find("PUT")) == 1


def test_a_result_file_cut_short_changes_no_outcome(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    ids = read_open_ids(org, lead, 40)
    updates = pl.DataFrame(
        {
            "Id": ids,
            "after.Company": ["x" * 300 if number % 4 == 0 else "Acme" for number in range(40)],
            "changed.Company": [True] * 40,
        }
    )
    handle.faults.truncate(900, "*/failedResults*", times=1)
    results = push_updates(org, lead, updates, journal=RecordingJournal(), channel="bulk")
    assert results["outcome"].to_list() == ["failed" if number % 4 == 0 else "updated" for number in range(40)]


def test_a_job_that_fails_halfway_tells_what_it_did_not_reach(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    ids = read_open_ids(org, lead, 500)
    handle.faults.end_job("Failed", after_rows=200)
    results = push_updates(org, lead, build_updates(ids, 5_151.0), journal=RecordingJournal(), channel="bulk")
    written = org.read_records(lead, [NUMBER]).filter(pl.col(NUMBER) == 5_151.0)["Id"]
    assert set(results.filter(outcome="updated")["Id"]) == set(written)
    assert count_outcomes(results) == {"updated": 200, "unprocessed": 300}
    assert set(results.filter(outcome="unprocessed")["code"]) == {"InternalServerError"}


@pytest.mark.parametrize("channel", CHANNELS)
def test_locked_records_are_written_in_the_end(
    org: Org, lead: SObjectSchema, handle: OrgHandle, channel: Channel
) -> None:
    ids = read_open_ids(org, lead, 120)
    handle.faults.lock_rows(ids[:70], times=1)
    results = push_updates(org, lead, build_updates(ids, 61.0), journal=RecordingJournal(), channel=channel)
    assert count_outcomes(results) == {"updated": 120}


def test_a_busy_org_is_waited_for_without_a_second_write(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    ids = read_open_ids(org, lead, 20)
    handle.calls.clear()
    handle.faults.respond(503, "*/composite/sobjects", times=2, retry_after=1)
    results = push_updates(org, lead, build_updates(ids, 71.0), journal=RecordingJournal())
    assert count_outcomes(results) == {"updated": 20}
    assert [call.status for call in handle.calls.find("PATCH")] == [503, 503, 200]
    assert org.session.usage.waits == 2


def test_the_job_of_a_killed_run_is_settled(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    class Killed(BaseException):
        pass

    class KillingJournal(RecordingJournal):
        def job_settled(self, job_id: str) -> None:
            raise Killed

    ids = read_open_ids(org, lead, 30)
    journal = KillingJournal()
    with pytest.raises(Killed):
        push_updates(org, lead, build_updates(ids, 81.0), journal=journal, channel="bulk")
    state, results = settle_job(org, journal.events[0][1])
    assert state == "JobComplete"
    assert sorted(results["Id"]) == ids
    assert count_outcomes(results) == {"updated": 30}


def test_assignment_rules_stay_off_and_answers_are_compressed(org: Org, lead: SObjectSchema, handle: OrgHandle) -> None:
    push_updates(org, lead, build_updates(read_open_ids(org, lead, 5), 91.0), journal=RecordingJournal())
    writes = [
        call for call in handle.calls.find() if call.method in {"PATCH", "PUT", "POST"} and "oauth" not in call.path
    ]
    assert writes
    assert {call.headers["sforce-auto-assign"] for call in writes} == {"FALSE"}
    calls = [call for call in handle.calls.find() if "oauth" not in call.path]
    assert len(calls) == org.session.usage.calls
    assert sum(call.bytes_out for call in calls) == org.session.usage.bytes_received
    assert sum(call.bytes_in for call in calls) == org.session.usage.bytes_sent
    assert org.session.usage.daily_used is not None


@pytest.mark.parametrize(
    ("method", "path", "states"),
    [
        ("PUT", "*/jobs/ingest/*/batches", ["Aborted", "JobComplete"]),
        ("PATCH", "*/jobs/ingest/*", ["JobComplete"]),
    ],
)
def test_what_the_org_carried_out_behind_a_busy_answer_is_not_done_twice(
    org: Org, lead: SObjectSchema, handle: OrgHandle, method: str, path: str, states: list[str]
) -> None:
    ids = read_open_ids(org, lead, 5)
    journal = RecordingJournal()
    handle.faults.respond(503, path, method=method, when="after")
    results = push_updates(org, lead, build_updates(ids, 41.0), journal=journal, channel="bulk")
    assert count_outcomes(results) == {"updated": 5}
    jobs = [job_id for event, job_id in journal.events if event == "opened"]
    assert [org.session.get_json(f"jobs/ingest/{job_id}")["state"] for job_id in jobs] == states


@pytest.mark.parametrize("rows", [20, 450])
@pytest.mark.parametrize("times", [1, 2])
def test_records_that_the_org_wrote_behind_a_busy_answer_are_not_written_again(
    org: Org, lead: SObjectSchema, handle: OrgHandle, rows: int, times: int
) -> None:
    """20 records go in one collection, 450 in a composite call of several."""
    ids = read_open_ids(org, lead, rows)
    before = {record_id: handle.org.saves[record_id] for record_id in ids}
    handle.faults.respond(503, "*/composite*", method="PATCH" if rows == 20 else "POST", times=times, when="after")
    results = push_updates(org, lead, build_updates(ids, 52.0), journal=RecordingJournal())
    assert count_outcomes(results) == {"updated": rows}
    assert {handle.org.saves[record_id] - before[record_id] for record_id in ids} == {1}


def test_records_that_an_org_refuses_behind_a_busy_answer_get_its_reason(
    org: Org, lead: SObjectSchema, handle: OrgHandle
) -> None:
    ids = read_open_ids(org, lead, 20)
    handle.faults.fail_rows(ids[:3], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    handle.calls.clear()
    handle.faults.respond(503, "*/composite/sobjects", when="after")
    results = push_updates(org, lead, build_updates(ids, 53.0), journal=RecordingJournal())
    assert count_outcomes(results) == {"updated": 17, "failed": 3}
    assert [call.status for call in handle.calls.find("PATCH")] == [503, 200]


def test_an_org_that_stays_busy_for_writes_gets_each_attempt_and_leaves_all_unprocessed(
    org: Org, lead: SObjectSchema, handle: OrgHandle
) -> None:
    ids = read_open_ids(org, lead, 20)
    handle.calls.clear()
    handle.faults.respond(503, "*/composite/sobjects", times=None, retry_after=1)
    results = push_updates(org, lead, build_updates(ids, 54.0), journal=RecordingJournal())
    assert count_outcomes(results) == {"unprocessed": 20}
    assert [call.status for call in handle.calls.find("PATCH")] == [503] * org.session.retries.attempts


def test_a_text_that_looks_like_a_reference_is_stored_as_it_is(org: Org, lead: SObjectSchema) -> None:
    ids = read_open_ids(org, lead, 250)
    texts = [*(f"text {number}" for number in range(249)), "see @{part0[0].id}"]
    updates = pl.DataFrame({"Id": ids, f"after.{COMMENT}": texts, f"changed.{COMMENT}": [True] * 250})
    results = push_updates(org, lead, updates, journal=RecordingJournal())
    assert count_outcomes(results) == {"updated": 250}
    assert org.read_records(lead, [COMMENT], key=("Id", ids[-1:]))[COMMENT].to_list() == texts[-1:]
