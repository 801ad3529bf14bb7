from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from integration_center.sync.mapping.fitness import check_fitness
from integration_center.sync.mapping.missing_fields import admin_message, missing_fields
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center_tests.sync.builders import LEAD, make_spec

COLUMNS: dict[str, pl.DataType] = {
    "User": pl.String(),
    "Score": pl.Float64(),
    "Count": pl.Int64(),
    "Job": pl.String(),
    "When": pl.Datetime("us", "UTC"),
    "Day": pl.Date(),
    "Yes": pl.Boolean(),
}
ODD = SObjectSchema(
    "Lead",
    "Lead",
    queryable=True,
    updateable=True,
    fields=(
        *LEAD.fields,
        SObjectField("Formula__c", "Formula", "double", calculated=True, updateable=False),
        SObjectField("Auto__c", "Auto", "string", auto_number=True, updateable=False),
        SObjectField("Locked__c", "Locked", "string", updateable=False),
        SObjectField("Address", "Address", "address", updateable=False),
        SObjectField("Long__c", "Long", "textarea", filterable=False),
        SObjectField("Opaque__c", "Opaque", "string", filterable=False),
        SObjectField("File__c", "File", "base64"),
        SObjectField("Future__c", "Future", "hologram"),
        SObjectField("Short__c", "Short", "textarea", length=255),
        SObjectField("Start__c", "Start", "time"),
    ),
)


def codes(spec: Any, schema: SObjectSchema = ODD) -> list[tuple[str, str]]:
    return [(fault.check, fault.code) for fault in check_fitness(spec, schema, COLUMNS)]


def test_a_sound_integration_has_no_fault() -> None:
    spec = make_spec(
        {
            "Score": "Score__c",
            "Count": "Logins__c",
            "Job": "Title",
            "When": "Last__c",
            "Day": "Since__c",
            "Yes": "Champion__c",
        }
    )
    assert codes(spec) == []


def test_field_names_have_no_case() -> None:
    assert codes(make_spec({"Score": "score__C"}, keys={"User": "EMAIL"})) == []


@pytest.mark.parametrize(
    ("column", "field", "check", "code", "words"),
    [
        ("Nope", "Title", "columns_present", "COLUMN_MISSING", "no column 'Nope'"),
        ("Job", "Nope__c", "schema_as_mapped", "FIELD_MISSING", "is missing, or hidden from the connected user by"),
        ("Score", "Formula__c", "schema_as_mapped", "FIELD_NOT_WRITABLE", "formula"),
        ("Job", "Auto__c", "schema_as_mapped", "FIELD_NOT_WRITABLE", "auto-number"),
        ("Job", "Locked__c", "schema_as_mapped", "FIELD_NOT_WRITABLE", "read-only"),
        ("Job", "Address", "schema_as_mapped", "FIELD_NOT_WRITABLE", "map those single fields"),
        ("Job", "File__c", "schema_as_mapped", "FIELD_NOT_WRITABLE", "a file"),
        ("Job", "Future__c", "schema_as_mapped", "FIELD_NOT_WRITABLE", "is of type hologram"),
        ("Yes", "Score__c", "types_fit", "WRONG_TYPE", "column 'Yes' holds yes or no"),
        ("When", "Logins__c", "types_fit", "WRONG_TYPE", "holds date and time"),
        ("Score", "Last__c", "types_fit", "WRONG_TYPE", "number"),
    ],
)
def test_target_faults(column: str, field: str, check: str, code: str, words: str) -> None:
    (fault,) = check_fitness(make_spec({column: field}), ODD, COLUMNS)
    assert (fault.check, fault.code, fault.column) == (check, code, column)
    assert words in fault.message


