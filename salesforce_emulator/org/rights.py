"""What the calling user may do: by the profile, and by the permission sets that are assigned to them.

Sources: Object Reference, "ObjectPermissions" and "FieldPermissions"; Salesforce Integration user licence. At first the
user has an administrator's profile, which gives everything that is not hidden. `become_integration_user` gives the
narrowest profile that there is, with no right of its own, so that permission sets alone decide.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from salesforce_emulator.org.store import Store
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.objects.activity import EDIT_PERMISSIONS
from salesforce_emulator.schema.objects.automation import AUTOMATION_OBJECTS
from salesforce_emulator.schema.objects.organization import PERMISSIONS
from salesforce_emulator.schema.schema import SObject

Sharing = Literal["Read", "ReadWrite"]
RIGHTS_OBJECTS = frozenset({"PermissionSet", "ObjectPermissions", "FieldPermissions", "PermissionSetAssignment"})
SETUP_OBJECTS = RIGHTS_OBJECTS | {"EntityDefinition", "FieldDefinition"} | {each.name for each in AUTOMATION_OBJECTS}
"""What only a user with View Setup and Configuration reads."""
OBJECT_FLAGS = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
NO_FLAGS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Granted:
    """What the assigned permission sets give together.

    Attributes:
        permissions: names such as `PermissionsApiEnabled`.
        objects: the flags of each object, by its lower-case name.
        fields: whether each field may be edited, by lower-case object and field; a field that is not here is not
            granted.
    """

    permissions: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], bool] = field(default_factory=dict)


class UserRights:
    """The rights of the calling user of one org.

    Args:
        store: holds the permission sets.
        user_id: the calling user.
        permissions: the permissions of the user's profile, by UserPermissionAccess field.
        changed: called when the rights have changed.

    Attributes:
        sharing: what the org shares with everyone: records of other owners may be read, or also written.
    """

    def __init__(
        self, store: Store, user_id: str, permissions: Mapping[str, bool], changed: Callable[[], object]
    ) -> None:
        self._store = store
        self._user_id = user_id
        self._permissions = permissions
        self._changed = changed
        self._lock = threading.Lock()
        self._granted = _Granted()
        self.administrator = True
        self.sharing: Sharing = "Read"

    def refresh(self, now: str) -> None:
        """Work the rights out again from the stored permission sets."""
        assigned = (
            "SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = ? AND IsDeleted = 0"
            " AND (ExpirationDate IS NULL OR ExpirationDate > ?)"
        )
        mine = (self._user_id, now)
        sets = self._store.records("PermissionSet", f"Id IN ({assigned}) AND IsDeleted = 0", mine)
        rows = f"ParentId IN ({assigned}) AND IsDeleted = 0"
        objects: dict[str, frozenset[str]] = defaultdict(frozenset)
        for row in self._store.records("ObjectPermissions", rows, mine):
            objects[row["SobjectType"].lower()] |= {flag for flag in OBJECT_FLAGS if row[f"Permissions{flag}"]}
        fields: dict[tuple[str, str], bool] = {}
        for row in self._store.records("FieldPermissions", rows, mine):
            key = (row["SobjectType"].lower(), row["Field"].partition(".")[2].lower())
            fields[key] = fields.get(key, False) or bool(row["PermissionsEdit"])
        held = frozenset(name for each in sets for name, value in each.items() if name.startswith("Perm") and value)
        with self._lock:
            self._granted = _Granted(held, dict(objects), fields)
        names = [name for name, _ in PERMISSIONS]
        with self._store.writing() as connection:
            assignments = ", ".join(f'"{name}" = ?' for name in names)
            values = [int(self.permits(name)) for name in names]
            connection.execute(f'UPDATE "UserPermissionAccess" SET {assignments}', values)  # noqa: S608
        self._changed()

    def permits(self, name: str) -> bool:
        """Return whether the profile or a permission set gives a permission, such as `PermissionsApiEnabled`."""
        return self._permissions.get(name, False) or name in self._granted.permissions

    def edits_all(self, sobject: SObject) -> bool:
        """Return whether the user may write records of other owners."""
        if self.sharing == "ReadWrite" or self.permits("PermissionsModifyAllData"):
            return True
        return "ModifyAllRecords" in self._flags(sobject)

    def allows(self, sobject: SObject, flag: str) -> bool:
        """Return whether the user may `Read`, `Create`, `Edit` or `Delete` records of the object."""
        if sobject.name in RIGHTS_OBJECTS:
            needed = "AssignPermissionSets" if "Assignment" in sobject.name else "ManageProfilesPermissionsets"
            return self.permits("PermissionsViewSetup" if flag == "Read" else f"Permissions{needed}")
        if sobject.name == "CustomField":
            return self.permits("PermissionsCustomizeApplication")
        if sobject.name in SETUP_OBJECTS:
            return self.permits("PermissionsViewSetup")
        if not sobject.writable or self.administrator or self.permits("PermissionsModifyAllData"):
            return True
        if permission := EDIT_PERMISSIONS.get(sobject.name):  # every user reads activities
            return flag == "Read" or self.permits(permission)
        return flag in self._flags(sobject)

    def reads(self, sobject: SObject) -> bool:
        """Return whether the user may read the object at all."""
        return self.allows(sobject, "Read")

    def see(self, sobject: SObject, field: Field, *, hidden: bool) -> Field | None:
        """Return the field with the user's rights on it, or None when the user may not read it."""
        by_profile = not hidden and (self.administrator or not sobject.writable or sobject.name in SETUP_OBJECTS)
        if by_profile or not (field.takes_permissions or hidden):
            return field
        edits = self._find_grant(sobject, field)
        if edits is None:
            return None
        return field if edits else replace(field, createable=False, updateable=False, permissionable=True)

    def _find_grant(self, sobject: SObject, field: Field) -> bool | None:
        """Return whether the field may be edited; None without a grant. An address is granted as a whole."""
        names = [field.name, *([field.compound] if field.compound else [])]
        found = [self._granted.fields.get((sobject.name.lower(), name.lower())) for name in names]
        return None if all(each is None for each in found) else any(found)

    def _flags(self, sobject: SObject) -> frozenset[str]:
        return self._granted.objects.get(sobject.name.lower(), NO_FLAGS)
