"""Whether an integration fits the live report and the live object, before anything is read or written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from integration_center.integration import FieldMapping, IntegrationSpec
from integration_center.sync.missing_fields import MissingField, admin_message, missing_fields
from integration_center.sync.schema import COMPOUND_TYPES, NUMBER_TYPES, SObjectField, SObjectSchema
from integration_center.sync.values import can_hold, kind_of

__all__ = ["Check", "Fault", "MissingField", "admin_message", "check_fitness", "missing_fields"]

COLUMNS_PRESENT: Literal["columns_present"] = "columns_present"
SCHEMA_AS_MAPPED: Literal["schema_as_mapped"] = "schema_as_mapped"
TYPES_FIT: Literal["types_fit"] = "types_fit"
Check = Literal["columns_present", "schema_as_mapped", "types_fit"]

UNUSABLE_AS_KEY = frozenset({"boolean", "multipicklist", "textarea", "encryptedstring", "anyType"}) | COMPOUND_TYPES


@dataclass(frozen=True)
class Fault:
    """One reason why an integration cannot run.

    Attributes:
        check: the asset check it fails.
        code: short and stable.
        message: what is wrong and what to do, without values.
        column: of the report, when it is about one.
        field: of the object, when it is about one.
    """

    check: Check
    code: str
    message: str
    column: str | None = None
    field: str | None = None


def check_fitness(spec: IntegrationSpec, schema: SObjectSchema, dtypes: Mapping[str, pl.DataType]) -> list[Fault]:
    """Check an integration against the report's columns and the object's describe.

    Args:
        spec: the integration.
        schema: the object as the connected user sees it.
        dtypes: the report's columns.

    Returns:
        All faults, in order of the integration's own lines; empty when it fits.
    """
    faults = [
        Fault(COLUMNS_PRESENT, "COLUMN_MISSING", f"report {spec.report!r} has no column {column!r}", column=column)
        for column in spec.columns
        if column not in dtypes
    ]
    for allowed, code, verb in (
        (schema.queryable, "OBJECT_NOT_QUERYABLE", "read"),
        (schema.updateable, "OBJECT_NOT_UPDATEABLE", "updated"),
    ):
        if not allowed:
            faults.append(
                Fault(
                    SCHEMA_AS_MAPPED,
                    code,
                    f"object {schema.name} cannot be {verb} by the connected user through the API",
                )
            )
    for pair in spec.keys:
        faults += _check_key(schema, pair.column, pair.field, dtypes.get(pair.column))
    for mapping in spec.fields:
        faults += _check_target(schema, mapping, dtypes.get(mapping.column))
    return faults


def _check_key(schema: SObjectSchema, column: str, name: str, dtype: pl.DataType | None) -> Iterator[Fault]:
    field = schema.get(name)
    if field is None:
        yield _missing(schema, column, name)
        return
    place = f"{schema.name}.{field.name}"
    if field.type in UNUSABLE_AS_KEY:
        message = f"{place} is of type {field.type}, which cannot be a key; choose e-mail, text, a number or an id"
        yield Fault(SCHEMA_AS_MAPPED, "KEY_TYPE", message, column, field.name)
    elif not field.filterable:
        message = f"{place} cannot be searched by (it is not filterable), so it cannot be a key"
        yield Fault(SCHEMA_AS_MAPPED, "KEY_NOT_FILTERABLE", message, column, field.name)
    if dtype is not None and kind_of(dtype) in (None, "boolean"):
        message = f"column {column!r} holds {dtype} values, which cannot be a key"
        yield Fault(TYPES_FIT, "KEY_COLUMN_TYPE", message, column, field.name)


def _check_target(schema: SObjectSchema, mapping: FieldMapping, dtype: pl.DataType | None) -> Iterator[Fault]:
    field = schema.get(mapping.field)
    if field is None:
        yield _missing(schema, mapping.column, mapping.field)
        return
    if reason := _why_not_writable(field):
        message = f"{schema.name}.{field.name} {reason}"
        yield Fault(SCHEMA_AS_MAPPED, "FIELD_NOT_WRITABLE", message, mapping.column, field.name)
        return
    if dtype is None:
        return
    if not can_hold(field, dtype):
        message = (
            f"column {mapping.column!r} holds {kind_of(dtype) or dtype} values, which {schema.name}.{field.name}"
            f" ({field.type}) cannot hold"
        )
        yield Fault(TYPES_FIT, "WRONG_TYPE", message, mapping.column, field.name)
    elif mapping.factor is not None and kind_of(dtype) != "number" and field.type not in NUMBER_TYPES:
        message = f"factor of {schema.name}.{field.name}: column {mapping.column!r} holds no numbers"
        yield Fault(TYPES_FIT, "FACTOR_WITHOUT_NUMBER", message, mapping.column, field.name)


def _missing(schema: SObjectSchema, column: str, name: str) -> Fault:
    message = f"{schema.name}.{name} is missing, or hidden from the connected user by field-level security"
    return Fault(SCHEMA_AS_MAPPED, "FIELD_MISSING", message, column, name)


def _why_not_writable(field: SObjectField) -> str | None:
    if field.type in COMPOUND_TYPES:
        return f"is of type {field.type}, which is written through its parts"
    if field.calculated:
        return "is a formula or roll-up, so Salesforce computes it"
    if field.auto_number:
        return "is an auto-number, so Salesforce assigns it"
    if not field.updateable:
        return "is read-only, or the connected user has no edit access by field-level security"
    return None