@pytest.mark.parametrize(
    ("column", "field", "code"),
    [
        ("User", "Nope__c", "FIELD_MISSING"),
        ("User", "Long__c", "KEY_NOT_FILTERABLE"),
        ("User", "Opaque__c", "KEY_NOT_FILTERABLE"),
        ("User", "Address", "KEY_TYPE"),
        ("User", "File__c", "KEY_TYPE"),
        ("User", "Future__c", "KEY_TYPE"),
        ("Yes", "Code__c", "KEY_COLUMN_TYPE"),
    ],
)
def test_key_faults(column: str, field: str, code: str) -> None:
    (fault,) = check_fitness(make_spec({"Score": "Score__c"}, keys={column: field}), ODD, COLUMNS)
    assert (fault.code, fault.field) == (code, field)


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("User", "Formula__c"),
        ("User", "Auto__c"),
        ("User", "Champion__c"),
        ("Yes", "Champion__c"),
        ("User", "Tags__c"),
        ("User", "Short__c"),
        ("User", "Start__c"),
        ("Day", "Since__c"),
    ],
)
def test_any_filterable_field_can_be_a_key(column: str, field: str) -> None:
    assert check_fitness(make_spec({"Score": "Score__c"}, keys={column: field}), ODD, COLUMNS) == []


@pytest.mark.parametrize(
    ("org_fields", "code", "words"),
    [
        (None, "FIELD_MISSING", "is missing, or hidden from the connected user by field-level security"),
        (["Email", "nope__C"], "FIELD_HIDDEN", "exists, but is hidden from the connected user"),
        (["Email"], "FIELD_MISSING", "Lead has no field of this name"),
    ],
)
def test_a_hidden_field_is_distinguished_from_a_missing_one(
    org_fields: list[str] | None, code: str, words: str
) -> None:
    for spec in (make_spec({"Job": "Nope__c"}), make_spec({"Job": "Title"}, keys={"User": "Nope__c"})):
        (fault,) = check_fitness(spec, ODD, COLUMNS, org_fields=org_fields)
        assert (fault.code, fault.field) == (code, "Nope__c")
        assert words in fault.message


def test_a_hidden_field_need_not_be_made() -> None:
    spec = make_spec({"Job": "There__c", "Score": "Gone__c"})
    text = admin_message(missing_fields(spec, LEAD, COLUMNS, {}, org_fields=["There__c"]), spec)
    created, hidden = text.split("exist, but are hidden from the connected user:")
    assert "API name: Gone__c" in created
    assert "There__c" not in created
    assert "- There__c" in hidden


@pytest.mark.parametrize("visible", [True, False])
def test_a_field_of_a_package_is_found_without_its_namespace_and_never_asked_for(visible: bool) -> None:
    """The admin is asked to show it where it is hidden, and never to create it again without the namespace."""
    schema = (
        replace(LEAD, fields=(*LEAD.fields, SObjectField("acme__Grade__c", "Grade", "double"))) if visible else LEAD
    )
    spec = make_spec({"Score": "Grade__c"})
    org_fields = ["Email", "acme__Grade__c"]
    (fault,) = check_fitness(spec, schema, COLUMNS, org_fields=org_fields)
    assert f"{schema.name}.Grade__c is missing, but {schema.name} has acme__Grade__c" in fault.message
    assert ("hidden" in fault.message) is not visible
    missing = missing_fields(spec, schema, COLUMNS, {}, org_fields=org_fields)
    assert [(field.name, field.hidden) for field in missing] == ([] if visible else [("acme__Grade__c", True)])
    assert "create" not in admin_message(missing, spec)


def test_a_missing_column_and_a_misspelt_field_name_the_nearest() -> None:
    column, field = check_fitness(make_spec({"score": "Scor__c"}), LEAD, COLUMNS, org_fields=["Email"])
    assert column.message.endswith("has no column 'score'; the nearest is 'Score'")
    assert "the nearest is Score__c; map that one if it is meant" in field.message


def test_object_faults() -> None:
    closed = replace(ODD, queryable=False, updateable=False)
    assert codes(make_spec({"Score": "Score__c"}), closed) == [
        ("schema_as_mapped", "OBJECT_NOT_QUERYABLE"),
        ("schema_as_mapped", "OBJECT_NOT_UPDATEABLE"),
    ]


