from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.salesforce.objects.describe import parse_describe
from integration_center_tests.salesforce.scripted import build_org, play, refuse


def build_field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": kind, "nillable": True, "updateable": True, **more}


DESCRIBE: dict[str, Any] = {
    "name": "Account",
    "label": "Account",
    "queryable": True,
    "updateable": True,
    "fields": [
        build_field("Id", "id", length=18, updateable=False, idLookup=True, filterable=True),
        build_field("AnnualRevenue", "currency", precision=18, scale=0),
        build_field("NumberOfEmployees", "int", digits=8),
        build_field(
            "Industry",
            "picklist",
            length=255,
            restrictedPicklist=True,
            picklistValues=[
                {"active": True, "label": "Banks", "value": "Banking", "validFor": None},
                {"active": False, "label": "Farms", "value": "Agriculture", "validFor": None},
            ],
        ),
        build_field("ParentId", "reference", referenceTo=["Account"], referenceTargetField=None),
    ],
}


def test_describe_becomes_a_schema() -> None:
    schema = parse_describe(DESCRIBE)
    industry, revenue, employees = (schema.get(n) for n in ("industry", "ANNUALREVENUE", "NumberOfEmployees"))
    assert industry
    assert industry.picklist == ("Banking",), "API names of active values"
    assert industry.restricted_picklist
    assert revenue
    assert (revenue.precision, revenue.scale, revenue.dtype) == (18, 0, pl.Float64())
    assert employees
    assert (employees.digits, employees.dtype) == (8, pl.Int64())
    identifier, parent = schema.get("Id"), schema.get("ParentId")
    assert identifier
    assert identifier.id_lookup
    assert not identifier.updateable
    assert parent
    assert parent.reference_to == ("Account",)


def test_a_describe_that_leaves_out_what_can_be_known_is_read() -> None:
    industry = build_field("Industry", "picklist", picklistValues=[{"value": "Banking"}])
    del industry["label"]
    schema = parse_describe({"name": "Account", "fields": [industry]})
    field = schema.get("Industry")
    assert field
    assert (schema.label, field.label, field.picklist) == ("Account", "Industry", ("Banking",))
    listed = {"sobjects": [{"name": "Account"}]}
    (summary,) = build_org(play(httpx.Response(200, json=listed))).list_objects()
    assert (summary.name, summary.label, summary.updateable) == ("Account", "Account", False)


def test_org_describes_with_one_call() -> None:
    org = build_org(play(httpx.Response(200, json=DESCRIBE)))
    assert org.describe("Account").name == "Account"
    assert org.session.usage.calls == 1


def test_a_missing_object_is_named() -> None:
    versions = httpx.Response(200, json=[{"version": "65.0"}, {"version": "66.0"}])
    org = build_org(play(refuse(404, "NOT_FOUND", "The requested resource does not exist"), versions))
    with pytest.raises(SchemaMismatch, match="no object Leed"):
        org.describe("Leed")


def test_a_name_that_is_no_api_name_is_never_sent() -> None:
    org = build_org(play())
    with pytest.raises(SchemaMismatch):
        org.describe("Lead/describe?x=")


def test_another_refusal_stays_what_it_is() -> None:
    org = build_org(play(refuse(403, "INSUFFICIENT_ACCESS")))
    with pytest.raises(OrgError) as caught:
        org.describe("Account")
    assert not isinstance(caught.value, SchemaMismatch)


def test_objects_being_retired_are_not_listed() -> None:
    row = {"name": "Lead", "label": "Lead", "queryable": True, "updateable": True, "custom": False}
    body = {"sobjects": [row, row | {"name": "Old__c", "deprecatedAndHidden": True}]}
    assert [summary.name for summary in build_org(play(httpx.Response(200, json=body))).list_objects()] == ["Lead"]


def test_limits_are_read_by_name() -> None:
    body = {"DailyApiRequests": {"Max": 15000, "Remaining": 14976, "Some App": {"Max": 0, "Remaining": 0}}}
    limits = build_org(play(httpx.Response(200, json=body))).limits()
    assert (limits["DailyApiRequests"].maximum, limits["DailyApiRequests"].remaining) == (15000, 14976)


def test_types_of_the_future_are_described_and_of_no_use() -> None:
    """Salesforce may add types and leave out attributes at any release."""
    fields = [{"name": "Aura__c", "type": "hologram"}, build_field("Shade__c", "picklist", picklistValues=[{}])]
    aura, shade = parse_describe({**DESCRIBE, "fields": fields}).fields
    assert aura.unusable
    assert "is of type hologram" in aura.unusable
    assert (aura.label, aura.updateable, shade.picklist) == ("Aura__c", False, ())
    assert shade.unusable is None
