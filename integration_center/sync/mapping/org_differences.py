"""How an object differs between two orgs, as far as an integration uses it, each difference in a sentence."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.mapping.fitness import why_not_key, why_not_target
from integration_center.sync.mapping.missing_fields import MissingField, copy_field, find_existing, is_hidden
from integration_center.sync.mapping.type_names import name_field_type
from integration_center.sync.schema import (
    ID_TYPES,
    MOMENT_TYPES,
    NUMBER_TYPES,
    PICKLIST_TYPES,
    TEXT_TYPES,
    SObjectField,
    SObjectSchema,
)

NAMED = 5
FAMILIES = (TEXT_TYPES | PICKLIST_TYPES, NUMBER_TYPES, ID_TYPES, *({kind} for kind in MOMENT_TYPES), {"boolean"})
"""Types whose values are written alike. A picklist takes text."""


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        field: the field concerned; None of the object itself.
        blocking: whether the integration cannot run in the other org.
        sentence: what differs, and what that means.
    """

    field: str | None
    blocking: bool
    sentence: str


@dataclass(frozen=True)
class Side:
    """An object in one org.

    Attributes:
        place: what the org is called, such as `Production`.
        schema: as the connected user sees it.
        all_fields: the names of all its fields, also hidden ones; None when the org does not list them.
    """

    place: str
    schema: SObjectSchema
    all_fields: Collection[str] | None = None


def compare_orgs(spec: IntegrationSpec, here: Side, there: Side) -> Sequence[Difference]:
    """Compare what an integration uses: those that stop it there first, then in the order of its keys and fields."""
    keys = {pair.field.lower() for pair in spec.keys}
    names = dict.fromkeys(spec.named_fields)
    found = [*_compare_objects(here, there)]
    for name in names:
        found += _compare_fields(name, here, there, is_key=name.lower() in keys)
    return sorted(found, key=lambda each: not each.blocking)


def list_missing(spec: IntegrationSpec, here: Side, there: Side) -> list[MissingField]:
    """List the mapped fields that the other org lacks or hides, as they are here, as far as we could create them."""
    there_all = there.all_fields or ()
    lacking = (mapping.field for mapping in spec.fields if there.schema.get(mapping.field) is None)
    copies = (copy_field(field) for name in lacking if (field := here.schema.get(name)))
    return [missing for copy in copies if copy and (missing := find_existing(copy, there.schema, there_all))]


def _compare_objects(here: Side, there: Side) -> Iterator[Difference]:
    for allowed, verb in ((there.schema.queryable, "read"), (there.schema.updateable, "updated")):
        if not allowed:
            said = f"{there.schema.title} cannot be {verb} by the connected user in {there.place}."
            yield Difference(None, True, said)


def _compare_fields(name: str, here: Side, there: Side, *, is_key: bool) -> Iterator[Difference]:
    old, new = here.schema.get(name), there.schema.get(name)
    if new is None:
        yield Difference(name, True, _say_missing(name, old, there))
        return
    title = new.name if new.label == new.name else f"{new.label} ({new.name})"
    reason = why_not_key(new) if is_key else why_not_target(new)
    if reason:
        yield Difference(new.name, True, f"{title} {reason}, in {there.place}.")
        return
    if old is None:
        return
    yield from _compare_types(title, old, new, here, there)
    yield from _compare_room(title, old, new, here, there)
    yield from _compare_picklists(title, old, new, there)
    if is_key:
        yield from _compare_keys(title, old, new, here, there)
    elif old.nillable and not new.nillable:
        said = f"{title} must have a value in {there.place}: empty values are refused there."
        yield Difference(new.name, False, said)


def _say_missing(name: str, old: SObjectField | None, there: Side) -> str:
    title = name if old is None or old.label == old.name else f"{old.label} ({old.name})"
    if is_hidden(name, there.all_fields or ()):
        return f"{title} exists in {there.place}, but field-level security hides it from the connected user."
    kind = "" if old is None else f" as {name_field_type(old)}"
    maybe = "" if there.all_fields is not None else ", or hidden from the connected user"
    return f"{title} is missing in {there.place}{maybe}. Ask the Salesforce admin to create it there{kind}."


def _compare_types(title: str, old: SObjectField, new: SObjectField, here: Side, there: Side) -> Iterator[Difference]:
    if old.type == new.type:
        return
    alike = any(old.type in family and new.type in family for family in FAMILIES)
    said = f"{title} holds {name_field_type(old)} in {here.place} and {name_field_type(new)} in {there.place}."
    yield Difference(new.name, not alike, said)


def _compare_room(title: str, old: SObjectField, new: SObjectField, here: Side, there: Side) -> Iterator[Difference]:
    if old.length and new.length and new.length < old.length:
        said = (
            f"{title} holds {new.length:,} characters in {there.place} and {old.length:,} in {here.place}: longer"
            " values are refused, unless the field has truncate."
        )
        yield Difference(new.name, False, said)
    before, after = old.digits or old.precision - old.scale, new.digits or new.precision - new.scale
    if new.type in NUMBER_TYPES and old.type in NUMBER_TYPES and after < before:
        said = f"{title} holds {after} digits before the point in {there.place} and {before} in {here.place}."
        yield Difference(new.name, False, f"{said} Larger numbers are refused.")
    if new.type in NUMBER_TYPES and old.type in NUMBER_TYPES and new.scale < old.scale:
        said = f"{title} holds {new.scale} decimals in {there.place} and {old.scale} in {here.place}."
        yield Difference(new.name, False, f"{said} Numbers are rounded.")


def _compare_picklists(title: str, old: SObjectField, new: SObjectField, there: Side) -> Iterator[Difference]:
    lacking = [value for value in old.picklist if value not in new.picklist]
    if new.type not in PICKLIST_TYPES or not lacking:
        return
    shown = ", ".join(repr(value) for value in lacking[:NAMED])
    more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
    meaning = "are refused" if new.restricted_picklist else "would be added as inactive values"
    yield Difference(new.name, False, f"{title} lacks these choices in {there.place}: {shown}{more}. They {meaning}.")


def _compare_keys(title: str, old: SObjectField, new: SObjectField, here: Side, there: Side) -> Iterator[Difference]:
    if old.unique and not new.unique:
        said = f"{title} is unique in {here.place} and not in {there.place}: a key may match several records there."
        yield Difference(new.name, False, said)
    if (old.external_id or old.id_lookup) and not (new.external_id or new.id_lookup):
        said = f"{title} is an external id in {here.place} and not in {there.place}: reading takes longer there."
        yield Difference(new.name, False, said)
    if old.case_sensitive != new.case_sensitive:
        words = {True: "matters", False: "does not matter"}
        said = (
            f"Upper and lower case of {title} {words[new.case_sensitive]} in {there.place} and"
            f" {words[old.case_sensitive]} in {here.place}."
        )
        yield Difference(new.name, False, said)
