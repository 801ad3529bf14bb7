"""Compare the rights of the connected user with what the integrations need.

Describe folds object rights and field-level security in, so it tells most of it without a further right. It says
nothing about sharing: which records the user reaches is decided elsewhere.

Sources: REST API, "sObject Describe"; Object Reference, "UserPermissionAccess".
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from integration_center.errors import SchemaMismatch
from integration_center.integration.spec import IntegrationSpec
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.objects.describe import SObjectSummary, read_objects, read_schema
from integration_center.salesforce.objects.permission_set import ACTIVITIES, say_object_right, say_right
from integration_center.salesforce.objects.permissions import list_field_names, read_permissions
from integration_center.sync.needs import Describe, ObjectNeeds, list_needs
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.wording.sentences import count

BROAD = {
    "PermissionsModifyAllData": "Modify All Data",
    "PermissionsViewAllData": "View All Data",
    "PermissionsCustomizeApplication": "Customize Application",
    "PermissionsModifyMetadata": "Modify Metadata Through Metadata API Functions",
}
"""Permissions that no sync needs, by their names in UserPermissionAccess."""
SHOWN = 5
"""Names that a sentence lists."""


@dataclass(frozen=True)
class Rights:
    """What the connected user may do, compared with what the integrations need.

    Attributes:
        needs: what the integrations need, by object.
        held: the needed rights that the user has.
        missing: the needed rights that the user lacks.
        surplus: rights that no integration needs.
        absent: needed fields that the object does not have at all.
        unknown: what the org did not tell.
        labels: the labels of objects that no integration uses, by API name.
    """

    needs: tuple[ObjectNeeds, ...] = ()
    held: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Found:
    held: list[str] = field(default_factory=lambda: ["API Enabled"])
    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def look_at_rights(session: Session, specs: Sequence[IntegrationSpec], *, other_objects: bool = False) -> Rights:
    """Ask the org what the connected user may do. An answer proves that the user has API Enabled.

    Takes one call for each object, one for the broad permissions, and one for each object with a field that the user
    does not see.

    Args:
        session: the session of the connected user.
        specs: the integrations of the environment.
        other_objects: whether to look also at objects that no integration uses, in one call of about 2 MB.

    Raises:
        OrgError: the org refused a describe for another reason than a missing right.
        TransientError: the org cannot be reached.
    """
    describe = remember(lambda name: describe_visible(session, name))
    needs = list_needs(specs, describe)
    found = _Found()
    for each in needs:
        _compare_object(each, describe(each.object), found, lambda name: list_field_names(session, name))
    _compare_permissions(read_permissions(session, [*BROAD]), found)
    others = read_objects(session) if other_objects else []
    _compare_others(others, {each.object.lower() for each in needs}, found)
    return Rights(
        needs,
        tuple(found.held),
        tuple(found.missing),
        tuple(found.surplus),
        tuple(found.absent),
        tuple(found.unknown),
        labels={each.name: each.label for each in others},
    )


def describe_visible(session: Session, name: str) -> SObjectSchema | None:
    """Describe an object; None when the connected user does not see it, or the org does not have it."""
    try:
        return read_schema(session, name)
    except SchemaMismatch:
        return None


def remember(describe: Describe) -> Describe:
    """Return the same function, which asks once for each object."""
    known: dict[str, SObjectSchema | None] = {}

    def look_up(name: str) -> SObjectSchema | None:
        if name not in known:
            known[name] = describe(name)
        return known[name]

    return look_up


def find_missing(needs: Iterable[ObjectNeeds], describe: Describe) -> tuple[str, ...]:
    """List the needed rights that the user lacks, as far as describe tells."""
    found = _Found()
    for each in needs:
        _compare_object(each, describe(each.object), found, lambda name: None)
    return tuple(found.missing)


def _compare_object(
    needs: ObjectNeeds,
    schema: SObjectSchema | None,
    found: _Found,
    list_fields: Callable[[str], Collection[str] | None],
) -> None:
    if schema is None or not schema.queryable:
        found.missing.append(say_object_right(needs.object, edit=needs.edit) or say_right(needs.object, edit=False))
        found.missing += [say_right(f"{needs.object}.{name}", edit=edit) for name, edit in needs.fields.items()]
        return
    activity = schema.name.lower() in ACTIVITIES
    if needs.edit and not schema.updateable:
        found.held.append(say_right(schema.name, edit=False))
        found.missing.append(say_object_right(schema.name, edit=True) if activity else f"Edit on {schema.name}")
    else:
        found.held.append(say_object_right(schema.name, edit=needs.edit) or say_right(schema.name, edit=False))
    unseen = [name for name in needs.fields if schema.get(name) is None]
    exists = list_fields(schema.name) if unseen else None
    for name, edit in needs.fields.items():
        place = f"{schema.name}.{name}"
        described = schema.get(name)
        if described is None:
            gone = exists is not None and name.lower() not in {each.lower() for each in exists}
            (found.absent if gone else found.missing).append(place if gone else say_right(place, edit=edit))
        elif edit and not _is_editable(described, schema):
            found.held.append(f"Read on {place}")
            found.missing.append(f"Edit on {place}")
        else:
            found.held.append(say_right(place, edit=edit))
    _compare_surplus(needs, schema, found)


def _is_editable(described: SObjectField, schema: SObjectSchema) -> bool:
    """Return whether the field may be edited; an address may when one of its parts may."""
    parts = [each for each in schema.fields if each.compound == described.name]
    return described.updateable or any(part.updateable for part in parts)


def _compare_surplus(needs: ObjectNeeds, schema: SObjectSchema, found: _Found) -> None:
    found.surplus += [
        f"{right} on {schema.name}"
        for right, given in (
            ("Create", schema.createable),
            ("Delete", schema.deletable),
            ("Edit", schema.updateable and not needs.edit),
        )
        if given and not (needs.edit and schema.name.lower() in ACTIVITIES)  # one permission gives all three
    ]
    needed = {name.lower(): edit for name, edit in needs.fields.items()}
    governed = [each for each in schema.fields if each.permissionable and not _is_part(each, schema)]
    editable = [
        each.name for each in governed if _is_editable(each, schema) and not needed.get(each.name.lower(), False)
    ]
    readable = [each.name for each in governed if each.name.lower() not in needed and each.name not in editable]
    found.surplus += [
        f"{right} on {count(len(names), 'field')} of {schema.name} that no integration {verb} ({_say_names(names)})"
        for right, names, verb in (("Edit", editable, "writes"), ("Read", readable, "reads"))
        if names
    ]


def _is_part(described: SObjectField, schema: SObjectSchema) -> bool:
    """Return whether the field is a part of an address or location, which is granted as a whole."""
    whole = schema.get(described.compound) if described.compound else None
    return whole is not None and whole.type in {"address", "location"}


def _compare_permissions(permissions: Mapping[str, bool] | None, found: _Found) -> None:
    if permissions is None:
        found.unknown.append(f"whether the user has {', '.join(BROAD.values())}: the org does not say")
        return
    found.surplus += [label for name, label in BROAD.items() if permissions.get(name)]


def _compare_others(objects: Iterable[SObjectSummary], needed: Collection[str], found: _Found) -> None:
    # Every user may edit some of the org's own objects, which no permission set governs.
    names = [each.name for each in objects if each.updateable and each.layoutable and each.name.lower() not in needed]
    if names:
        found.surplus.append(f"Edit on {count(len(names), 'object')} that no integration uses ({_say_names(names)})")


def _say_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
