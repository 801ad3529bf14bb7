"""Build the permission set that gives exactly what an environment's integrations need.

Sources: Metadata API Developer Guide, "PermissionSet"; admin.salesforce.com, "Best Practices for Configuring Your
Integration User". The set names no licence: one that does cannot be assigned to an integration user.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from integration_center.integration.spec import Environment
from integration_center.salesforce.objects.field_package import SHARED_FIELDS
from integration_center.salesforce.objects.packages import add_entry, add_texts, build_zip, start_document
from integration_center.sync.mapping.missing_fields import is_custom
from integration_center.sync.needs import ObjectNeeds

DESCRIPTION = "What the integrations of the Integration Center need, and nothing else. Made by the Integration Center."
OBJECT_RIGHTS = ("Create", "Delete", "Edit", "Read")
API_ENABLED = "ApiEnabled"
ACTIVITIES = {"task": ("EditTask", "Edit Tasks"), "event": ("EditEvent", "Edit Events")}
"""Objects that a permission set gives no rights on, by lower-case name. Every user reads them. A user permission, here
by its API name and its label, lets them be created, edited and deleted."""


@dataclass(frozen=True)
class PermissionSet:
    """The permission set of one environment.

    Attributes:
        name: the API name.
        needs: what the integrations need, by object.
    """

    name: str
    label: str
    needs: tuple[ObjectNeeds, ...]

    def list_rights(self) -> Iterator[str]:
        """Yield each right in words, such as `Read and Edit on Lead.Email`."""
        yield "API Enabled"
        for needs in self.needs:
            if right := say_object_right(needs.object, edit=needs.edit):
                yield right
            for name, edit in sorted(needs.fields.items()):
                yield say_right(f"{needs.object}.{name}", edit=edit)

    def list_user_permissions(self) -> Iterator[str]:
        """Yield the API name of each user permission, such as `EditTask`."""
        yield API_ENABLED
        for needs in self.needs:
            if needs.edit and needs.object.lower() in ACTIVITIES:
                yield ACTIVITIES[needs.object.lower()][0]

    def list_objects(self) -> Iterator[ObjectNeeds]:
        """Yield what is needed of each object that a permission set gives rights on."""
        return (needs for needs in self.needs if needs.object.lower() not in ACTIVITIES)


def say_object_right(name: str, *, edit: bool) -> str:
    """Return the right on an object in words, such as `Edit Tasks`; empty where every user has it."""
    if name.lower() in ACTIVITIES:
        return ACTIVITIES[name.lower()][1] if edit else ""
    return say_right(name, edit=edit)


def say_right(thing: str, *, edit: bool) -> str:
    """Return a right in words, such as `Read and Edit on Lead`."""
    return f"{'Read and Edit' if edit else 'Read'} on {thing}"


def name_permission_set(environment: Environment, needs: Sequence[ObjectNeeds]) -> PermissionSet:
    """Return the permission set of an environment: always under the same name, so that it is updated."""
    return PermissionSet(
        f"Integration_Center_{environment.identifier.title()}", f"Integration Center {environment.title}", tuple(needs)
    )


def leave_out(needs: Sequence[ObjectNeeds], absent: Collection[str]) -> list[ObjectNeeds]:
    """Return the needs without fields that do not exist: no permission set can name them.

    Args:
        needs: what the integrations need.
        absent: fields with their object, such as `Lead.Score__c`.
    """
    gone = {name.lower() for name in absent}
    return [
        replace(
            each,
            fields={name: edit for name, edit in each.fields.items() if f"{each.object}.{name}".lower() not in gone},
        )
        for each in needs
    ]


def build_permission_package(permission_set: PermissionSet, api_version: str) -> bytes:
    """Build a deployable package of the permission set.

    A deployed permission set replaces the earlier one as a whole, so rights that are no longer needed go away.
    """
    root = start_document("PermissionSet")
    add_texts(root, [("description", DESCRIPTION)])
    for needs in permission_set.needs:
        for name, edit in sorted(needs.fields.items()):
            owner = SHARED_FIELDS.get(needs.object, needs.object) if is_custom(name) else needs.object
            flags = [("editable", _write_flag(edit)), ("field", f"{owner}.{name}"), ("readable", "true")]
            add_entry(root, "fieldPermissions", flags)
    add_texts(root, [("hasActivationRequired", "false"), ("label", permission_set.label)])
    for needs in permission_set.list_objects():
        given = {"Read": True, "Edit": needs.edit}
        rights = [(f"allow{right}", _write_flag(given.get(right, False))) for right in OBJECT_RIGHTS]
        rest = [("modifyAllRecords", "false"), ("object", needs.object), ("viewAllRecords", "false")]
        add_entry(root, "objectPermissions", [*rights, *rest])
    for permission in sorted(permission_set.list_user_permissions()):
        add_entry(root, "userPermissions", [("enabled", "true"), ("name", permission)])
    place = f"permissionsets/{permission_set.name}.permissionset"
    return build_zip({"PermissionSet": [permission_set.name]}, {place: root}, api_version=api_version)


def _write_flag(value: object) -> str:
    return "true" if value else "false"
