"""Check whether an integration fits the live report and the live object, before anything is read or written."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.mapping.missing_fields import is_custom, is_hidden
from integration_center.sync.mapping.type_names import name_dtype, name_field_type
from integration_center.sync.match.keys import detect_hashed_ids
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.values.fit import can_hold, kind_of, takes_factor
from integration_center.wording.near_names import find_nearest, find_twin, say_nearest_of
from integration_center.wording.sentences import join_parts

COLUMNS_PRESENT: Literal["columns_present"] = "columns_present"
SCHEMA_AS_MAPPED: Literal["schema_as_mapped"] = "schema_as_mapped"
TYPES_FIT: Literal["types_fit"] = "types_fit"
FIELD_MISSING = "FIELD_MISSING"
FIELD_HIDDEN = "FIELD_HIDDEN"
Check = Literal["columns_present", "schema_as_mapped", "types_fit"]


@dataclass(frozen=True)
class Fault:
    """One reason why an integration cannot run.

    Attributes:
        check: the asset check that fails.
        code: short and stable.
        message: what is wrong and what to do, without values.
        column: the report column concerned, if any.
        field: the object field concerned, if any.
    """

    check: Check
    code: str
    message: str
    column: str | None = None
    field: str | None = None


def check_fitness(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    *,
    likely: Mapping[str, pl.DataType] | None = None,
    org_fields: Collection[str] | None = None,
) -> list[Fault]:
    """Check an integration against the report's columns and the object's describe.

    Args:
        spec: the integration.
        schema: the object as the connected user sees it.
        dtypes: the report's columns.
        likely: for text columns whose values all look like another dtype, that dtype by column. A column that cannot
            fit its field is then refused as a whole.
        org_fields: names of all fields that the object has, including hidden ones; None when the org does not list
            them.

    Returns:
        All faults, in the order in which the integration lists its keys and fields; empty when it fits.
    """
    faults = _find_missing_columns(spec, list(dtypes))
    for allowed, code, verb, right in (
        (schema.queryable, "OBJECT_NOT_QUERYABLE", "read", "Read"),
        (schema.updateable, "OBJECT_NOT_UPDATEABLE", "updated", "Edit"),
    ):
        if not allowed:
            faults.append(
                Fault(
                    SCHEMA_AS_MAPPED,
                    code,
                    f"object {schema.name} cannot be {verb} by the connected user through the API; the user needs the"
                    f" right {right} on {schema.name}",
                )
            )
    for pair in spec.keys:
        field = schema.get(pair.field)
        if field is None:
            faults.append(_missing(schema, pair.column, pair.field, "Read", org_fields))
        else:
            faults += _check_key(schema, pair.column, field, dtypes.get(pair.column))
    for mapping in spec.fields:
        field = schema.get(mapping.field)
        if field is None:
            faults.append(_missing(schema, mapping.source, mapping.field, "Read and Edit", org_fields))
        else:
            dtype = (likely or {}).get(mapping.source, dtypes.get(mapping.source))
            faults += _check_target(schema, mapping, field, dtype)
    return faults


def check_hashed_keys(spec: IntegrationSpec, schema: SObjectSchema, rows: pl.DataFrame) -> list[Fault]:
    """Find the key columns that hold WalkMe's hashed user ids, although their field holds e-mail addresses."""
    return [
        Fault(
            TYPES_FIT,
            "HASHED_KEYS",
            f"column {pair.column!r} holds WalkMe's hashed user ids, which match no e-mail address of"
            f" {schema.name}.{field.name}; let WalkMe report the plain user ids, or map a field that holds the hashes",
            pair.column,
            field.name,
        )
        for pair in spec.keys
        if (field := schema.get(pair.field))
        and field.type == "email"
        and pair.column in rows.columns
        and detect_hashed_ids(rows.get_column(pair.column))
    ]


def why_not_key(field: SObjectField) -> str | None:
    """Return why records cannot be matched by the field, worded to follow the field's name; None when they can."""
    if field.unusable:
        return field.unusable
    if not field.filterable:
        return "cannot be used in a search (it is not filterable), so it cannot be a key"
    return None


def why_not_target(field: SObjectField) -> str | None:
    """Return why the field cannot be written, worded to follow the field's name; None when it can."""
    if field.unusable:
        return field.unusable
    if field.calculated:
        return "is a formula or roll-up, so Salesforce computes it"
    if field.auto_number:
        return "is an auto-number, so Salesforce assigns it"
    if not field.updateable:
        return "is read-only, or the connected user has no edit access by field-level security"
    return None


def why_not_key_of(field: SObjectField, dtype: pl.DataType | None) -> str | None:
    """Return why a column of `dtype` cannot be matched with the field, to follow the field's name; None when it can."""
    kind = None if dtype is None else kind_of(dtype)
    if dtype is not None and (kind is None or (kind == "boolean" and field.type != "boolean")):
        return f"holds {name_field_type(field)}, which cannot be matched with {name_dtype(dtype)}"
    return None


