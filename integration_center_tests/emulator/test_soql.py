from typing import Any

import httpx
import pytest

from integration_center_tests.emulator.conftest import RECORDS, Soql
from salesforce_emulator.org.org import Org
from salesforce_emulator.people import build_person


def refuse(api: httpx.Client, statement: str) -> dict[str, Any]:
    answer = api.get("/query", params={"q": statement})
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()
    assert set(error) == {"message", "errorCode"}
    return dict(error)


def test_record_has_attributes_first_and_rest_formats(soql: Soql, org: Org) -> None:
    (record,) = soql("SELECT Id, Email, CreatedDate, IsConverted, Owner.Name FROM Lead ORDER BY Id LIMIT 1")
    assert list(record) == ["attributes", "Id", "Email", "CreatedDate", "IsConverted", "Owner"]
    assert record["attributes"] == {"type": "Lead", "url": f"/services/data/v66.0/sobjects/Lead/{record['Id']}"}
    assert record["CreatedDate"].endswith(".000+0000")
    assert record["IsConverted"] is False
    assert record["Owner"]["attributes"]["type"] == "User"


def test_parent_that_is_not_there_is_null(soql: Soql) -> None:
    contacts = soql("SELECT Id, ReportsTo.Name FROM Contact LIMIT 1")
    assert contacts[0]["ReportsTo"] is None


def test_pages_follow_the_next_records_url(api: httpx.Client, soql: Soql, org: Org) -> None:
    first = api.get("/query", params={"q": "SELECT Id FROM Lead"}, headers={"Sforce-Query-Options": "batchSize=200"})
    body = first.json()
    living = org.store.count("Lead")
    assert (body["totalSize"], len(body["records"]), body["done"]) == (living, 200, False)
    assert body["nextRecordsUrl"].startswith("/services/data/v66.0/query/0r8")
    ids = {record["Id"] for record in body["records"]}
    while not body["done"]:
        body = api.get(f"{org.url}{body['nextRecordsUrl']}").json()
        ids |= {record["Id"] for record in body["records"]}
    assert len(ids) == living
    assert "nextRecordsUrl" not in body


def test_long_texts_make_pages_smaller(api: httpx.Client) -> None:
    described = {"Sforce-Query-Options": "batchSize=2000"}
    statement = "SELECT Id, Notes__c, History__c FROM WalkMe_Engagement__c"
    assert api.get("/query", params={"q": statement}, headers=described).json()["done"]
    statement = "SELECT Id, Description FROM Lead"
    body = api.get("/query", params={"q": statement}, headers={"Sforce-Query-Options": "batchSize=5"}).json()
    assert len(body["records"]) == 200


def test_old_cursors_close(api: httpx.Client, org: Org) -> None:
    small = {"Sforce-Query-Options": "batchSize=200"}
    pages = [api.get("/query", params={"q": "SELECT Id FROM Lead"}, headers=small).json() for _ in range(11)]
    gone = api.get(f"{org.url}{pages[0]['nextRecordsUrl']}")
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert api.get(f"{org.url}{pages[-1]['nextRecordsUrl']}").status_code == 200


def test_count_has_no_records(api: httpx.Client, org: Org) -> None:
    body = api.get("/query", params={"q": "SELECT COUNT() FROM Lead"}).json()
    assert body == {"totalSize": org.store.count("Lead"), "done": True, "records": []}


def test_query_all_sees_the_recycle_bin(api: httpx.Client) -> None:
    statement = {"q": "SELECT COUNT() FROM Lead WHERE IsDeleted = true"}
    assert api.get("/query", params=statement).json()["totalSize"] == 0
    assert api.get("/queryAll", params=statement).json()["totalSize"] > 0


def test_text_compares_without_case(soql: Soql) -> None:
    email = build_person(1).email
    assert len(soql(f"SELECT Id FROM Lead WHERE Email = '{email.upper()}'")) == 1
    assert len(soql(f"SELECT Id FROM Lead WHERE Email IN ('{email.upper()}', 'nobody@x.example')")) == 1


def test_letters_beyond_ascii_compare_without_case(api: httpx.Client, soql: Soql, lead_ids: list[str]) -> None:
    api.patch(f"/sobjects/Lead/{lead_ids[3]}", json={"LastName": "Ørsted-Çelik"})
    assert [item["Id"] for item in soql("SELECT Id FROM Lead WHERE LastName = 'øRSTED-çELIK'")] == [lead_ids[3]]
    assert [item["Id"] for item in soql("SELECT Id FROM Lead WHERE LastName LIKE 'ø%-Ç%'")] == [lead_ids[3]]
    assert [item["Id"] for item in soql("SELECT Id FROM Lead WHERE Name LIKE '%øRSTED-çELIK'")] == [lead_ids[3]]


