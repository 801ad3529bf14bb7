"""The org's rules for rows of permission sets, on top of those for all records.

Sources: Object Reference, "ObjectPermissions", "FieldPermissions" and "PermissionSetAssignment"; the text of a repeated
assignment is a recorded one.
"""

from collections.abc import Mapping
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.org.rights import OBJECT_FLAGS, RIGHTS_OBJECTS
from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.objects.activity import EDIT_PERMISSIONS
from salesforce_emulator.schema.schema import SObject

NEEDED = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
    "ViewAllRecords": ("Read",),
    "ModifyAllRecords": ("Read", "Edit", "Delete", "ViewAllRecords"),
}
"""The rights on an object that another right needs."""


def check_permission_row(
    org: Org, sobject: SObject, record_id: str | None, values: Mapping[str, Any]
) -> RowError | None:
    """Return why a row of a permission set may not be saved, or None; also for rows of other objects.

    Args:
        org: the org.
        sobject: the object of the row.
        record_id: the row that is changed; None for a new one.
        values: the values that are sent.
    """
    if sobject.name not in RIGHTS_OBJECTS:
        return None
    before = org.store.record(sobject.name, record_id) if record_id else {}
    row = {**(before or {}), **values}
    match sobject.name:
        case "ObjectPermissions":
            return _check_object(org, row) or _check_repeated(org, sobject, record_id, row, "SobjectType")
        case "FieldPermissions":
            return _check_field(org, row) or _check_repeated(org, sobject, record_id, row, "Field")
        case "PermissionSetAssignment":
            return _check_assignment(org, record_id, row)
    return None


def settle_permission_rows(org: Org, sobject: SObject) -> None:
    """Delete the field permissions that no longer give Read, and work out the user's rights again."""
    if sobject.name not in RIGHTS_OBJECTS:
        return
    with org.store.writing() as connection:
        connection.execute('DELETE FROM "FieldPermissions" WHERE PermissionsRead = 0')
        for child in ("ObjectPermissions", "FieldPermissions"):
            orphans = 'ParentId IN (SELECT Id FROM "PermissionSet" WHERE IsDeleted = 1)'
            connection.execute(f'UPDATE "{child}" SET IsDeleted = 1 WHERE {orphans}')  # noqa: S608
    org.refresh_rights()


def _check_object(org: Org, row: Mapping[str, Any]) -> RowError | None:
    found = org.schema.find_any(str(row["SobjectType"]))
    if found is None or not found.writable or found.name in RIGHTS_OBJECTS or found.name in EDIT_PERMISSIONS:
        message = f"bad value for restricted picklist field: {row['SobjectType']}"
        return RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("SobjectType",))
    held = {flag for flag in OBJECT_FLAGS if row.get(f"Permissions{flag}")}
    for flag in OBJECT_FLAGS:
        lacking = [each for each in NEEDED.get(flag, ()) if each not in held]
        if flag in held and lacking:
            message = f"Permission {flag} depends on permission(s): {', '.join(lacking)}"
            return RowError("FIELD_INTEGRITY_EXCEPTION", message, (f"Permissions{flag}",))
    return None


def _check_field(org: Org, row: Mapping[str, Any]) -> RowError | None:
    sobject_name, _, name = str(row["Field"]).partition(".")
    sobject = org.schema.find_any(sobject_name)
    field = sobject.by_name.get(name.lower()) if sobject else None
    if field is None or not field.takes_permissions:
        message = f"Field Name: bad value for restricted picklist field: {row['Field']}"
        return RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("Field",))
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        return RowError("FIELD_INTEGRITY_EXCEPTION", "Permission Edit depends on permission(s): Read", ())
    # An address is not updated itself, but may be granted for its parts.
    if row.get("PermissionsEdit") and not (field.updateable or field.components):
        return RowError("FIELD_INTEGRITY_EXCEPTION", f"{row['Field']} cannot be made editable", ("PermissionsEdit",))
    return None


def _check_repeated(
    org: Org, sobject: SObject, record_id: str | None, row: Mapping[str, Any], name: str
) -> RowError | None:
    where = f'ParentId = ? AND "{name}" = ? AND IsDeleted = 0 AND Id != ?'
    if org.store.records(sobject.name, where, (row["ParentId"], row[name], record_id or "")):
        return RowError("DUPLICATE_VALUE", f"duplicate value found: {name} duplicates value on another record")
    return None


def _check_assignment(org: Org, record_id: str | None, row: Mapping[str, Any]) -> RowError | None:
    where = "PermissionSetId = ? AND AssigneeId = ? AND IsDeleted = 0 AND Id != ?"
    pair = (row["PermissionSetId"], row["AssigneeId"])
    if not org.store.records("PermissionSetAssignment", where, (*pair, record_id or "")):
        return None
    message = (
        f"Duplicate PermissionSetAssignment.  Assignee: {row['AssigneeId'][:15]};"
        f" Permission Set: {row['PermissionSetId'][:15]}"
    )
    return RowError("DUPLICATE_VALUE", message, ("AssigneeId", "PermissionSetId"))
