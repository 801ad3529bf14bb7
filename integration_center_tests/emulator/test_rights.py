"""Rights on objects and fields: what a user without them sees, and what Salesforce answers to writes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integration_center_tests.emulator.bulk_client import ingest, read_results
from salesforce_emulator.org import automation
from salesforce_emulator.org.custom_fields import forget_custom_fields
from salesforce_emulator.org.org import Org

FIELD = "WalkMe_NPS_Score__c"


@pytest.fixture
def granted(api: httpx.Client, org: Org) -> Iterator[str]:
    """The id of a permission set that reads and edits Leads, and reads one field of them."""
    made = api.post("/sobjects/PermissionSet", json={"Name": "Narrow", "Label": "N", "PermissionsApiEnabled": True})
    parent = str(made.json()["id"])
    lead = {"ParentId": parent, "SobjectType": "Lead", "PermissionsRead": True}
    assert api.post("/sobjects/ObjectPermissions", json={**lead, "PermissionsEdit": True}).status_code == 201
    assert api.post("/sobjects/FieldPermissions", json={**lead, "Field": f"Lead.{FIELD}"}).status_code == 201
    assignment = {"AssigneeId": org.profile.user_id, "PermissionSetId": parent}
    assert api.post("/sobjects/PermissionSetAssignment", json=assignment).status_code == 201
    again = api.post("/sobjects/PermissionSetAssignment", json=assignment)
    assert again.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    org.become_integration_user()
    org.rights.sharing = "ReadWrite"
    yield parent
    org.become_administrator()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def query(api: httpx.Client, soql: str) -> httpx.Response:
    return api.get("/query", params={"q": soql})


@pytest.mark.usefixtures("granted")
def test_only_granted_objects_and_fields_are_there(api: httpx.Client) -> None:
    names = {row["name"] for row in api.get("/sobjects").json()["sobjects"]}
    assert "Lead" in names
    assert not names & {"Account", "Contact", "PermissionSet"}
    described = api.get("/sobjects/Lead/describe").json()
    assert (described["updateable"], described["createable"], described["deletable"]) == (True, False, False)
    fields: dict[str, Any] = {field["name"]: field for field in described["fields"]}
    assert "Email" not in fields
    assert fields["LastName"]["updateable"]
    assert not fields[FIELD]["updateable"]
    assert code_of(api.get("/sobjects/Account/describe")) == (404, "NOT_FOUND")
    assert code_of(query(api, "SELECT Id FROM Account")) == (400, "INVALID_TYPE")
    assert code_of(query(api, "SELECT Email FROM Lead")) == (400, "INVALID_FIELD")
    assert code_of(query(api, "SELECT Id FROM Lead WHERE Owner.Name = 'x' AND Email = 'x'")) == (400, "INVALID_FIELD")
    assert code_of(query(api, "SELECT Id FROM PermissionSet")) == (400, "INVALID_TYPE")


def test_writes_to_what_is_not_granted_are_refused(
    api: httpx.Client, org: Org, granted: str, lead_ids: list[str]
) -> None:
    lead = {"attributes": {"type": "Lead"}, "Id": lead_ids[0]}
    rows = api.patch(
        "/composite/sobjects",
        json={"records": [{**lead, FIELD: 3}, {**lead, "Id": lead_ids[1], "Email": "a@b.example"}]},
    )
    assert [row["errors"][0]["statusCode"] for row in rows.json()] == [
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_FIELD",
    ]
    assert code_of(api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={FIELD: 3})) == (
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
    )
    job = ingest(api, org, f"Id,{FIELD}\n{lead_ids[0]},3\n")
    assert read_results(api, job, "failedResults")[0]["sf__Error"].startswith("INVALID_FIELD_FOR_INSERT_UPDATE")
    job = ingest(api, org, f"Id,Email\n{lead_ids[0]},a@b.example\n")
    assert (job["state"], job["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Email")
    assert api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Company": "A"}).status_code == 204
    assert code_of(api.post("/sobjects/Lead", json={"LastName": "A", "Company": "B"}))[1] == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    with org.store.writing() as connection:
        connection.execute("UPDATE ObjectPermissions SET PermissionsEdit = 0 WHERE ParentId = ?", (granted,))
    org.refresh_rights()
    assert code_of(api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Company": "C"})) == (
        403,
        "INSUFFICIENT_ACCESS_OR_READONLY",
    )


@pytest.mark.parametrize(("sobject", "permission"), [("Task", "EditTask"), ("Event", "EditEvent")])
def test_activities_take_a_user_permission(
    api: httpx.Client, org: Org, granted: str, sobject: str, permission: str
) -> None:
    row = {"ParentId": granted, "SobjectType": sobject, "PermissionsRead": True}
    org.become_administrator()
    parent = api.post(
        "/sobjects/PermissionSet", json={"Name": "Activities", "Label": "A", "PermissionsApiEnabled": True}
    ).json()["id"]
    refused = api.post("/sobjects/ObjectPermissions", json={**row, "ParentId": parent})
    assert code_of(refused) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assignment = {"AssigneeId": org.profile.user_id, "PermissionSetId": parent}
    api.post("/sobjects/PermissionSetAssignment", json=assignment)
    org.become_integration_user()
    described = api.get(f"/sobjects/{sobject}/describe").json()
    assert (described["queryable"], described["updateable"], described["createable"]) == (True, False, False)
    with org.store.writing() as connection:
        connection.execute(f"UPDATE PermissionSet SET Permissions{permission} = 1")
    org.refresh_rights()
    described = api.get(f"/sobjects/{sobject}/describe").json()
    assert (described["updateable"], described["createable"]) == (True, True)


def test_rules_for_rows_of_permission_sets(api: httpx.Client) -> None:
    parent = api.post("/sobjects/PermissionSet", json={"Name": "Rules", "Label": "R"}).json()["id"]
    objects = {"ParentId": parent, "SobjectType": "Lead"}
    assert code_of(api.post("/sobjects/ObjectPermissions", json={**objects, "PermissionsEdit": True})) == (
        400,
        "FIELD_INTEGRITY_EXCEPTION",
    )
    field = {**objects, "Field": "Lead.Email", "PermissionsRead": True}
    made = api.post("/sobjects/FieldPermissions", json=field)
    assert code_of(api.post("/sobjects/FieldPermissions", json=field)) == (400, "DUPLICATE_VALUE")
    assert api.post("/sobjects/FieldPermissions", json={**field, "Field": "Lead.LastName"}).status_code == 400
    row = f"/sobjects/FieldPermissions/{made.json()['id']}"
    assert api.patch(row, json={"PermissionsRead": False}).status_code == 204
    assert query(api, f"SELECT Id FROM FieldPermissions WHERE ParentId = '{parent}'").json()["totalSize"] == 0
    api.delete(f"/sobjects/PermissionSet/{parent}")


@pytest.fixture
def new_fields(org: Org) -> Iterator[None]:
    """Takes away what a test makes."""
    yield
    forget_custom_fields(org)
    org.become_administrator()


def create_field(api: httpx.Client, name: str, **metadata: Any) -> httpx.Response:
    return api.post("/tooling/sobjects/CustomField", json={"FullName": name, "Metadata": {"label": "New", **metadata}})


@pytest.mark.usefixtures("new_fields")
def test_a_new_field_is_visible_to_nobody_until_it_is_granted(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    made = create_field(api, "Lead.Fit__c", type="Number", precision=5, scale=2)
    assert (made.status_code, made.json()["success"]) == (201, True)
    assert code_of(create_field(api, "Lead.Fit__c", type="Text", length=9)) == (400, "DUPLICATE_DEVELOPER_NAME")
    assert "Fit__c" not in {field["name"] for field in api.get("/sobjects/Lead/describe").json()["fields"]}
    assert code_of(query(api, "SELECT Fit__c FROM Lead")) == (400, "INVALID_FIELD")
    where = "EntityDefinition.QualifiedApiName = 'Lead' AND DeveloperName = 'Fit'"
    soql = f"SELECT Id, Metadata FROM CustomField WHERE {where}"
    (row,) = api.get("/tooling/query", params={"q": soql}).json()["records"]
    assert row["Metadata"]["precision"] == 5
    assert code_of(query(api, soql)) == (400, "INVALID_TYPE")
    parent = api.post("/sobjects/PermissionSet", json={"Name": "Fits", "Label": "F"}).json()["id"]
    grant = {"ParentId": parent, "SobjectType": "Lead", "Field": "Lead.Fit__c", "PermissionsRead": True}
    assert api.post("/sobjects/FieldPermissions", json={**grant, "PermissionsEdit": True}).status_code == 201
    api.post("/sobjects/PermissionSetAssignment", json={"AssigneeId": org.profile.user_id, "PermissionSetId": parent})
    assert api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Fit__c": 1.25}).status_code == 204
    found = query(api, f"SELECT Fit__c FROM Lead WHERE Id = '{lead_ids[0]}'").json()["records"]
    assert found[0]["Fit__c"] == 1.25


@pytest.mark.usefixtures("new_fields")
@pytest.mark.parametrize(
    ("name", "metadata", "code"),
    [
        ("Lead.A__c", {"type": "LongTextArea", "length": 255}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "LongTextArea", "length": 256}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "Picklist"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "Text", "length": 256}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "Checkbox", "defaultValue": False, "required": True}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "Date", "unique": True}, "FIELD_INTEGRITY_EXCEPTION"),
        (f"Lead.{'A' * 41}__c", {"type": "Date"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.A__c", {"type": "Date", "label": "L" * 41}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Nothing__c.A__c", {"type": "Date"}, "INVALID_FIELD"),
    ],
)
def test_fields_that_do_not_fit_are_refused(api: httpx.Client, name: str, metadata: dict[str, Any], code: str) -> None:
    assert code_of(create_field(api, name, **metadata)) == (400, code)


def test_fields_take_a_permission(api: httpx.Client, org: Org) -> None:
    org.set_permission("PermissionsCustomizeApplication", False)
    assert code_of(create_field(api, "Lead.A__c", type="Date")) == (404, "NOT_FOUND")
    answer = api.get("/tooling/query", params={"q": "SELECT Id FROM CustomField"})
    assert code_of(answer) == (400, "INVALID_TYPE")


def test_metadata_comes_one_row_at_a_time(api: httpx.Client, org: Org) -> None:
    automation.add_validation_rule(org, "Lead", "One", "ISBLANK(City)")
    automation.add_validation_rule(org, "Lead", "Two", "ISBLANK(City)")
    soql = "SELECT Metadata FROM ValidationRule"
    assert code_of(api.get("/tooling/query", params={"q": soql})) == (400, "MALFORMED_QUERY")
    one = api.get("/tooling/query", params={"q": f"{soql} WHERE ValidationName = 'One'"}).json()["records"][0]
    assert one["Metadata"]["errorConditionFormula"] == "ISBLANK(City)"
    either = "SELECT Id FROM FlowDefinitionView WHERE IsActive = true OR ApiName = 'x'"
    assert code_of(query(api, either)) == (400, "MALFORMED_QUERY")
    automation.clear_automation(org)
