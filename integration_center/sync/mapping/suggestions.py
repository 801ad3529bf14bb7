"""What the wizard proposes: key fields in the order in which they usually fit, and a field for each column."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

import polars as pl

from integration_center.sync.mapping.fitness import why_not_key, why_not_key_of, why_not_target, why_not_target_of
from integration_center.sync.schema import ID_TYPES, SObjectField, SObjectSchema

PREFIX = "WalkMe_"
"""Custom fields made for this product begin so (WalkMe's own guide; the admin message asks for such names)."""
API_NAME_CHARACTERS = 40
"""The longest name of a custom field, without `__c`."""
ALIKE = 0.82
"""How alike two names must be to be proposed; `Last Login` and `Last Login Date` are, `First Login` is not."""


@dataclass(frozen=True)
class Choice:
    """A field that may be chosen, or the reason why not.

    Attributes:
        reason: why it cannot be chosen, in a few words; None when it can.
        suggested: whether it is one of those that usually fit.
    """

    field: SObjectField
    reason: str | None = None
    suggested: bool = False


def rank_keys(schema: SObjectSchema, dtype: pl.DataType | None = None) -> list[Choice]:
    """The object's fields as keys: Email, external ids, other fields with an index, then the rest, unusable ones last.

    Args:
        schema: the object.
        dtype: of the report column; None while it is not chosen.
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
    """The object's fields as targets: WalkMe's own first, then by label; those that cannot be written last.

    Args:
        schema: the object.
        dtype: of the report column; None while it is not chosen.
        taken: fields used as keys, in small letters; they are left out.
    """
    choices = [
        Choice(field, why_not_target(field) or why_not_target_of(field, dtype), suggested=_is_ours(field))
        for field in schema.fields
        if field.name.lower() not in taken
    ]
    return sorted(choices, key=lambda choice: (choice.reason is not None, not _is_ours(choice.field), _shown(choice)))


def suggest_key(schema: SObjectSchema, dtype: pl.DataType | None = None) -> str | None:
    """The field that most likely holds the identifier; None when the object has no e-mail, external id or index."""
    best = next(iter(rank_keys(schema, dtype)), None)
    return best.field.name if best is not None and best.reason is None and best.suggested else None


def suggest_targets(
    schema: SObjectSchema, dtypes: Mapping[str, pl.DataType], taken: Collection[str] = ()
) -> dict[str, str]:
    """A custom field for each column whose name fits one, each field once; the surest pairs are settled first.

    Standard fields are never proposed: somebody else fills them already.

    Args:
        schema: the object.
        dtypes: the report's columns.
        taken: fields that are used already, in any case.

    Returns:
        The field's API name by column, in the report's order; columns without a fit are left out.
    """
    used = {name.lower() for name in taken}
    pairs = [
        (-score, place, column, field.name)
        for place, (column, dtype) in enumerate(dtypes.items())
        for field in schema.fields
        if field.custom and field.name.lower() not in used
        if (score := _likeness(column, field)) >= ALIKE
        and not (why_not_target(field) or why_not_target_of(field, dtype))
    ]
    chosen: dict[str, str] = {}
    for _, _, column, name in sorted(pairs):
        if column not in chosen and name not in chosen.values():
            chosen[column] = name
    return {column: chosen[column] for column in dtypes if column in chosen}


def suggest_api_name(column: str) -> str:
    """The API name of a custom field to ask for: `WalkMe_Logins_Last_30_Days__c` for `# Logins Last 30 Days`."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", column) if not unicodedata.combining(char))
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "Column"
    words = words.removeprefix(PREFIX)
    return f"{PREFIX}{words}"[:API_NAME_CHARACTERS].strip("_") + "__c"


def plain_name(name: str) -> str:
    """A name without what does not tell it from others: case, accents, blanks, `WalkMe_`, a namespace, `__c`."""
    text = re.sub(r"^(?:[A-Za-z]\w*?__)?(\w+)__c$", r"\1", name)
    text = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())
    return text.removeprefix("walkme") or text


def _likeness(column: str, field: SObjectField) -> float:
    """Between 0 and 2: alike by name or label; a WalkMe field goes before another that is just as much alike."""
    wanted = plain_name(column)
    best = max(_ratio(wanted, plain_name(name)) for name in (field.name, field.label))
    return best + _is_ours(field) if best >= ALIKE else best


def _ratio(one: str, other: str) -> float:
    if not one or not other:
        return 0.0
    if one == other:
        return 1.0
    if re.sub(r"\D", "", one) != re.sub(r"\D", "", other):  # `last 30 days` is not `last 90 days`
        return 0.0
    matcher = SequenceMatcher(a=one, b=other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= ALIKE else 0.0


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