def why_not_target_of(field: SObjectField, dtype: pl.DataType | None) -> str | None:
    """Return why the field cannot hold a column of `dtype`, worded to follow the field's name; None when it can."""
    if dtype is None or can_hold(field, dtype):
        return None
    return f"holds {name_field_type(field)}, so it cannot hold {name_dtype(dtype)}"


def _find_missing_columns(spec: IntegrationSpec, there: Sequence[str]) -> list[Fault]:
    """Find the columns that the report lacks: all in one fault, but for those that an expression names at a place."""
    missing = {column: _say_use(spec, column) for column in spec.columns if column not in there}
    plain = [column for column, use in missing.items() if not use]
    groups = [*([plain] if plain else []), *([column] for column, use in missing.items() if use)]
    return [
        Fault(
            COLUMNS_PRESENT,
            "COLUMN_MISSING",
            f"report {spec.report!r} has no column{'s' if len(group) > 1 else ''} {join_parts(map(repr, group))}"
            f"{missing[group[0]]}; {say_nearest_of(group, there)}",
            column=group[0] if len(group) == 1 else None,
        )
        for group in groups
    ]


def _check_key(schema: SObjectSchema, column: str, field: SObjectField, dtype: pl.DataType | None) -> Iterator[Fault]:
    place = f"{schema.name}.{field.name}"
    if reason := why_not_key(field):
        code = "KEY_TYPE" if field.unusable else "KEY_NOT_FILTERABLE"
        yield Fault(SCHEMA_AS_MAPPED, code, f"{place} {reason}", column, field.name)
        return
    if why_not_key_of(field, dtype):
        message = (
            f"column {column!r} holds {'nothing' if dtype is None else name_dtype(dtype)}, which cannot be a key of"
            f" {place} ({name_field_type(field)})"
        )
        yield Fault(TYPES_FIT, "KEY_COLUMN_TYPE", message, column, field.name)


def _check_target(
    schema: SObjectSchema, mapping: FieldMapping, field: SObjectField, dtype: pl.DataType | None
) -> Iterator[Fault]:
    if reason := why_not_target(field):
        message = f"{schema.name}.{field.name} {reason}"
        yield Fault(SCHEMA_AS_MAPPED, "FIELD_NOT_WRITABLE", message, mapping.source, field.name)
        return
    if dtype is None:
        return
    if not can_hold(field, dtype):
        message = (
            f"{_say_source(mapping)} holds {name_dtype(dtype)}, which {schema.name}.{field.name}"
            f" ({name_field_type(field)}) cannot hold"
        )
        yield Fault(TYPES_FIT, "WRONG_TYPE", message, mapping.source, field.name)
    elif mapping.factor is not None and not takes_factor(field, dtype):
        message = f"factor of {schema.name}.{field.name}: {_say_source(mapping)} holds no numbers"
        yield Fault(TYPES_FIT, "FACTOR_WITHOUT_NUMBER", message, mapping.source, field.name)


def _say_source(mapping: FieldMapping) -> str:
    return f"column {mapping.column!r}" if mapping.column is not None else f"the {mapping.source}"


def _missing(schema: SObjectSchema, column: str, name: str, access: str, org_fields: Collection[str] | None) -> Fault:
    code, place = FIELD_MISSING, f"{schema.name}.{name}"
    known = {field.name for field in schema.fields} | set(org_fields or ())
    nearest = find_nearest(name, known)
    if is_hidden(name, org_fields or ()):
        code = FIELD_HIDDEN
        message = (
            f"{place} exists, but is hidden from the connected user by field-level security; ask the Salesforce admin"
            f" to grant {access} access to it"
        )
    elif twin := find_twin(name, known):
        hidden = "" if schema.get(twin) else f", hidden from the connected user, who needs {access} access to it"
        message = f"{place} is missing, but {schema.name} has {twin}{hidden}; map that field"
    elif org_fields is None or not is_custom(name):
        # The org's list may leave out parts of standard compound fields, so it does not prove that they are missing.
        message = f"{place} is missing, or hidden from the connected user by field-level security, who needs {access}"
        message += " access to it"
        message += f"; the nearest field there is: {nearest}" if nearest else ""
    else:
        meant = f"the nearest is {nearest}; map that one if it is meant" if nearest else "check its spelling"
        message = (
            f"{place} is missing: {schema.name} has no field of this name; {meant}, or ask the Salesforce admin to"
            " create it"
        )
    return Fault(SCHEMA_AS_MAPPED, code, message, column, name)


def _say_use(spec: IntegrationSpec, column: str) -> str:
    """Say which expression uses a column, and where; empty for columns that none uses."""
    expressions = {"filter": spec.condition, **{each.source: each.expression for each in spec.fields}}
    for source, expression in expressions.items():
        for part in expression.parts if expression else ():
            if part.kind == "column" and part.text == column:
                return f", which {source} names at character {part.place}"
    return ""
