from typing import Any

import httpx
import pytest

from integration_center_tests.emulator.conftest import http_get
from salesforce_emulator.org.org import Org

FIELD_KEYS = [
    *("aggregatable", "aiPredictionField", "autoNumber", "byteLength", "calculated", "calculatedFormula"),
    *("cascadeDelete", "caseSensitive", "compoundFieldName", "controllerName", "createable", "custom", "defaultValue"),
    *("defaultValueFormula", "defaultedOnCreate", "dependentPicklist", "deprecatedAndHidden", "digits"),
    *("displayLocationInDecimal", "encrypted", "externalId", "extraTypeInfo", "filterable", "filteredLookupInfo"),
    *("formulaTreatNullNumberAsZero", "groupable", "highScaleNumber", "htmlFormatted", "idLookup", "inlineHelpText"),
    *("label", "length", "mask", "maskType", "name", "nameField", "namePointing", "nillable", "permissionable"),
    *("picklistValues", "polymorphicForeignKey", "precision", "queryByDistance", "referenceTargetField"),
    *("referenceTo", "relationshipName", "relationshipOrder", "restrictedDelete", "restrictedPicklist", "scale"),
    *("searchPrefilterable", "soapType", "sortable", "type", "unique", "updateable", "writeRequiresMasterRead"),
]
OBJECT_KEYS = [
    *("actionOverrides", "activateable", "associateEntityType", "associateParentEntity", "childRelationships"),
    *("compactLayoutable", "createable", "custom", "customSetting", "deepCloneable", "defaultImplementation"),
    *("deletable", "deprecatedAndHidden", "extendedBy", "extendsInterfaces", "feedEnabled", "fields", "hasSubtypes"),
    *("implementedBy", "implementsInterfaces", "isInterface", "isSubtype", "keyPrefix", "label", "labelPlural"),
    *("layoutable", "listviewable", "lookupLayoutable", "mergeable", "mruEnabled", "name", "namedLayoutInfos"),
    *("networkScopeFieldName", "queryable", "recordTypeInfos", "replicateable", "retrieveable", "searchLayoutable"),
    *("searchable", "sobjectDescribeOption", "supportedScopes", "triggerable", "undeletable", "updateable", "urls"),
]


def describe_fields(api: httpx.Client, sobject: str) -> dict[str, dict[str, Any]]:
    fields: list[dict[str, Any]] = api.get(f"/sobjects/{sobject}/describe").json()["fields"]
    return {item["name"]: item for item in fields}


@pytest.mark.parametrize("sobject", ["Lead", "Contact", "Account", "User", "WalkMe_Engagement__c"])
def test_describe_has_the_recorded_keys(api: httpx.Client, sobject: str) -> None:
    body = api.get(f"/sobjects/{sobject}/describe").json()
    assert list(body) == OBJECT_KEYS
    assert all(list(item) == FIELD_KEYS for item in body["fields"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Email", {"type": "email", "length": 80, "byteLength": 240, "idLookup": True, "filterable": True}),
        ("AnnualRevenue", {"type": "currency", "precision": 18, "scale": 0, "length": 0, "soapType": "xsd:double"}),
        ("NumberOfEmployees", {"type": "int", "digits": 8, "precision": 0}),
        ("Description", {"type": "textarea", "length": 32000, "filterable": False, "sortable": False}),
        ("Address", {"type": "address", "updateable": False, "createable": False, "queryByDistance": True}),
        ("City", {"compoundFieldName": "Address", "updateable": True}),
        ("OwnerId", {"type": "reference", "referenceTo": ["Group", "User"], "relationshipName": "Owner"}),
        ("IsConverted", {"type": "boolean", "updateable": False, "createable": True, "defaultValue": False}),
        ("WalkMe_Onboarding__c", {"type": "percent", "precision": 5, "scale": 2, "custom": True}),
        ("WalkMe_Last_Login__c", {"type": "datetime", "updateable": True, "nillable": True}),
        ("SystemModstamp", {"type": "datetime", "updateable": False, "nillable": False}),
    ],
)
def test_lead_fields_are_as_in_a_real_org(api: httpx.Client, name: str, expected: dict[str, Any]) -> None:
    assert describe_fields(api, "Lead")[name].items() >= expected.items()


def test_inactive_picklist_values_are_listed(api: httpx.Client) -> None:
    values = describe_fields(api, "Lead")["WalkMe_Top_Feature__c"]["picklistValues"]
    assert [(item["value"], item["active"]) for item in values] == [
        ("Dashboards", True), ("Exports", True), ("API", True), ("Classic Editor", False)
    ]  # fmt: skip


def test_custom_object_has_every_kind_of_field(api: httpx.Client) -> None:
    fields = describe_fields(api, "WalkMe_Engagement__c")
    assert {item["type"] for item in fields.values()} >= {
        *("id", "string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "int", "double"),
        *("currency", "percent", "boolean", "date", "datetime", "time", "reference"),
    }
    assert fields["Customer_Key__c"]["externalId"]
    assert fields["License_Code__c"]["caseSensitive"]
    assert fields["Name"]["autoNumber"]
    assert fields["Health__c"]["calculated"]
    assert not fields["Health__c"]["updateable"]


def test_hidden_field_is_nowhere(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.schema.hide("Lead", "WalkMe_NPS_Score__c")
    assert "WalkMe_NPS_Score__c" not in describe_fields(api, "Lead")
    query = api.get("/query", params={"q": "SELECT WalkMe_NPS_Score__c FROM Lead"})
    assert query.json()[0]["errorCode"] == "INVALID_FIELD"
    write = api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"WalkMe_NPS_Score__c": 1})
    assert write.json()[0]["message"] == "No such column 'WalkMe_NPS_Score__c' on sobject of type Lead"


def test_unchanged_schema_is_304_for_every_object(api: httpx.Client, org: Org) -> None:
    first = api.get("/sobjects/Lead/describe")
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    assert etag.endswith('--gzip"')
    assert api.get("/sobjects").headers["etag"] == etag
    again = api.get("/sobjects/Contact/describe", headers={"If-Modified-Since": modified})
    assert (again.status_code, again.content) == (304, b"")
    assert "sforce-limit-info" in again.headers
    assert api.get("/sobjects/Lead/describe", headers={"If-None-Match": etag}).status_code == 304
    org.clock.advance(10)
    org.schema.hide("Account", "Fax")
    assert api.get("/sobjects/Lead/describe", headers={"If-Modified-Since": modified}).status_code == 200
    assert api.get("/sobjects/Lead/describe", headers={"If-None-Match": etag}).status_code == 200


def test_unknown_object_is_404(api: httpx.Client) -> None:
    answer = api.get("/sobjects/Nothing/describe")
    assert answer.status_code == 404
    assert answer.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_global_describe_lists_the_objects(api: httpx.Client) -> None:
    body = api.get("/sobjects").json()
    assert (body["encoding"], body["maxBatchSize"]) == ("UTF-8", 200)
    assert {"Lead", "Contact", "Account", "User", "WalkMe_Engagement__c"} <= {row["name"] for row in body["sobjects"]}


def test_versions_need_no_session(org: Org) -> None:
    answer = http_get(f"{org.url}/services/data")
    rows = answer.json()
    assert rows[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"} in rows
    assert "sforce-limit-info" not in answer.headers


def test_unknown_version_is_404(api: httpx.Client, org: Org) -> None:
    assert api.get(f"{org.url}/services/data/v99.0/limits").status_code == 404
