"""Builders of the usual kinds of fields."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from salesforce_emulator.schema.fields import Field, PicklistValue


def choices(*values: str, default: str | None = None, inactive: Sequence[str] = ()) -> tuple[PicklistValue, ...]:
    """Return picklist values, the inactive ones last."""
    active = tuple(PicklistValue(value, default=value == default) for value in values)
    return active + tuple(PicklistValue(value, active=False) for value in inactive)


def text(name: str, label: str, length: int, *, required: bool = False, compound: str | None = None) -> Field:
    """Return a text field."""
    return Field(name, label, "string", length=length, nillable=not required, compound=compound)


def text_area(name: str, label: str, length: int, *, compound: str | None = None) -> Field:
    """Return a text area; a long one when `length` says so."""
    return Field(name, label, "textarea", length=length, compound=compound, extra="plaintextarea")


def rich_text(name: str, label: str, length: int) -> Field:
    """Return a rich text area, whose HTML the org rewrites when it is saved."""
    return Field(name, label, "textarea", length=length, extra="richtextarea", html=True, aggregatable=False)


def picklist(
    name: str, label: str, values: tuple[PicklistValue, ...], *, length: int = 255, restricted: bool = False
) -> Field:
    """Return a picklist."""
    return Field(name, label, "picklist", length=length, values=values, restricted=restricted)


def number(
    name: str, label: str, precision: int, scale: int, kind: Literal["double", "currency", "percent"] = "double"
) -> Field:
    """Return a number with `precision` digits, `scale` of them after the point."""
    return Field(name, label, kind, precision=precision, scale=scale)


def integer(name: str, label: str, digits: int) -> Field:
    """Return a whole number."""
    return Field(name, label, "int", digits=digits)


def checkbox(name: str, label: str) -> Field:
    """Return a checkbox, which is never null."""
    return Field(name, label, "boolean", nillable=False, defaulted=True, permissionable=name.endswith("__c"))


def day(name: str, label: str) -> Field:
    """Return a date."""
    return Field(name, label, "date")


def moment(name: str, label: str) -> Field:
    """Return a datetime."""
    return Field(name, label, "datetime")


def reference(name: str, label: str, to: tuple[str, ...], relationship: str) -> Field:
    """Return a lookup to another object."""
    return Field(name, label, "reference", length=18, reference_to=to, relationship=relationship)


def read_only(field: Field) -> Field:
    """Return the field as one that only the org writes."""
    return replace(field, createable=False, updateable=False, permissionable=False)


def address(prefix: str, label: str, name: str) -> tuple[Field, ...]:
    """Return the parts of an address and the compound field that shows them together."""

    def part(suffix: str, title: str, length: int) -> Field:
        return text(f"{prefix}{suffix}", f"{label}{title}", length, compound=name)

    accuracy = choices(
        *("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "County"),
        *("State", "Unknown"),
    )
    parts = (
        text_area(f"{prefix}Street", f"{label}Street", 255, compound=name),
        part("City", "City", 40),
        part("State", "State/Province", 80),
        part("PostalCode", "Zip/Postal Code", 20),
        part("Country", "Country", 80),
        replace(number(f"{prefix}Latitude", f"{label}Latitude", 18, 15), compound=name),
        replace(number(f"{prefix}Longitude", f"{label}Longitude", 18, 15), compound=name),
        replace(
            picklist(f"{prefix}GeocodeAccuracy", f"{label}Geocode Accuracy", accuracy, length=40, restricted=True),
            compound=name,
        ),
    )
    whole = Field(
        name,
        f"{label}Address",
        "address",
        createable=False,
        updateable=False,
        permissionable=True,
        components=tuple(component.name for component in parts),
    )
    return (*parts, whole)


def geolocation(name: str, label: str, scale: int) -> tuple[Field, ...]:
    """Return the parts of a geolocation (of custom name `name`, without suffix) and the field that shows both."""
    whole = f"{name}__c"
    parts = (
        replace(number(f"{name}__Latitude__s", f"{label} (Latitude)", 3 + scale, scale), compound=whole),
        replace(number(f"{name}__Longitude__s", f"{label} (Longitude)", 3 + scale, scale), compound=whole),
    )
    shown = Field(
        whole,
        label,
        "location",
        createable=False,
        updateable=False,
        permissionable=True,
        components=tuple(part.name for part in parts),
    )
    return (*parts, shown)


def identity(label: str) -> tuple[Field, ...]:
    """Return the fields every record begins with."""
    return (
        Field(
            "Id", f"{label} ID", "id", length=18, createable=False, updateable=False, nillable=False,
            defaulted=True, id_lookup=True, permissionable=False,
        ),
        Field(
            "IsDeleted", "Deleted", "boolean", createable=False, updateable=False, nillable=False, defaulted=True,
            permissionable=False,
        ),
    )  # fmt: skip


def system_fields() -> tuple[Field, ...]:
    """Return the audit fields, which only the org writes."""

    def audit(field: Field) -> Field:
        return replace(read_only(field), nillable=False, defaulted=True)

    return (
        audit(moment("CreatedDate", "Created Date")),
        audit(reference("CreatedById", "Created By ID", ("User",), "CreatedBy")),
        audit(moment("LastModifiedDate", "Last Modified Date")),
        audit(reference("LastModifiedById", "Last Modified By ID", ("User",), "LastModifiedBy")),
        audit(moment("SystemModstamp", "System Modstamp")),
    )
