"""The emulator before a client that nobody here wrote: simple-salesforce, REST and Bulk 2.0."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

from integration_center_tests.emulator.conftest import fetch_token
from salesforce_emulator.org.org import Org
from salesforce_emulator.people import build_person
from salesforce_emulator.server import OrgHandle


class LoopbackSession(requests.Session):
    """Speaks plain HTTP where the client insists on writing https."""

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, str(url).replace("https://127.0.0.1", "http://127.0.0.1"), *args, **kwargs)


@pytest.fixture
def salesforce(handle: OrgHandle) -> Iterator[Any]:
    with LoopbackSession() as session:
        # The bulk part makes its own calls through the module-level session of the same object.
        yield Salesforce(
            instance_url=handle.url.replace("http://", "https://"),
            session_id=fetch_token(handle),
            version="66.0",
            session=session,
        )


def first_error(content: Any) -> dict[str, Any]:
    return dict(content[0])


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_query_all_pages(salesforce: Any, org: Org) -> None:
    result = salesforce.query_all("SELECT Id, Email, Owner.Name FROM Lead")
    assert result["totalSize"] == org.store.count("Lead")
    assert len({record["Id"] for record in result["records"]}) == result["totalSize"]
    with_deleted = salesforce.query_all("SELECT Id FROM Lead", include_deleted=True)
    assert with_deleted["totalSize"] == org.store.count("Lead", "1")


def test_describe_and_limits(salesforce: Any) -> None:
    assert salesforce.Lead.describe()["name"] == "Lead"
    assert {item["name"] for item in salesforce.describe()["sobjects"]} >= {"Lead", "Account"}
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100_000
    assert salesforce.api_usage["api-usage"].total == 100_000


def test_rows(salesforce: Any) -> None:
    made = salesforce.Lead.create({"LastName": "Simple", "Company": "Acme"})
    assert made["success"]
    assert salesforce.Lead.update(made["id"], {"City": "Oslo"}) == 204
    assert salesforce.Lead.get(made["id"])["City"] == "Oslo"
    assert salesforce.WalkMe_Engagement__c.upsert("Customer_Key__c/simple", {"Sessions__c": 1}) == 201
    assert salesforce.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as gone:
        salesforce.Lead.get(made["id"])
    assert first_error(gone.value.content)["errorCode"] == "ENTITY_IS_DELETED"


def test_refusals(salesforce: Any, org: Org) -> None:
    with pytest.raises(SalesforceMalformedRequest) as bad:
        salesforce.query("SELECT Nothing FROM Lead")
    assert first_error(bad.value.content)["errorCode"] == "INVALID_FIELD"
    org.sessions.expire_access()
    with pytest.raises(SalesforceExpiredSession):
        salesforce.query("SELECT Id FROM Lead")


def test_bulk2_query(salesforce: Any, org: Org) -> None:
    pages = list(salesforce.bulk2.Lead.query("SELECT Id, Email FROM Lead", max_records=300, wait=0))
    assert len(pages) == -(-org.store.count("Lead") // 300)
    rows = [row for page in pages for row in read_csv(page)]
    assert build_person(1).email in {row["Email"] for row in rows}
    assert len(rows) == org.store.count("Lead")


def test_bulk2_update_with_a_failure(salesforce: Any, org: Org, lead_ids: list[str]) -> None:
    records = [{"Id": lead_ids[0], "WalkMe_NPS_Score__c": "9"}, {"Id": lead_ids[1], "WalkMe_NPS_Score__c": "many"}]
    (summary,) = salesforce.bulk2.Lead.update(records=records, wait=0)
    assert (summary["numberRecordsProcessed"], summary["numberRecordsFailed"]) == (2, 1)
    assert org.store.record("Lead", lead_ids[0])["WalkMe_NPS_Score__c"] == 9.0  # type: ignore[index]
    (failed,) = read_csv(salesforce.bulk2.Lead.get_failed_records(summary["job_id"]))
    assert failed["sf__Error"].startswith(
        "INVALID_TYPE_ON_FIELD_IN_RECORD:WalkMe NPS Score: value not of required type"
    )
    (saved,) = read_csv(salesforce.bulk2.Lead.get_successful_records(summary["job_id"]))
    assert saved["sf__Id"] == lead_ids[0]
    everything = salesforce.bulk2.Lead.get_all_ingest_records(summary["job_id"])
    assert [len(everything[key]) for key in ("successfulRecords", "failedRecords", "unprocessedRecords")] == [1, 1, 0]


def test_bulk2_insert_upsert_and_delete(salesforce: Any, org: Org) -> None:
    bulk = salesforce.bulk2.WalkMe_Engagement__c
    keys = [{"Customer_Key__c": f"ss-{index}", "Sessions__c": str(index)} for index in range(3)]
    assert bulk.insert(records=keys, wait=0)[0]["numberRecordsFailed"] == 0
    assert bulk.upsert(records=keys, external_id_field="Customer_Key__c", wait=0)[0]["numberRecordsFailed"] == 0
    found = [{"Id": row["Id"]} for row in org.store.records("WalkMe_Engagement__c", "Customer_Key__c LIKE 'ss-%'")]
    assert len(found) == 3
    assert bulk.delete(records=found, wait=0)[0]["numberRecordsFailed"] == 0
    assert not org.store.records("WalkMe_Engagement__c", "Customer_Key__c LIKE 'ss-%' AND IsDeleted = 0")


def test_bulk2_job_that_fails_as_a_whole(salesforce: Any, lead_ids: list[str]) -> None:
    with pytest.raises(SalesforceOperationError, match="Field name not found : Nothing__c"):
        salesforce.bulk2.Lead.update(records=[{"Id": lead_ids[0], "Nothing__c": "1"}], wait=0)
