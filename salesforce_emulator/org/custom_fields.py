"""Custom fields that are made through the API: a column, a place in the schema, and no field-level security for anyone.

Sources: Tooling API guide and Metadata API Developer Guide, "CustomField"; the texts of refusals as recorded.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import Refusal
from salesforce_emulator.schema.field_kinds import checkbox, day, moment, number, picklist, rich_text, text, text_area
from salesforce_emulator.schema.fields import Field, PicklistValue

NAME = re.compile(r"(?P<object>\w+)\.(?P<name>[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39})__c")
Metadata = Mapping[str, Any]


def add_custom_field(org: Org, full_name: str, metadata: Metadata) -> str:
    """Make a custom field, and return its id.

    Raises:
        Refusal: the name is taken or malformed, the object is unknown, or the metadata does not fit the type.
    """
    found = NAME.fullmatch(full_name)
    if found is None:
        raise _refuse(f"Invalid fullName: {full_name}")
    sobject = org.schema.find_any(found["object"])
    if sobject is None or not sobject.writable:
        raise Refusal(400, "INVALID_FIELD", f"Entity '{found['object']}' does not exist or takes no custom fields", [])
    name = f"{found['name']}__c"
    if sobject.has(name):
        message = f"There is already a field named {found['name']} on {sobject.name}."
        raise Refusal(400, "DUPLICATE_DEVELOPER_NAME", message, ["DeveloperName"])
    if not metadata.get("label") or len(str(metadata["label"])) > 40:
        raise _refuse("Label: the label must have 1 to 40 characters")
    field = build_field(name, metadata)
    place_field(org, sobject.name, field)
    entity = org.store.value('SELECT Id FROM "EntityDefinition" WHERE QualifiedApiName = ?', (sobject.name,))
    field_id = org.new_id("00N")
    row = {
        "Id": field_id,
        "IsDeleted": 0,
        "DeveloperName": found["name"],
        "TableEnumOrId": sobject.name,
        "EntityDefinitionId": entity,
        "Metadata": json.dumps(metadata),
    }
    org.store.insert_many("CustomField", tuple(row), [tuple(row.values())])
    described = {
        "Id": org.new_id("4fe"),
        "QualifiedApiName": name,
        "Label": field.label,
        "EntityDefinitionId": entity,
        "DataType": field.type,
        "IsCalculated": 0,
    }
    org.store.insert_many("FieldDefinition", tuple(described), [tuple(described.values())])
    return field_id


def place_field(org: Org, sobject: str, field: Field) -> None:
    """Give an object a field: a required one is visible to everyone, any other one to nobody yet."""
    org.store.add_column(sobject, field)
    org.schema.add(sobject, field, hidden=field.takes_permissions)


def restore_custom_fields(org: Org) -> None:
    """Put the fields of a reused store into the schema again."""
    for row in org.store.records("CustomField"):
        metadata = json.loads(row["Metadata"])
        place_field(org, row["TableEnumOrId"], build_field(f"{row['DeveloperName']}__c", metadata))


def forget_custom_fields(org: Org) -> None:
    """Take all fields that were made through the API away."""
    rows = org.store.records("CustomField")
    with org.store.writing() as connection:
        for row in rows:
            name = f"{row['DeveloperName']}__c"
            org.schema.remove(row["TableEnumOrId"], name)
            entity = row["EntityDefinitionId"]
            connection.execute(
                'DELETE FROM "FieldDefinition" WHERE QualifiedApiName = ? AND EntityDefinitionId = ?', (name, entity)
            )
        connection.execute('DELETE FROM "CustomField"')


def build_field(name: str, metadata: Metadata) -> Field:
    """Build the field that describe shows.

    Raises:
        Refusal: the metadata does not fit the type.
    """
    kind, label = str(metadata.get("type")), str(metadata["label"])
    builders: dict[str, Callable[[], Field]] = {
        "Text": lambda: text(name, label, _within(metadata, "length", 1, 255)),
        "TextArea": lambda: text_area(name, label, 255),
        "LongTextArea": lambda: text_area(name, label, _long(metadata)),
        "Html": lambda: rich_text(name, label, _long(metadata)),
        "Number": lambda: number(name, label, *_digits(metadata)),
        "Percent": lambda: number(name, label, *_digits(metadata), "percent"),
        "Currency": lambda: number(name, label, *_digits(metadata), "currency"),
        "Date": lambda: day(name, label),
        "DateTime": lambda: moment(name, label),
        "Time": lambda: Field(name, label, "time"),
        "Email": lambda: Field(name, label, "email", length=80),
        "Phone": lambda: Field(name, label, "phone", length=40),
        "Url": lambda: Field(name, label, "url", length=255),
        "Checkbox": lambda: _build_checkbox(name, label, metadata),
        "Picklist": lambda: picklist(name, label, _list_values(metadata), restricted=_is_restricted(metadata)),
        "MultiselectPicklist": lambda: _build_multi_select(name, label, metadata),
    }
    if kind not in builders:
        raise _refuse(f"Invalid type: {kind}")
    field = builders[kind]()
    takes_ids = kind in {"Text", "Number", "Email"}
    for option in ("unique", "externalId"):
        if metadata.get(option) and not takes_ids:
            raise _refuse(f"Can not specify '{option}' for a CustomField of type {kind}")
    if metadata.get("required") and kind in {"Checkbox", "LongTextArea", "Html"}:
        raise _refuse(f"Can not specify 'required' for a CustomField of type {kind}")
    external, unique = bool(metadata.get("externalId")), bool(metadata.get("unique"))
    field = replace(field, external_id=external, unique=unique, id_lookup=external)
    return replace(field, nillable=False) if metadata.get("required") else field


def _build_checkbox(name: str, label: str, metadata: Metadata) -> Field:
    if not isinstance(metadata.get("defaultValue"), bool):
        raise _refuse("Must specify a defaultValue for a CustomField of type Checkbox")
    return checkbox(name, label)


def _within(metadata: Metadata, name: str, least: int, most: int) -> int:
    value = metadata.get(name)
    if not isinstance(value, int) or value < least:
        raise _refuse(f"Invalid {name}, minimum is: {least}")
    if value > most:
        raise _refuse(f"Invalid {name}, maximum is: {most}")
    return value


def _digits(metadata: Metadata) -> tuple[int, int]:
    precision = _within(metadata, "precision", 1, 18)
    return precision, _within(metadata, "scale", 0, min(17, precision))


def _long(metadata: Metadata) -> int:
    _require_visible_lines(metadata)
    return _within(metadata, "length", 256, 131_072)


def _build_multi_select(name: str, label: str, metadata: Metadata) -> Field:
    _require_visible_lines(metadata)
    values, restricted = _list_values(metadata), _is_restricted(metadata)
    return Field(name, label, "multipicklist", length=4099, values=values, restricted=restricted)


def _require_visible_lines(metadata: Metadata) -> None:
    if not isinstance(metadata.get("visibleLines"), int):
        raise _refuse(f"Must specify 'visibleLines' for a CustomField of type {metadata['type']}")


def _is_restricted(metadata: Metadata) -> bool:
    return bool(metadata.get("valueSet", {}).get("restricted"))


def _list_values(metadata: Metadata) -> tuple[PicklistValue, ...]:
    values = metadata.get("valueSet", {}).get("valueSetDefinition", {}).get("value", [])
    if not values:
        raise _refuse(f"Must specify a valueSet for a CustomField of type {metadata['type']}")
    return tuple(
        PicklistValue(str(each["fullName"]), default=bool(each.get("default")), label=str(each["label"]))
        for each in values
    )


def _refuse(message: str) -> Refusal:
    return Refusal(400, "FIELD_INTEGRITY_EXCEPTION", message, [])
