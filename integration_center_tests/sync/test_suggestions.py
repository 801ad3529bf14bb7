from dataclasses import replace
from difflib import SequenceMatcher

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.mapping.likeness import ALIKE, find_alike, find_meaning, plain_name
from integration_center.sync.mapping.suggestions import (
    rank_keys,
    rank_targets,
    suggest_api_name,
    suggest_key,
    suggest_targets,
)
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center_tests.sync.builders import LEAD

OURS = (
    SObjectField("WalkMe_First_Login__c", "First Login (WalkMe)", "datetime", custom=True),
    SObjectField("Last_Login__c", "Last Login", "datetime", custom=True),
    SObjectField("ns__WalkMe_Last_Login__c", "Last Login", "datetime", custom=True),
    SObjectField("WalkMe_Logins_Last_30_Days__c", "Logins", "double", precision=18, custom=True),
    SObjectField("WalkMe_Logins_Last_90_Days__c", "Logins 90", "double", precision=18, custom=True),
    SObjectField("Hidden__c", "Hidden", "string", filterable=False, custom=True),
    SObjectField("WalkMe_Score__c", "Score", "double", updateable=False, custom=True),
)
SCHEMA = replace(LEAD, fields=(*LEAD.fields, *OURS))
COLUMNS: dict[str, pl.DataType] = {
    "User ID": pl.String(),
    "First Login": pl.Datetime("us", "UTC"),
    "Last Login": pl.Datetime("us", "UTC"),
    "# Logins Last 30 Days": pl.Int64(),
    "Score": pl.Float64(),
    "Company": pl.String(),
}


def test_key_fields_are_in_the_order_in_which_they_usually_fit() -> None:
    names = [choice.field.name for choice in rank_keys(SCHEMA) if choice.reason is None]
    assert names[:4] == ["Email", "Code__c", "Number__c", "Id"]
    unusable = {choice.field.name: choice.reason for choice in rank_keys(SCHEMA) if choice.reason}
    assert unusable["Hidden__c"] == "cannot be used in a search (it is not filterable), so it cannot be a key"
    assert suggest_key(SCHEMA) == "Email"
    assert suggest_key(replace(LEAD, fields=LEAD.fields[:3])) is None


def test_targets_that_cannot_be_written_say_why() -> None:
    choices = {choice.field.name: choice for choice in rank_targets(SCHEMA, pl.Float64(), taken={"email"})}
    assert "Email" not in choices
    assert choices["Id"].reason == "is read-only, or the connected user has no edit access by field-level security"
    assert choices["Since__c"].reason == "holds date, so it cannot hold number"
    assert choices["Score__c"].reason is None
    reasons = [choice.reason for choice in rank_targets(SCHEMA, pl.Float64())]
    assert reasons == sorted(reasons, key=lambda reason: reason is not None)


def test_mappings_are_proposed_by_name_and_only_where_they_fit() -> None:
    assert suggest_targets(SCHEMA, COLUMNS) == {
        "First Login": "WalkMe_First_Login__c",
        "Last Login": "ns__WalkMe_Last_Login__c",
        "# Logins Last 30 Days": "WalkMe_Logins_Last_30_Days__c",
    }
    taken = suggest_targets(SCHEMA, COLUMNS, taken=["ns__WALKME_last_login__c"])
    assert taken["Last Login"] == "Last_Login__c"


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("# Logins Last 30 Days", "WalkMe_Logins_Last_30_Days__c"),
        ("Größe", "WalkMe_Gro_e__c"),
        ("日本", "WalkMe_Column__c"),
        ("WalkMe_Score", "WalkMe_Score__c"),
        ("x" * 80, "WalkMe_" + "x" * 33 + "__c"),
        ("a__b", "WalkMe_a_b__c"),
    ],
)
def test_names_of_fields_to_ask_for(column: str, name: str) -> None:
    assert suggest_api_name(column) == name


def test_names_are_compared_without_what_does_not_tell_them_apart() -> None:
    same = {"WalkMe_Last_Login__c", "Last Login", "last_login__c", "ns__WalkMe_Last_Login__c", "LÄST LOGIN"}
    assert {plain_name(name) for name in same} == {"lastlogin"}


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("# Logins Last 30 Days", "Number of sign-ins in the latest 30 days"),
        ("Last Login", "Most recent sign in"),
        ("Onboarding Completion Rate", "On-boarding completed (%)"),
        ("NPS Score", "Net Promoter Score"),
        ("First Login", "Date of the first login"),
        ("Answer", "Response"),
    ],
)
def test_names_of_one_meaning_are_alike(column: str, label: str) -> None:
    assert find_meaning(column) == find_meaning(label)
    dtype = COLUMNS.get(column, pl.String())
    field = SObjectField("Custom_1__c", label, "string", length=80, custom=True)
    schema = replace(SCHEMA, fields=(*LEAD.fields, field))
    assert suggest_targets(schema, {column: dtype}) == {column: "Custom_1__c"}


@pytest.mark.parametrize(
    ("column", "other"),
    [("Last Login", "First Login"), ("Logins 30 Days", "Logins 90 Days"), ("NPS Score", "Lead Score"), ("#", "№")],
)
def test_names_of_other_meanings_are_not_alike(column: str, other: str) -> None:
    field = SObjectField("Custom_1__c", other, "string", length=80, custom=True)
    assert list(find_alike([column], [field])) == []


NAMES = st.text(alphabet="abcdeLogin 3_", max_size=12)


@given(NAMES, NAMES)
def test_quick_comparisons_leave_nothing_out(column: str, label: str) -> None:
    field = SObjectField("Qqqqqqqqqqqqqqqqqqqq__c", label, "string", custom=True)
    one, other = plain_name(column), plain_name(label)
    digits = ["".join(char for char in text if char.isdigit()) for text in (one, other)]
    ratio = SequenceMatcher(a=one, b=other, autojunk=False).ratio() if one and other and digits[0] == digits[1] else 0
    found = {name: likeness for name, _, likeness in find_alike([column], [field])}
    if ratio >= ALIKE:
        assert found[column] >= ratio
    elif find_meaning(column) != find_meaning(label):
        assert found == {}


def test_an_object_without_fields_proposes_nothing() -> None:
    empty = SObjectSchema("X__c", "X", queryable=True, updateable=True, fields=())
    assert suggest_key(empty) is None
    assert suggest_targets(empty, COLUMNS) == {}
