"""Build queries that find records by lists of their keys."""

from collections.abc import Sequence

from integration_center.salesforce.client.soql import (
    build_in,
    build_literal,
    build_select,
    encoded_length,
    join_conditions,
    split_literals,
)
from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, SObjectField, SObjectSchema

Key = tuple[str, Sequence[str]]

URI_BYTES = 16_384 - 512
"""The longest query inside a URL. Salesforce answers 414 above 16,384 bytes; 512 are left for the path."""


def is_indexed(field: SObjectField) -> bool:
    """Return whether a filter on the field uses an index, so that a list of keys does not scan the object."""
    return field.filterable and (field.id_lookup or field.unique or field.external_id or field.type in ID_TYPES)


def build_key_queries(
    schema: SObjectSchema, columns: Sequence[str], key: Key | None, where: str | None
) -> tuple[str, ...] | None:
    """Build one query for each part of the key's values that fits into a URL.

    Returns:
        The queries, or none when no record can hold any of the values. None when a list of keys is not possible: there
        is no key, the field has no index or an unsuitable type, a value is not ASCII (Salesforce may change the case
        of such letters in another way), or there are so many fields that few keys fit into a URL.
    """
    field = schema.get(key[0]) if key else None
    if key is None or field is None or not is_indexed(field):
        return None
    if field.type not in NUMBER_TYPES | ID_TYPES | {"string", "email", "phone", "url"}:
        return None
    values = [value.strip() for value in key[1] if value is not None]
    if not all(value.isascii() for value in values):
        return None
    same_case = field.case_sensitive or field.type in ID_TYPES
    distinct = {value if same_case else value.lower(): value for value in values if value}.values()
    literals = [literal for value in distinct if (literal := build_literal(field, value))]
    frame = build_select(columns, schema.name, join_conditions(where, build_in(field.name, [])))
    budget = URI_BYTES - encoded_length(frame)
    if budget < URI_BYTES // 4:  # so many fields that few keys fit
        return None
    return tuple(
        build_select(columns, schema.name, join_conditions(where, build_in(field.name, part)))
        for part in split_literals(literals, budget)
    )
