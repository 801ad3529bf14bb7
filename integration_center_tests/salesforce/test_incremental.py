"""Reading only what changed: whatever happened in the org since, the frame is the one that a full read gives."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from integration_center.errors import LimitExceeded, TransientError
from integration_center.salesforce.read import changes as changed_records
from integration_center.salesforce.read import snapshot
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center_tests.frame_stores import find_snapshot_path
from integration_center_tests.proofs import examples
from integration_center_tests.salesforce.daily import FIELDS, INCREMENTAL, Integration, touch
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.record_events import convert_leads, merge_records, purge_records, undelete_records

NOT_THERE = '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'


def test_when_nothing_changed_one_call_proves_it(integration: Integration) -> None:
    integration.read()
    assert integration.asked == INCREMENTAL
    assert sum(call.bytes_out + call.bytes_in for call in integration.calls) < 2_000


Change = Callable[[Integration, list[str]], object]
CHANGES: dict[str, Change] = {
    "edited": lambda on, ids: on.save("update", {"Id": ids[0], "Company": "Other"}, {"Id": ids[1], "Email": "x@y.org"}),
    "made": lambda on, ids: on.save("insert", {"LastName": "New", "Company": "New", "Email": "new@y.org"}),
    "deleted": lambda on, ids: on.save("delete", {"Id": ids[0]}, {"Id": ids[5]}),
    "merged": lambda on, ids: merge_records(on.org.org, "Lead", ids[0], ids[1:3]),
    "converted": lambda on, ids: convert_leads(on.org.org, ids[:2]),
    "made and deleted": lambda on, ids: on.save(
        "delete", {"Id": on.save("insert", {"LastName": "New", "Company": "New"})[0]}
    ),
}


@pytest.mark.sampled
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_seen_in_one_call(integration: Integration, change: Change) -> None:
    before = integration.lead_ids()
    change(integration, before)
    integration.read()
    assert integration.asked == INCREMENTAL
    integration.pass_time(hours=24)
    integration.read()
    assert integration.asked == INCREMENTAL


def test_a_deleted_record_that_is_restored_comes_back(integration: Integration) -> None:
    lead = integration.lead_ids()[3]
    integration.save("delete", {"Id": lead})
    assert lead not in integration.read()["Id"]
    integration.pass_time(hours=24)
    undelete_records(integration.org.org, "Lead", [lead])
    assert lead in integration.read()["Id"]
    assert integration.asked == INCREMENTAL


def test_a_record_removed_for_good_leaves_no_trace_but_the_count(integration: Integration) -> None:
    gone, edited, *_ = integration.lead_ids()
    purge_records(integration.org.org, "Lead", [gone])
    integration.save("update", {"Id": edited, "Company": "Other"})
    assert gone not in integration.read()["Id"]
    assert integration.was_full
    integration.pass_time(hours=24)
    integration.read()
    assert integration.asked == INCREMENTAL


def test_a_record_that_appears_late_is_seen(integration: Integration) -> None:
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Other"})
    integration.read()
    late = stamp(integration.org.clock.now() - timedelta(minutes=50))
    touch(integration, integration.lead_ids()[1], late)
    assert "Late" in integration.read()["Company"]
    assert integration.asked == INCREMENTAL


def test_what_we_wrote_ourselves_is_read_once_more_and_then_no_longer(integration: Integration) -> None:
    # One that lies in the bin since just before the watermark comes again and again; it is nothing new.
    newest = max(lead["SystemModstamp"] for lead in integration.org.store.records("Lead"))
    with integration.org.store.writing() as connection:
        connection.execute("UPDATE Lead SET SystemModstamp = ? WHERE IsDeleted = 1", (newest,))
    integration.save("update", *({"Id": lead, "WalkMe_Logins_Last_30_Days__c": 5} for lead in integration.lead_ids()))
    sizes = []
    for _ in range(3):
        integration.pass_time(hours=24)
        integration.read()
        assert integration.asked == INCREMENTAL
        sizes.append(sum(call.bytes_out for call in integration.calls))
    assert sizes[0] > 2_000 > sizes[1] == sizes[2]


def test_another_mapping_user_org_or_version_starts_again(integration: Integration) -> None:
    for other in (
        replace(integration, fields=(*FIELDS, "Title")),
        replace(integration, snapshot=replace(integration.snapshot, user_id="005000000000002AAA")),
        replace(integration, snapshot=replace(integration.snapshot, org_id="00D000000000002AAA")),
        replace(integration, api_version="65.0"),
    ):
        other.read()
        assert other.was_full
        other.read()
        assert other.asked == INCREMENTAL


def test_a_field_that_describe_gives_otherwise_starts_again(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = integration.org.org.schema.find("Lead")
    assert lead is not None
    monkeypatch.setitem(dict(lead.by_name), "company", lead.by_name["company"])
    narrow = replace(lead.by_name["company"], length=200)
    monkeypatch.setitem(lead.__dict__, "fields", tuple(narrow if f.name == "Company" else f for f in lead.fields))
    integration.read()
    assert integration.was_full


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("Customer_Key__c", "Health__c"), "Health__c is a formula"),
        (("Customer_Key__c", "Contact__c"), "Contact__c is a lookup"),
        (("Customer_Key__c", "Owner.Email"), "Owner.Email is a field of another record"),
        (("Customer_Key__c", "Sessions__c"), None),
        (("Name", "Sessions__c"), None),
    ],
)
def test_values_that_change_without_a_stamp_are_always_read_in_full(
    integration: Integration, fields: Sequence[str], reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    other = replace(integration, sobject="WalkMe_Engagement__c", fields=fields)
    with caplog.at_level(logging.INFO):
        other.read()
        other.read()
    assert other.was_full is (reason is not None)
    assert reason is None or f"not by the changes since the last read: {reason}" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_damaged_snapshot_is_read_again(integration: Integration, damage: str) -> None:
    path = find_snapshot_path(integration.snapshot)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[100] ^= 0x10
    else:
        content = bytearray(b"no parquet at all")
    path.write_bytes(content)
    integration.read()
    assert integration.was_full
    integration.read()
    assert integration.asked == INCREMENTAL


def test_a_read_that_breaks_off_leaves_the_snapshot_as_it_was(integration: Integration) -> None:
    before = find_snapshot_path(integration.snapshot).read_bytes()
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Other"})
    integration.org.faults.respond(503, "*/composite*", times=9)
    with pytest.raises(TransientError):
        integration.read()
    path = find_snapshot_path(integration.snapshot)
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]
    integration.org.faults.clear()
    assert "Other" in integration.read()["Company"]


def test_where_composite_is_refused_changes_and_count_are_asked_for_one_by_one(integration: Integration) -> None:
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Other"})
    integration.org.faults.respond(404, "*/composite*", body=NOT_THERE)
    integration.read()
    assert integration.asked == ["POST composite", "GET queryAll", "GET query"]


def test_where_query_all_is_refused_everything_is_read(integration: Integration) -> None:
    integration.org.faults.respond(404, "*/composite*", body=NOT_THERE)
    integration.org.faults.respond(404, "*/queryAll*", body=NOT_THERE)
    integration.read()
    assert integration.asked == ["POST composite", "GET queryAll", "GET query"], "not counted again"


@pytest.fixture
def narrowed(integration: Integration) -> Integration:
    """One that takes some Leads only, and has read them."""
    for lead in integration.lead_ids()[:10]:
        integration.save("update", {"Id": lead, "Company": "Acme"})
    narrowed = replace(integration, where="Company = 'Acme' AND IsConverted = false")
    assert narrowed.read().height == 10
    assert narrowed.was_full
    integration.pass_time(hours=24)
    return narrowed


def test_with_a_condition_records_come_and_go_by_their_changes(narrowed: Integration) -> None:
    ids = narrowed.lead_ids()
    narrowed.save("update", {"Id": ids[0], "Company": "Left"}, {"Id": ids[20], "Company": "acme"})
    narrowed.save("update", {"Id": ids[1], "Email": "new@acme.org"}, {"Id": ids[21], "Email": "x@acme.org"})
    narrowed.save("delete", {"Id": ids[2]})
    convert_leads(narrowed.org.org, [ids[3]])
    merge_records(narrowed.org.org, "Lead", ids[30], [ids[4]])
    assert narrowed.read()["Id"].to_list() == [ids[1], *ids[5:10], ids[20]]
    assert narrowed.asked == INCREMENTAL
    narrowed.read()
    assert narrowed.asked == INCREMENTAL


def test_another_condition_starts_again(narrowed: Integration) -> None:
    other = replace(narrowed, where="Company != 'Acme'")
    other.read()
    assert other.was_full
    narrowed.read()
    assert narrowed.was_full


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("CreatedDate >= LAST_N_DAYS:30", "without being changed themselves"),
        ("Owner.Email != null", "Owner.Email is a field of another record"),
        ("OwnerId != null", "OwnerId is a lookup"),
        ("LastActivityDate = null", "LastActivityDate is read-only"),
    ],
)
def test_a_condition_that_a_stamp_does_not_tell_of_is_read_in_full(
    integration: Integration, where: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    narrowed = replace(integration, where=where)
    with caplog.at_level(logging.INFO):
        narrowed.read()
        narrowed.read()
    assert narrowed.was_full
    assert reason in caplog.text


def test_at_the_daily_limit_of_calls_nothing_else_is_tried(integration: Integration) -> None:
    limit = '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]'
    integration.org.faults.respond(403, "*/composite*", body=limit)
    with pytest.raises(LimitExceeded):
        integration.read()
    assert integration.asked == ["POST composite"]


def test_records_that_come_while_the_changes_are_read_cost_a_second_look_and_no_full_read(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True])

    def ask(*arguments: Any) -> tuple[list[dict[str, Any]], int]:
        first, total = ask_org(*arguments)
        return first, total + next(looks, False)

    ask_org = changed_records._ask
    monkeypatch.setattr(changed_records, "_ask", ask)
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Other"})
    integration.read()
    assert integration.asked == INCREMENTAL * 2


def test_integrations_on_one_object_keep_apart(integration: Integration) -> None:
    other = replace(integration, snapshot=replace(integration.snapshot, slug="other"), fields=("Email", "Title"))
    other.read()
    path = find_snapshot_path(other.snapshot)
    assert list(pl.read_parquet_schema(path)) == [
        *("Id", "SystemModstamp", "IsConverted"), "Email", "Title",
    ]  # fmt: skip
    for one in (integration, other):
        one.read()
        assert one.asked == INCREMENTAL
    for path in find_snapshot_path(other.snapshot).parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_empty_object_is_read_by_its_changes(integration: Integration) -> None:
    with integration.org.store.writing() as connection:
        connection.execute("DELETE FROM Lead")
    assert integration.read().is_empty()
    integration.save("insert", {"LastName": "First", "Company": "Acme"})
    assert integration.read().height == 1


EVENTS = st.sampled_from(["edit", "make", "delete", "undelete", "merge", "convert", "purge", "wait", "read"])


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 1_000)), min_size=2, max_size=12),
    st.sampled_from([None, "Company != 'Acme' AND IsConverted = false", "Company LIKE 'Company%'"]),
)
def test_whatever_happens_in_between_the_records_are_those_of_a_full_read(
    integration: Integration, events: list[tuple[str, int]], where: str | None
) -> None:
    reading = replace(integration, where=where)
    for event, number in events:
        happen(reading, event, number)
    reading.read()


def happen(integration: Integration, event: str, number: int) -> None:
    ids, org = integration.lead_ids(), integration.org.org
    lead = ids[number % len(ids)]
    match event:
        case "edit":
            integration.save("update", {"Id": lead, "Company": ("Acme", f"Company {number}", "Other")[number % 3]})
        case "make":
            integration.save("insert", {"LastName": f"Person {number}", "Company": "Made"})
        case "delete":
            integration.save("delete", {"Id": lead})
        case "undelete":
            bin_ = [row["Id"] for row in org.store.records("Lead", "IsDeleted = 1 ORDER BY Id")]
            undelete_records(org, "Lead", bin_[number % len(bin_) :][:1] if bin_ else [])
        case "merge":
            merge_records(org, "Lead", lead, [ids[(number + 1) % len(ids)]])
        case "convert":
            convert_leads(org, [lead])
        case "purge":
            purge_records(org, "Lead", [lead])
        case "wait":
            integration.pass_time(hours=number / 20)
        case _:
            integration.read()


@pytest.mark.parametrize(
    ("name", "lookup", "expected"),
    [
        ("Lead", True, None),
        ("Lead", False, None),
        ("CampaignMember", True, None),
        ("CampaignMember", False, "read-only"),
    ],
)
def test_a_key_that_the_user_may_only_read_is_read_by_its_changes(
    name: str, lookup: bool, expected: str | None
) -> None:
    fields = (
        SObjectField("Id", "Id", "id"),
        SObjectField("SystemModstamp", "Stamp", "datetime"),
        SObjectField("IsDeleted", "Deleted", "boolean"),
        SObjectField("Email", "E-mail", "email", updateable=False, id_lookup=lookup),
    )
    schema = SObjectSchema(name, name, queryable=True, updateable=True, fields=fields)
    reason = snapshot.find_obstacle(schema, ["Id", "Email"], None)
    assert reason is None if expected is None else expected in (reason or "")
