"""Propose fields in the wizard: key fields in the order in which they usually fit, and a target for each column."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from integration_center.sync.mapping.fitness import why_not_key, why_not_key_of, why_not_target, why_not_target_of
from integration_center.sync.mapping.likeness import find_alike
from integration_center.sync.schema import ID_TYPES, SObjectField, SObjectSchema

PREFIX = "WalkMe_"
"""The prefix of custom fields made for this product. WalkMe's own guide and the admin message use such names."""
API_NAME_CHARACTERS = 40
"""The longest name of a custom field, without `__c`."""


@dataclass(frozen=True)
class Choice:
    """A field that may be chosen, or the reason why not.

    Attributes:
        reason: why the field cannot be chosen, in a few words; None when it can.
        suggested: whether the field is one of those that usually fit.
    """

    field: SObjectField
    reason: str | None = None
    suggested: bool = False


def rank_keys(schema: SObjectSchema, dtype: pl.DataType | None = None) -> list[Choice]:
    """Rank the object's fields as keys: Email, external ids, other indexed fields, then the rest, unusable ones last.

    Args:
        schema: the object.
        dtype: the dtype of the report column; None while no column is chosen.
    """
    choices = [
        Choice(
            field,
            why_not_key(field) or why_not_key_of(field, dtype),
            suggested=_key_rank(field) <= _LAST_SUGGESTED,
        )
        for field in schema.fields
    ]
    return sorted(choices, key=lambda choice: (choice.reason is not None, _key_rank(choice.field), _shown(choice)))


def rank_targets(schema: SObjectSchema, dtype: pl.DataType | None, taken: Collection[str] = ()) -> list[Choice]:
    """Rank the object's fields as targets: WalkMe fields first, then by label; fields that cannot be written last.

    Args:
        schema: the object.
        dtype: the dtype of the report column; None while no column is chosen.
        taken: fields used as keys, in lowercase; they are left out.
    """
    choices = [
        Choice(field, why_not_target(field) or why_not_target_of(field, dtype), suggested=_is_ours(field))
        for field in schema.fields
        if field.name.lower() not in taken
    ]
    return sorted(choices, key=lambda choice: (choice.reason is not None, not _is_ours(choice.field), _shown(choice)))


def suggest_key(schema: SObjectSchema, dtype: pl.DataType | None = None) -> str | None:
    """Suggest the field that most likely holds the identifier; None without an e-mail, external id or indexed field."""
    best = next(iter(rank_keys(schema, dtype)), None)
    return best.field.name if best is not None and best.reason is None and best.suggested else None


def suggest_targets(
    schema: SObjectSchema, dtypes: Mapping[str, pl.DataType], taken: Collection[str] = ()
) -> dict[str, str]:
    """Suggest a custom field for each column whose name, or its meaning, is like the field's name or label.

    The pairs that are most alike are chosen first, and a WalkMe field before another one.

    No field is suggested twice. Standard fields are never suggested: somebody else already fills them.

    Args:
        schema: the object.
        dtypes: the report's columns.
        taken: fields that are already used, in upper or lower case.

    Returns:
        The field's API name by column, in the report's order; columns without a similar field are left out.
    """
    used = {name.lower() for name in taken}
    fields = [f for f in schema.fields if f.custom and f.name.lower() not in used and not why_not_target(f)]
    places = {column: place for place, column in enumerate(dtypes)}
    pairs = [
        (-likeness - _is_ours(field), places[column], column, field.name)
        for column, field, likeness in find_alike(dtypes, fields)
        if not why_not_target_of(field, dtypes[column])
    ]
    chosen: dict[str, str] = {}
    for _, _, column, name in sorted(pairs):
        if column not in chosen and name not in chosen.values():
            chosen[column] = name
    return {column: chosen[column] for column in dtypes if column in chosen}


def suggest_api_name(column: str) -> str:
    """Suggest an API name for a new custom field: `WalkMe_Logins_Last_30_Days__c` for `# Logins Last 30 Days`."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", column) if not unicodedata.combining(char))
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "Column"
    words = words.removeprefix(PREFIX)
    return f"{PREFIX}{words}"[:API_NAME_CHARACTERS].strip("_") + "__c"


def _is_ours(field: SObjectField) -> bool:
    return "walkme_" in field.name.lower()


_LAST_SUGGESTED = 4


def _key_rank(field: SObjectField) -> int:
    if field.name == "Email":
        return 0
    if field.external_id:
        return 1
    if field.type == "email":
        return 2
    if field.id_lookup and field.type != "id":
        return 3
    if field.unique:
        return 4
    return 5 if field.type in ID_TYPES else 6


def _shown(choice: Choice) -> tuple[str, str]:
    return choice.field.label.casefold(), choice.field.name