def test_case_sensitive_field_minds_case(api: httpx.Client, soql: Soql) -> None:
    for code in ("AbC", "aBc"):
        assert api.post("/sobjects/WalkMe_Engagement__c", json={"License_Code__c": code}).status_code == 201
    assert len(soql("SELECT Id FROM WalkMe_Engagement__c WHERE License_Code__c = 'AbC'")) == 1


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        ("LeadSource = null", "LeadSource IS NULL"),
        ("LeadSource != 'web'", "LeadSource IS NOT 'Web'"),
        ("NOT LeadSource = 'web'", "LeadSource IS NOT 'Web'"),
        ("LeadSource NOT IN ('Web')", "LeadSource IS NOT 'Web'"),
        ("LeadSource IN ('Web', null)", "LeadSource IS NULL OR LeadSource = 'Web'"),
        ("NumberOfEmployees > 300 AND NumberOfEmployees <= 600", "NumberOfEmployees BETWEEN 301 AND 600"),
        ("(IsConverted = TRUE OR City = 'berlin') AND Company LIKE 'customer 1_'",
         "(IsConverted OR City = 'Berlin') AND Company LIKE 'Customer 1_'"),
        ("ConvertedDate = 2026-05-04", "ConvertedDate = '2026-05-04'"),
        ("CreatedDate > 2025-04-01T02:00:00+02:00", "CreatedDate > '2025-04-01T00:00:00'"),
        ("CreatedDate < LAST_N_DAYS:1", "1"),
        ("AnnualRevenue = 1e5", "AnnualRevenue = 100000"),
        ("Owner.Name = 'sam sales'", "OwnerId LIKE '%Sale___'"),
        ("Name LIKE 'MEI %'", "FirstName = 'Mei'"),
    ],
)  # fmt: skip
def test_where(soql: Soql, org: Org, condition: str, sql: str) -> None:
    found = {record["Id"] for record in soql(f"SELECT Id FROM Lead WHERE {condition}")}
    expected = {row["Id"] for row in org.store.records("Lead", f"IsDeleted = 0 AND ({sql})")}
    assert found == expected
    assert expected


def test_escapes_in_literals(api: httpx.Client, soql: Soql, lead_ids: list[str]) -> None:
    company = 'O\'Neil \\ "Sons" 100%_x'
    api.patch(f"/sobjects/Lead/{lead_ids[4]}", json={"Company": company})
    literal = 'O\\\'Neil \\\\ \\"Sons\\" 100%_x'
    assert [item["Id"] for item in soql(f"SELECT Id FROM Lead WHERE Company = '{literal}'")] == [lead_ids[4]]
    assert [item["Id"] for item in soql("SELECT Id FROM Lead WHERE Company LIKE '%100\\%\\_x'")] == [lead_ids[4]]
    assert not soql("SELECT Id FROM Lead WHERE Company LIKE '%1\\_0\\%\\_x'")


def test_id_of_either_length(soql: Soql, lead_ids: list[str]) -> None:
    assert soql(f"SELECT Id FROM Lead WHERE Id = '{lead_ids[0][:15]}'")[0]["Id"] == lead_ids[0]
    assert len(soql(f"SELECT Id FROM Lead WHERE Id IN ('{lead_ids[0]}', '{lead_ids[1][:15]}')")) == 2


def test_order_and_nulls(soql: Soql) -> None:
    last = soql("SELECT LeadSource FROM Lead ORDER BY LeadSource NULLS LAST, Id")
    assert last[0]["LeadSource"] == "Web"
    assert last[-1]["LeadSource"] is None
    assert soql("SELECT LeadSource FROM Lead ORDER BY LeadSource, Id LIMIT 1")[0]["LeadSource"] is None


def test_aggregates(soql: Soql, org: Org) -> None:
    (row,) = soql("SELECT MAX(SystemModstamp) newest, COUNT(Id) FROM Account")
    assert row["newest"] == f"{org.store.value('SELECT MAX(SystemModstamp) FROM Account')}.000+0000"
    assert row["expr1"] == org.store.count("Account")


def test_formulas_and_multipicklists(api: httpx.Client, soql: Soql) -> None:
    body = {"Adoption__c": 80, "Used_Features__c": "API;Dashboards", "Minutes__c": 90, "Sessions__c": 4}
    record_id = api.post("/sobjects/WalkMe_Engagement__c", json=body).json()["id"]
    where = "Used_Features__c INCLUDES ('Dashboards;API', 'Exports')"
    fields = "Id, Name, Health__c, Minutes_Per_Session__c, Used_Features__c"
    (found,) = soql(f"SELECT {fields} FROM WalkMe_Engagement__c WHERE {where}")
    assert found["Id"] == record_id
    assert found["Name"].startswith("ENG-0")
    assert (found["Health__c"], found["Minutes_Per_Session__c"]) == ("Healthy", 22.5)
    assert found["Used_Features__c"] == "Dashboards;API"


def test_unknown_object_shows_a_caret(api: httpx.Client) -> None:
    assert refuse(api, "select count() from XYZZY") == {
        "errorCode": "INVALID_TYPE",
        "message": "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
        "sObject type 'XYZZY' is not supported. If you are "
        "attempting to use a custom object, be sure to append the '__c' after the entity "
        "name. Please reference your WSDL or the describe call for the appropriate names.",
    }


