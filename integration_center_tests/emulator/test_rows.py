from typing import Any

import httpx
import pytest

from integration_center_tests.emulator.conftest import Soql
from salesforce_emulator.org.org import Org

ENGAGEMENT = "WalkMe_Engagement__c"


def patch_rows(api: httpx.Client, rows: list[dict[str, Any]], *, all_or_none: bool = False) -> list[dict[str, Any]]:
    records = [{"attributes": {"type": "Lead"}, **row} for row in rows]
    answer = api.patch("/composite/sobjects", json={"allOrNone": all_or_none, "records": records})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()
    return results


def error_of(result: dict[str, Any]) -> dict[str, Any]:
    assert set(result) == {"success", "errors"}
    assert result["success"] is False
    return dict(result["errors"][0])


@pytest.mark.parametrize(
    ("field", "value", "code", "message"),
    [
        ("Company", "x" * 256, "STRING_TOO_LONG", f"Company: data value too large: {'x' * 256} (max length=255)"),
        ("WalkMe_Top_Feature__c", "Nothing", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         "WalkMe Top Feature: bad value for restricted picklist field: Nothing"),
        ("WalkMe_Top_Feature__c", "Classic Editor", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         "WalkMe Top Feature: bad value for restricted picklist field: Classic Editor"),
        ("NumberOfEmployees", 1431655766, "NUMBER_OUTSIDE_VALID_RANGE",
         "Employees: value outside of valid range on numeric field: 1431655766"),
        ("WalkMe_NPS_Score__c", 1000, "NUMBER_OUTSIDE_VALID_RANGE",
         "WalkMe NPS Score: value outside of valid range on numeric field: 1000"),
        ("NumberOfEmployees", "250.0", "INVALID_TYPE_ON_FIELD_IN_RECORD",
         "Employees: value not of required type: 250.0"),
        ("AnnualRevenue", "a lot", "INVALID_TYPE_ON_FIELD_IN_RECORD",
         "Annual Revenue: value not of required type: a lot"),
        ("Email", "not-an-email", "INVALID_EMAIL_ADDRESS", "Email: invalid email address: not-an-email"),
        ("LastName", None, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"),
        ("Nowhere__c", 1, "INVALID_FIELD", "No such column 'Nowhere__c' on sobject of type Lead"),
        ("OwnerId", "nonsense", "MALFORMED_ID", "Owner ID: id value of incorrect type: nonsense"),
        ("OwnerId", "005000000000000", "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(
    api: httpx.Client, lead_ids: list[str], field: str, value: object, code: str, message: str
) -> None:
    (result,) = patch_rows(api, [{"Id": lead_ids[0], field: value}])
    error = error_of(result)
    assert (error["statusCode"], error["message"]) == (code, message)


def test_field_that_only_the_org_writes(api: httpx.Client, lead_ids: list[str]) -> None:
    error = error_of(patch_rows(api, [{"Id": lead_ids[0], "MasterRecordId": lead_ids[1]}])[0])
    assert error["statusCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert error["message"].startswith("Unable to create/update fields: MasterRecordId. Please check the security")
    assert error["fields"] == ["MasterRecordId"]


@pytest.mark.parametrize("value", ["2026-13-01", "soon", "2026-01-01T00:00:00", 5])
def test_datetime_that_cannot_be_read(api: httpx.Client, lead_ids: list[str], value: object) -> None:
    error = error_of(patch_rows(api, [{"Id": lead_ids[0], "WalkMe_Last_Login__c": value}])[0])
    assert error["statusCode"] == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("WalkMe_Champion_Score__c", 48.87849, 48.87849),
        ("WalkMe_NPS_Score__c", 7.25, 7.25),
        ("WalkMe_Onboarding__c", "62.5", 62.5),
        ("WalkMe_Last_Login__c", "2026-05-01T07:25:37.999Z", "2026-05-01T07:25:37.000+0000"),
        ("WalkMe_Last_Login__c", "2026-05-01T07:25:37+02:00", "2026-05-01T05:25:37.000+0000"),
        ("WalkMe_Champion_Since__c", "2026-05-01T23:30:00.000Z", "2026-05-01"),
        ("WalkMe_NPS_Comment__c", "  fine \n", "fine"),
        ("WalkMe_NPS_Comment__c", " \t ", None),
        ("WalkMe_NPS_Comment__c", "", None),
        ("WalkMe_NPS_Score__c", None, None),
        ("Industry", "Anything goes", "Anything goes"),
    ],
)
def test_values_as_they_are_stored(
    api: httpx.Client, soql: Soql, lead_ids: list[str], field: str, sent: object, stored: object
) -> None:
    assert patch_rows(api, [{"Id": lead_ids[1], field: sent}]) == [{"id": lead_ids[1], "success": True, "errors": []}]
    assert soql(f"SELECT {field} FROM Lead WHERE Id = '{lead_ids[1]}'")[0][field] == stored


def test_omitted_field_stays(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    before = org.store.record("Lead", lead_ids[2])
    patch_rows(api, [{"id": lead_ids[2], "WalkMe_NPS_Score__c": 3}])
    after = org.store.record("Lead", lead_ids[2])
    assert before is not None
    assert after is not None
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"WalkMe_NPS_Score__c", "SystemModstamp", "LastModifiedDate", "LastModifiedById"}


def test_write_that_changes_nothing_moves_the_stamp(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.clock.freeze()
    patch_rows(api, [{"Id": lead_ids[3], "City": "Berlin"}])
    first = org.store.record("Lead", lead_ids[3])
    org.clock.advance(60)
    patch_rows(api, [{"Id": lead_ids[3], "City": "Berlin"}])
    second = org.store.record("Lead", lead_ids[3])
    assert first is not None
    assert second is not None
    assert second["SystemModstamp"] > first["SystemModstamp"]
    assert second["LastModifiedDate"] == second["SystemModstamp"]


def test_rows_about_records_that_cannot_be_written(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    deleted = org.store.records("Lead", "IsDeleted = 1")[0]["Id"]
    results = patch_rows(
        api,
        [
            {"Id": lead_ids[0], "City": "A"},
            {"Id": lead_ids[0][:15], "City": "B"},
            {"Id": deleted, "City": "C"},
            {"Id": "00Q000000000000EAA", "City": "D"},
            {"Id": "xyz", "City": "E"},
            {"City": "F"},
            {"Id": "003000000000000AAA", "City": "G"},
        ],
    )
    codes = [result["errors"][0]["statusCode"] if result["errors"] else None for result in results]
    assert codes == [
        None,
        "DUPLICATE_VALUE",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
        "MALFORMED_ID",
    ]


def test_converted_lead_needs_a_permission(api: httpx.Client, org: Org) -> None:
    converted = org.store.records("Lead", "IsConverted = 1 AND IsDeleted = 0")[0]["Id"]
    assert patch_rows(api, [{"Id": converted, "City": "A"}])[0]["success"]
    org.set_permission("PermissionsAllowViewEditConvertedLeads", False)
    assert (
        error_of(patch_rows(api, [{"Id": converted, "City": "A"}])[0])["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    )


def test_user_without_modify_all_data_edits_own_records_only(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.set_permission("PermissionsModifyAllData", False)
    results = patch_rows(api, [{"Id": record_id, "City": "A"} for record_id in lead_ids[:10]])
    owners = [org.store.value("SELECT OwnerId FROM Lead WHERE Id = ?", (record_id,)) for record_id in lead_ids[:10]]
    assert [result["success"] for result in results] == [owner == org.profile.user_id for owner in owners]
    assert {True, False} == {result["success"] for result in results}


def test_all_or_none_rolls_back(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    rows = [{"Id": lead_ids[5], "City": "Rolled"}, {"Id": lead_ids[6], "Email": "bad"}]
    results = patch_rows(api, rows, all_or_none=True)
    assert error_of(results[0]) == {
        "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
        "fields": [],
    }
    assert error_of(results[1])["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert not org.store.records("Lead", "City = 'Rolled'")


def test_missing_attributes_fail_every_row_with_status_200(api: httpx.Client, lead_ids: list[str]) -> None:
    rows = [{"attributes": {"type": "Lead"}, "Id": lead_ids[0]}, {"Id": lead_ids[1]}]
    answer = api.patch("/composite/sobjects", json={"records": rows})
    assert answer.status_code == 200
    assert {error_of(result)["statusCode"] for result in answer.json()} == {"JSON_PARSER_ERROR"}


def test_sizes_of_a_collection(api: httpx.Client, lead_ids: list[str]) -> None:
    empty = api.patch("/composite/sobjects", json={"records": []})
    assert empty.status_code == 400
    assert empty.json() == [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}]
    rows = [{"attributes": {"type": "Lead"}, "Id": record_id, "City": "A"} for record_id in lead_ids[:201]]
    many = api.patch("/composite/sobjects", json={"records": rows})
    assert (many.status_code, many.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")


def test_mixed_types_answer_in_request_order(api: httpx.Client, lead_ids: list[str]) -> None:
    rows = [
        {"attributes": {"type": "Lead"}, "Id": lead_ids[0], "City": "A"},
        {"attributes": {"type": ENGAGEMENT}, "Id": "a0E000000000000AAA"},
        {"attributes": {"type": "Nothing__c"}, "Id": lead_ids[1]},
    ]
    results = api.patch("/composite/sobjects", json={"records": rows}).json()
    assert [result["success"] for result in results] == [True, False, False]
    many = [rows[index % 2] for index in range(12)]
    assert api.patch("/composite/sobjects", json={"records": many}).status_code == 400


def test_create_delete_and_delete_again(api: httpx.Client) -> None:
    created = api.post("/sobjects/Lead", json={"LastName": "Ny", "Company": "Acme"})
    assert created.status_code == 201
    record_id = created.json()["id"]
    assert created.json() == {"id": record_id, "success": True, "errors": []}
    assert created.headers["location"].endswith(record_id)
    record = api.get(f"/sobjects/Lead/{record_id}").json()
    assert (record["Status"], record["IsConverted"]) == ("Open - Not Contacted", False)
    assert api.delete(f"/sobjects/Lead/{record_id}").status_code == 204
    again = api.delete(f"/sobjects/Lead/{record_id}")
    assert again.status_code == 404
    assert again.json() == [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]


def test_single_row_error_has_an_error_code(api: httpx.Client, lead_ids: list[str]) -> None:
    answer = api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Email": "bad"})
    assert answer.status_code == 400
    assert answer.json() == [
        {"message": "Email: invalid email address: bad", "errorCode": "INVALID_EMAIL_ADDRESS", "fields": ["Email"]}
    ]
    assert api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"City": "B"}).status_code == 204
    missing = api.post("/sobjects/Lead", json={"FirstName": "Ny"})
    assert missing.json()[0]["fields"] == ["LastName", "Company"]


def test_upsert_by_external_id(api: httpx.Client) -> None:
    path = f"/sobjects/{ENGAGEMENT}/Customer_Key__c/new%2Fkey"
    made = api.patch(path, json={"Sessions__c": 1})
    assert (made.status_code, made.json()["created"]) == (201, True)
    found = api.patch(path, json={"Sessions__c": 2})
    assert (found.status_code, found.json()["id"]) == (200, made.json()["id"])
    only = api.patch(f"/sobjects/{ENGAGEMENT}/Customer_Key__c/other?updateOnly=true", json={"Sessions__c": 2})
    assert only.status_code == 404
    assert api.patch(f"/sobjects/{ENGAGEMENT}/Segment__c/x", json={}).json()[0]["errorCode"] == "NOT_FOUND"


def test_upsert_that_finds_several_lists_them(api: httpx.Client) -> None:
    for _ in range(2):
        api.post("/sobjects/Lead", json={"LastName": "Twin", "Company": "Acme", "Email": "twin@acme.example"})
    answer = api.patch("/sobjects/Lead/Email/twin%40acme.example", json={"City": "A"})
    assert answer.status_code == 300
    assert len(answer.json()) == 2


def test_unique_value_is_refused_with_the_other_record(api: httpx.Client) -> None:
    first = api.post(f"/sobjects/{ENGAGEMENT}", json={"Customer_Key__c": "Once"}).json()["id"]
    second = api.post(f"/sobjects/{ENGAGEMENT}", json={"Customer_Key__c": "ONCE"})
    assert second.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    message = f"duplicate value found: Customer_Key__c duplicates value on record with id: {first}"
    assert second.json()[0]["message"] == message


def test_collections_upsert_and_delete(api: httpx.Client) -> None:
    rows = [{"attributes": {"type": ENGAGEMENT}, "Customer_Key__c": f"many-{index}"} for index in range(3)]
    results = api.patch(f"/composite/sobjects/{ENGAGEMENT}/Customer_Key__c", json={"records": rows}).json()
    assert [result["created"] for result in results] == [True] * 3
    ids = ",".join(result["id"] for result in results)
    assert [row["success"] for row in api.delete("/composite/sobjects", params={"ids": ids}).json()] == [True] * 3


def test_composite_runs_collections_as_one_call(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    before = org.allowance.used(org.clock.now())
    requests = [
        {
            "method": "PATCH",
            "url": "/services/data/v66.0/composite/sobjects",
            "referenceId": f"chunk{index}",
            "body": {"records": [{"attributes": {"type": "Lead"}, "Id": lead_ids[index], "City": f"City {index}"}]},
        }
        for index in range(5)
    ]
    answer = api.post("/composite", json={"compositeRequest": requests})
    assert answer.status_code == 200
    results = answer.json()["compositeResponse"]
    assert [item["referenceId"] for item in results] == [f"chunk{index}" for index in range(5)]
    assert all(set(item) == {"body", "httpHeaders", "httpStatusCode", "referenceId"} for item in results)
    assert [item["body"][0]["success"] for item in results] == [True] * 5
    assert org.allowance.used(org.clock.now()) == before + 1
    six = [{**requests[0], "referenceId": f"r{index}"} for index in range(6)]
    assert api.post("/composite", json={"compositeRequest": six}).status_code == 400


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"url": "/services/data/v66.0/limits"}, 200),
        ({"url": "/services/data/v66.0/query?q=SELECT Id FROM Lead"}, 200),
        ({"referenceId": "first-one"}, 400),
        ({"httpHeaders": {"Content-Type": "application/json"}}, 400),
    ],
    ids=["limits", "not encoded", "reference id", "inherited header"],
)
def test_composite_refuses_what_the_guide_excludes(api: httpx.Client, changed: dict[str, object], status: int) -> None:
    part = {"method": "GET", "url": "/services/data/v66.0/sobjects/Lead/describe", "referenceId": "first"}
    assert (
        api.post("/composite", json={"compositeRequest": [part]}).json()["compositeResponse"][0]["httpStatusCode"]
        == 200
    )
    answer = api.post("/composite", json={"compositeRequest": [part | changed]})
    assert answer.status_code == status
    refused = answer.json() if status == 400 else answer.json()["compositeResponse"][0]["body"]
    assert refused[0]["errorCode"] == "INVALID_INPUT"


def test_composite_refers_to_earlier_answers_and_rolls_back(api: httpx.Client, org: Org) -> None:
    base = "/services/data/v66.0/sobjects"
    lead = {"LastName": "Ref", "Company": "Acme"}
    requests: list[dict[str, Any]] = [
        {"method": "POST", "url": f"{base}/Lead", "referenceId": "made", "body": lead},
        {"method": "GET", "url": f"{base}/Lead/@{{made.id}}", "referenceId": "read"},
    ]
    results = api.post("/composite", json={"compositeRequest": requests}).json()["compositeResponse"]
    assert results[1]["body"]["LastName"] == "Ref"
    bad = {"method": "POST", "url": f"{base}/Lead", "referenceId": "bad", "body": {"LastName": "NoCompany"}}
    again = {"allOrNone": True, "compositeRequest": [{**requests[0], "body": {**lead, "City": "Gone"}}, bad]}
    results = api.post("/composite", json=again).json()["compositeResponse"]
    assert [item["httpStatusCode"] for item in results] == [400, 400]
    assert not org.store.records("Lead", "City = 'Gone'")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/csv"])
def test_a_body_without_a_media_type_that_is_read_is_refused(api: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    for method, path in [("PATCH", "/composite/sobjects"), ("POST", "/composite"), ("POST", "/jobs/ingest")]:
        answer = api.request(method, path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
