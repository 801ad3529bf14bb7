"""Permission sets: the set itself, its rights on objects and fields, and the users who have it.

Source: Object Reference, "PermissionSet", "ObjectPermissions", "FieldPermissions" and "PermissionSetAssignment".
"""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import checkbox, identity, moment, reference, system_fields, text, text_area
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.schema import SObject


def _flags(*names: str) -> tuple[Field, ...]:
    return tuple(checkbox(f"Permissions{name}", name) for name in names)


_PARENT = replace(reference("ParentId", "Permission Set ID", ("PermissionSet",), "Parent"), nillable=False)

PERMISSION_SET = SObject(
    "PermissionSet",
    "Permission Set",
    "Permission Sets",
    "0PS",
    (
        *identity("Permission Set"),
        replace(text("Name", "Name", 80, required=True), unique=True),
        text("Label", "Label", 80, required=True),
        text_area("Description", "Description", 255),
        checkbox("IsOwnedByProfile", "Is Owned By Profile"),
        *_flags("ApiEnabled", "ModifyAllData", "ViewAllData", "EditTask", "EditEvent"),
        *system_fields(),
    ),
    bulk=False,
)

OBJECT_PERMISSIONS = SObject(
    "ObjectPermissions",
    "Object Permissions",
    "Object Permissions",
    "110",
    (
        *identity("Object Permissions"),
        _PARENT,
        text("SobjectType", "Object Type Name", 40, required=True),
        *_flags("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords"),
        *system_fields(),
    ),
    bulk=False,
)

FIELD_PERMISSIONS = SObject(
    "FieldPermissions",
    "Field Permissions",
    "Field Permissions",
    "01k",
    (
        *identity("Field Permissions"),
        _PARENT,
        text("SobjectType", "Object Type Name", 40, required=True),
        text("Field", "Field Name", 255, required=True),
        *_flags("Read", "Edit"),
        *system_fields(),
    ),
    bulk=False,
)

PERMISSION_SET_ASSIGNMENT = SObject(
    "PermissionSetAssignment",
    "Permission Set Assignment",
    "Permission Set Assignments",
    "0Pa",
    (
        *identity("Permission Set Assignment"),
        replace(reference("PermissionSetId", "Permission Set ID", ("PermissionSet",), "PermissionSet"), nillable=False),
        replace(reference("AssigneeId", "Assignee ID", ("User",), "Assignee"), nillable=False),
        moment("ExpirationDate", "Expiration Date"),
        *system_fields(),
    ),
    bulk=False,
)

PERMISSION_OBJECTS = (PERMISSION_SET, OBJECT_PERMISSIONS, FIELD_PERMISSIONS, PERMISSION_SET_ASSIGNMENT)
