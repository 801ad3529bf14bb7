"""Each way in which two orgs can differ for an integration is one sentence, and none is said of what is alike."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.mapping.org_differences import Side, compare_orgs
from integration_center.sync.schema import SObjectField, SObjectSchema

EMAIL = SObjectField("Email", "E-mail", "email", length=80, unique=True, external_id=True)
SCORE = SObjectField("Score__c", "Score", "double", precision=10, scale=2)
STAGE = SObjectField("Stage__c", "Stage", "picklist", length=40, picklist=("New", "Won"), restricted_picklist=True)
NOTE = SObjectField("Note__c", "Note", "string", length=255)
FIELDS = (EMAIL, SCORE, STAGE, NOTE)
SPEC = IntegrationSpec.model_validate(
    {
        "name": "All",
        "environment": "sandbox",
        "report": "NPS",
        "object": "Lead",
        "keys": [{"column": "User", "field": "Email"}],
        "fields": [{"column": each.name, "field": each.name} for each in FIELDS[1:]],
    }
)


def side(place: str, *fields: SObjectField, **changes: Any) -> Side:
    schema = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=fields)
    return Side(place, replace(schema, **changes), [field.name for field in FIELDS if changes.get("listed", True)])


HERE = side("Sandbox", *FIELDS)


@pytest.mark.parametrize(
    ("changed", "blocking", "said"),
    [
        (replace(SCORE, type="string", length=20), True, "holds number in Sandbox and text"),
        (replace(SCORE, type="currency"), False, "in Sandbox and"),
        (replace(SCORE, precision=6), False, "holds 4 digits before the point in Production and 8"),
        (replace(SCORE, precision=8, scale=0), False, "Numbers are rounded"),
        (replace(SCORE, nillable=False), False, "must have a value in Production"),
        (replace(SCORE, updateable=False), True, "read-only"),
        (replace(SCORE, calculated=True), True, "formula"),
        (replace(STAGE, picklist=("New",)), False, "lacks these choices in Production: 'Won'. They are refused"),
        (replace(NOTE, length=100), False, "holds 100 characters in Production and 255 in Sandbox"),
        (replace(EMAIL, filterable=False), True, "not filterable"),
        (replace(EMAIL, unique=False), False, "unique in Sandbox and not in Production"),
        (replace(EMAIL, external_id=False), False, "external id in Sandbox and not in Production"),
        (replace(EMAIL, case_sensitive=True), False, "matters in Production"),
    ],
)
def test_each_difference_is_one_sentence(changed: SObjectField, blocking: bool, said: str) -> None:
    there = side("Production", *(changed if each.name == changed.name else each for each in FIELDS))
    (found,) = compare_orgs(SPEC, HERE, there)
    assert (found.field, found.blocking) == (changed.name, blocking), found.sentence
    assert said in found.sentence
    assert found.sentence.startswith((changed.label, "Upper"))


@pytest.mark.parametrize("gone", FIELDS)
def test_what_is_missing_stops_it_and_says_as_what_to_create_it(gone: SObjectField) -> None:
    rest = [each for each in FIELDS if each is not gone]
    there = Side("Production", SObjectSchema("Lead", "Lead", True, True, tuple(rest)), [each.name for each in rest])
    (found,) = compare_orgs(SPEC, HERE, there)
    assert found.blocking
    assert f"{gone.label} ({gone.name}) is missing in Production. Ask the Salesforce admin" in found.sentence
    hidden = replace(there, all_fields=[each.name for each in FIELDS])
    assert "hides it" in compare_orgs(SPEC, HERE, hidden)[0].sentence


def test_an_object_that_cannot_be_written_stops_it() -> None:
    found = compare_orgs(SPEC, HERE, side("Production", *FIELDS, updateable=False))
    assert [(each.blocking, "cannot be updated" in each.sentence) for each in found] == [(True, True)]


@given(st.permutations(FIELDS), st.integers(0, 3))
def test_orgs_that_are_alike_differ_in_nothing_whatever_else_they_hold(fields: list[SObjectField], more: int) -> None:
    others = [SObjectField(f"Other{number}__c", "Other", "date", nillable=False) for number in range(more)]
    assert compare_orgs(SPEC, HERE, side("Production", *fields, *others)) == []
