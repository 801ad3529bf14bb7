"""A Salesforce object and its fields, as describe reports them to the connected user."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from integration_center.errors import SchemaMismatch

TEXT_TYPES = frozenset({"string", "textarea", "email", "phone", "url", "combobox", "encryptedstring"})
PICKLIST_TYPES = frozenset({"picklist", "multipicklist"})
ID_TYPES = frozenset({"id", "reference"})
NUMBER_TYPES = frozenset({"int", "long", "double", "currency", "percent"})
MOMENT_TYPES = frozenset({"date", "datetime", "time"})
USABLE_TYPES = TEXT_TYPES | PICKLIST_TYPES | ID_TYPES | NUMBER_TYPES | MOMENT_TYPES | {"boolean"}
"""The types whose values can be read, compared and written. Any release of Salesforce may add further types."""
COMPOUND_TYPES = frozenset({"address", "location"})


@dataclass(frozen=True)
class SObjectField:
    """One field, as describe reports it.

    Attributes:
        length: the length of text, in characters; 0 when the type has no length.
        digits: the decimal digits of an `int` field.
        precision: the total digits of a number.
        scale: the decimals of a number.
        picklist: the active values (API names, never labels).
        picklist_labels: what people see in their place, in the same order; empty where it is not known.
        permissionable: whether field-level security governs the field. Other fields come with the object.
        compound: the name of the address or location that the field is a part of.
        master_detail: whether the field names the master of a master-detail relationship, which may roll values up.
    """

    name: str
    label: str
    type: str
    length: int = 0
    digits: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    updateable: bool = True
    filterable: bool = True
    aggregatable: bool = True
    case_sensitive: bool = False
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    calculated: bool = False
    auto_number: bool = False
    restricted_picklist: bool = False
    html_formatted: bool = False
    custom: bool = False
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    # Not in the representation, which fingerprints of plans are made of.
    permissionable: bool = field(default=True, repr=False)
    compound: str | None = field(default=None, repr=False)
    master_detail: bool = field(default=False, repr=False)
    picklist_labels: tuple[str, ...] = field(default=(), repr=False)

    @property
    def unusable(self) -> str | None:
        """The reason why the field can be neither key nor target, for any user; None when it can be one.

        The reason continues a sentence after the field's name: "Lead.Address is of type address, ...".
        """
        if self.type in USABLE_TYPES:
            return None
        if self.type in COMPOUND_TYPES:
            return f"is of type {self.type}, which combines other fields; map those single fields instead"
        if self.type == "base64":
            return "is of type base64, which holds a file, not a report value"
        return f"is of type {self.type}, whose values cannot be compared with those of a report"

    @property
    def dtype(self) -> pl.DataType:
        """The Polars dtype in which values of this field are compared and stored.

        Text, picklists, ids and times of day are `String`; `int` and `long` are `Int64`; other numbers are `Float64`
        (the org stores Java doubles); `date` is `Date`; `datetime` is `Datetime("ms", "UTC")`.
        """
        match self.type:
            case "int" | "long":
                return pl.Int64()
            case "double" | "currency" | "percent":
                return pl.Float64()
            case "boolean":
                return pl.Boolean()
            case "date":
                return pl.Date()
            case "datetime":
                return pl.Datetime("ms", "UTC")
            case _:
                return pl.String()


@dataclass(frozen=True)
class SObjectSchema:
    """One object, as describe reports it."""

    name: str
    label: str
    queryable: bool
    updateable: bool
    fields: tuple[SObjectField, ...]
    createable: bool = False
    deletable: bool = False

    @property
    def title(self) -> str:
        """The label for people, followed by the name in parentheses if the name differs."""
        return self.name if self.label == self.name else f"{self.label} ({self.name})"

    @cached_property
    def _by_name(self) -> Mapping[str, SObjectField]:
        return {field.name.lower(): field for field in self.fields}

    def get(self, name: str) -> SObjectField | None:
        """Return the field called `name`, ignoring case as Salesforce does; None if there is none."""
        return self._by_name.get(name.lower())

    def require(self, name: str) -> SObjectField:
        """Return the field called `name`, ignoring case.

        Raises:
            SchemaMismatch: the object has no such field, or the connected user may not see it.
        """
        field = self.get(name)
        if field is None:
            raise SchemaMismatch(
                f"{self.name}.{name} is missing, or hidden from the connected user by field-level security"
            )
        return field

    def fingerprint(self, names: tuple[str, ...]) -> str:
        """Hash the descriptions of the named fields. The hash changes when one of the descriptions changes."""
        content = [repr(self.get(name)) for name in sorted(names, key=str.lower)]
        return hashlib.sha256(json.dumps([self.name, *content]).encode()).hexdigest()