@pytest.mark.parametrize(
    ("statement", "code", "text"),
    [
        ("SELECT Foo FROM Lead", "INVALID_FIELD", "No such column 'Foo' on entity 'Lead'"),
        ("SELECT Id FORM Lead", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: <EOF>"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY", "'OR'"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "MALFORMED_QUERY", "can not be sorted"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE Email = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE IsConverted = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Lead WHERE Id = 'xyz'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: xyz"),
        ("SELECT Nobody.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Nobody'"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT Id FROM Lead GROUP BY Id", "MALFORMED_QUERY", "'GROUP'"),
        ("SELECT Id, Email, id FROM Lead", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Owner.Name, owner.name FROM Lead", "INVALID_FIELD", "duplicate field selected: Owner.Name"),
        ("SELECT COUNT(Id) FROM Lead LIMIT 1", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT COUNT() FROM Lead ORDER BY Id", "MALFORMED_QUERY", "'ORDER'"),
        ("SELECT COUNT(IsConverted) FROM Lead", "MALFORMED_QUERY", "does not support aggregate operator COUNT"),
        ("SELECT MIN(Description) FROM Lead", "MALFORMED_QUERY", "does not support aggregate operator MIN"),
        ("SELECT SUM(City) FROM Lead", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT Id FROM Lead WHERE OwnerId > '005000000000001'", "INVALID_QUERY_FILTER_OPERATOR", "reference"),
        (f"SELECT Id FROM Lead WHERE Email = '{'x' * 4001}'", "MALFORMED_QUERY", "4000"),
        ("SELECT Id FROM Lead WHERE Email = 'x", "MALFORMED_QUERY", "string literals"),
    ],
)
def test_refusals(api: httpx.Client, statement: str, code: str, text: str) -> None:
    error = refuse(api, statement)
    assert error["errorCode"] == code
    assert text in error["message"]


def test_null_is_no_in_a_checkbox(api: httpx.Client) -> None:
    """Source: SOQL and SOSL Reference, "Use null in WHERE"."""

    def count(condition: str) -> int:
        found = api.get("/query", params={"q": f"SELECT COUNT() FROM Lead WHERE IsConverted {condition}"}).json()
        return int(found["totalSize"])

    assert 0 < count("= null") == count("= false")
    assert 0 < count("!= null") == count("= true")


def test_pages_by_id_come_to_every_record(api: httpx.Client) -> None:
    """Source: Bulk API guide, "PK Chunking": the org itself splits queries by `Id >= …`."""
    asked = "SELECT Id FROM Lead WHERE Id > '{}' ORDER BY Id LIMIT 7"
    found: list[str] = []
    while page := api.get("/query", params={"q": asked.format(found[-1] if found else "00Q000000000000")}).json()[
        "records"
    ]:
        found += [record["Id"] for record in page]
    everything = api.get("/query", params={"q": "SELECT Id FROM Lead"}).json()["records"]
    assert found == sorted(record["Id"] for record in everything)


def test_too_long_addresses_have_their_own_statuses(api: httpx.Client) -> None:
    long = "SELECT Id FROM Lead WHERE Email IN ('" + "x" * 16_400 + "')"
    assert api.get("/query", params={"q": long}).status_code == 414
    assert api.get("/limits", headers={"X-Padding": "x" * 16_400}).status_code == 431


def test_statement_of_more_than_100000_characters(api: httpx.Client) -> None:
    emails = ", ".join(f"'someone{number}@long.example'" for number in range(4_000))
    body = {"operation": "query", "query": f"SELECT Id FROM Lead WHERE Email IN ({emails})"}
    answer = api.post("/jobs/query", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "MALFORMED_QUERY")


def test_organization_and_permissions_are_one_row_each(soql: Soql, org: Org) -> None:
    (row,) = soql("SELECT Id, Name, OrganizationType, IsSandbox, InstanceName FROM Organization")
    assert (row["Id"], row["IsSandbox"]) == (org.profile.org_id, True)
    fields = "PermissionsModifyAllData, PermissionsApiEnabled, PermissionsModifyMetadata"
    (row,) = soql(f"SELECT {fields} FROM UserPermissionAccess LIMIT 1")
    assert row["PermissionsModifyAllData"] is True
    org.set_permission("PermissionsModifyAllData", False)
    assert soql(f"SELECT {fields} FROM UserPermissionAccess")[0]["PermissionsModifyAllData"] is False
    org.pose_as(is_sandbox=False, organization_type="Developer Edition")
    (row,) = soql("SELECT OrganizationType, IsSandbox FROM Organization")
    assert (row["OrganizationType"], row["IsSandbox"]) == ("Developer Edition", False)


def test_the_seed_is_as_large_as_asked(org: Org) -> None:
    assert RECORDS * 0.98 < org.store.count("Lead", "1") <= RECORDS
