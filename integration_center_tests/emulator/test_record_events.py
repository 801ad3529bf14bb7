"""What people do in the org's own pages, as the APIs then tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from integration_center_tests.emulator.conftest import http_post
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.record_events import convert_leads, merge_records, purge_records, undelete_records
from salesforce_emulator.server import OrgHandle

SELECTED = "SELECT Id, IsDeleted, MasterRecordId, IsConverted FROM Lead WHERE SystemModstamp >= {} ORDER BY Id"


@pytest.fixture
def since(handle: OrgHandle) -> str:
    """A moment after which nothing has happened yet."""
    newest = datetime.fromisoformat(handle.store.value("SELECT MAX(SystemModstamp) FROM Lead")).replace(tzinfo=UTC)
    return f"{handle.clock.freeze(max(newest, handle.clock.now()) + timedelta(minutes=1)):%Y-%m-%dT%H:%M:%SZ}"


def read(api: httpx.Client, resource: str, since: str) -> list[tuple[Any, ...]]:
    """The Leads stamped since then: Id, in the recycle bin, merged into, converted."""
    records = api.get(f"/{resource}", params={"q": SELECTED.format(since)}).json()["records"]
    return [(lead["Id"], lead["IsDeleted"], lead["MasterRecordId"], lead["IsConverted"]) for lead in records]


def test_losers_of_a_merge_lie_in_the_bin_and_name_the_master(
    org: Org, api: httpx.Client, lead_ids: list[str], since: str
) -> None:
    master, first, second = lead_ids[:3]
    merge_records(org, "Lead", master, [first, second])
    assert read(api, "query", since) == [(master, False, None, False)]
    assert read(api, "queryAll", since) == [
        (master, False, None, False),
        (first, True, master, False),
        (second, True, master, False),
    ]


def test_a_restored_record_is_stamped_again(org: Org, api: httpx.Client, lead_ids: list[str], since: str) -> None:
    lead = lead_ids[3]
    assert api.delete(f"/sobjects/Lead/{lead}").status_code == 204
    assert read(api, "query", since) == []
    undelete_records(org, "Lead", [lead])
    assert read(api, "query", since) == [(lead, False, None, False)]


def test_a_purged_record_is_seen_by_nothing(org: Org, api: httpx.Client, lead_ids: list[str], since: str) -> None:
    count = "SELECT COUNT() FROM Lead"
    before = api.get("/query", params={"q": count}).json()["totalSize"]
    purge_records(org, "Lead", lead_ids[4:5])
    assert read(api, "queryAll", since) == []
    assert api.get("/query", params={"q": count}).json()["totalSize"] == before - 1


def test_a_converted_lead_stays(org: Org, api: httpx.Client, lead_ids: list[str], since: str) -> None:
    convert_leads(org, lead_ids[5:6])
    assert read(api, "query", since) == [(lead_ids[5], False, None, True)]


def test_what_cannot_be_done_is_refused(org: Org, lead_ids: list[str]) -> None:
    with pytest.raises(ValueError, match="one or 2 other records"):
        merge_records(org, "Lead", lead_ids[6], lead_ids[6:8])
    with pytest.raises(ValueError, match="one or 2 other records"):
        merge_records(org, "WalkMe_Engagement__c", "a0E", ["a0F"])
    with pytest.raises(ValueError, match="is not in the recycle bin"):
        undelete_records(org, "Lead", lead_ids[6:7])
    with pytest.raises(ValueError, match="is not there"):
        convert_leads(org, ["00QKc0000099999MAA"])


def test_the_same_can_be_done_over_http(handle: OrgHandle, api: httpx.Client, lead_ids: list[str], since: str) -> None:
    def do(**event: Any) -> httpx.Response:
        return http_post(f"{handle.url}/__emulator__/records", json=event)

    master, loser = lead_ids[8:10]
    assert do(do="merge", sobject="Lead", master_id=master, loser_ids=[loser]).status_code == 200
    assert [lead[0] for lead in read(api, "query", since)] == [master]
    assert do(do="undelete", sobject="Lead", ids=[loser]).status_code == 200
    assert [lead[0] for lead in read(api, "query", since)] == [master, loser]
    assert do(do="undelete", sobject="Lead", ids=[loser]).json() == {"error": f"Lead {loser} is not in the recycle bin"}
    assert do(do="shred").status_code == do(do="convert").status_code == 400