def test_factor_needs_numbers() -> None:
    for column, field in (("When", "Title"), ("Yes", "Title"), ("Job", "Since__c")):
        assert codes(make_spec([{"column": column, "field": field, "factor": 2}])) == [
            ("types_fit", "FACTOR_WITHOUT_NUMBER")
        ]
    for field in ("Score__c", "Title"):  # the cells decide
        assert codes(make_spec([{"column": "Job", "field": field, "factor": 2}])) == []


def test_a_missing_column_of_an_expression_is_named_with_its_place() -> None:
    spec = make_spec([{"value": 'UPPER("Gone")', "field": "Title"}], filter='"User" <> "Lost"')
    (first, second) = check_fitness(spec, LEAD, {"User": pl.String()})
    assert "has no column 'Gone', which value of Title names at character 7;" in first.message
    assert "has no column 'Lost', which filter names at character 11;" in second.message


def test_latest_by_must_be_a_column() -> None:
    assert codes(make_spec({"Score": "Score__c"}, latest_by="Gone")) == [("columns_present", "COLUMN_MISSING")]


def test_missing_fields_suggest_a_type_for_the_column() -> None:
    names = {column: f"WalkMe_{column}__c" for column in COLUMNS if column != "User"}
    found = missing_fields(make_spec(names), LEAD, COLUMNS, {})
    assert [(field.label, field.shape) for field in found] == [
        ("Score", "Number(16, 2)"),
        ("Count", "Number(18, 0)"),
        ("Job", "Text(255)"),
        ("When", "Date/Time"),
        ("Day", "Date"),
        ("Yes", "Checkbox"),
    ]
    assert [field.name for field in found] == list(names.values())
    assert missing_fields(make_spec({"Score": "Score__c"}), LEAD, COLUMNS, {}) == []


@pytest.mark.parametrize(
    ("longest", "shape"),
    [
        (0, "Text(255)"),
        (255, "Text(255)"),
        (256, "Text Area (Long, 32768)"),
        (40_000, "Text Area (Long, 131072)"),
        (200_000, "Text Area (Long, 131072)"),
    ],
)
def test_the_longest_text_decides_the_type_of_a_missing_field(longest: int, shape: str) -> None:
    (found,) = missing_fields(make_spec({"Job": "WalkMe_Job__c"}), LEAD, COLUMNS, {"Job": longest})
    assert found.shape == shape


def test_admin_message_lists_the_fields_and_asks_for_access() -> None:
    spec = make_spec({"# Logins": "WalkMe_Logins__c", "Score": "Sccore"})
    found = missing_fields(spec, LEAD, {"# Logins": pl.Int64(), "Score": pl.Float64()}, {})
    text = admin_message(found, spec, user="sync@example.org")
    assert "- Label: # Logins, API name: WalkMe_Logins__c, type: Number(18, 0)" in text
    assert "- Sccore" in text
    assert "API name: Sccore" not in text
    assert "grant the user sync@example.org Read and Edit access" in text
    assert "Sandbox" in text
    assert admin_message([], spec) == ""


def test_several_missing_columns_are_said_once() -> None:
    spec = make_spec({"score": "Score__c", "Lost": "Title", "Job": "Grade__c"}, keys={"Gone": "Email"})
    (fault, *_) = faults = check_fitness(spec, LEAD, COLUMNS)
    assert [each.check for each in faults].count("columns_present") == 1
    assert fault.message.endswith("has no columns 'Gone', 'score' and 'Lost'; the nearest to 'score' is 'Score'")
    other = check_fitness(spec, LEAD, {"x": pl.String(), "y": pl.String()})[0]
    assert other.message.endswith("has no columns 'Gone', 'score', 'Lost' and 'Job'; there are 'x', 'y'")
