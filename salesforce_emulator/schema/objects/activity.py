"""Task and Event: activities, which share their custom fields and which a user permission lets a user edit.

Sources: Object Reference, "Task", "Event" and "PermissionSet"; help page "Edit Tasks" and "Edit Events".
"""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import (
    choices,
    day,
    identity,
    moment,
    number,
    picklist,
    reference,
    system_fields,
    text,
    text_area,
)
from salesforce_emulator.schema.schema import SObject

EDIT_PERMISSIONS = {"Task": "PermissionsEditTask", "Event": "PermissionsEditEvent"}
"""The permission to create, edit and delete activities; ObjectPermissions does not know them."""

_SHARED = (
    replace(reference("OwnerId", "Assigned To ID", ("User",), "Owner"), nillable=False, defaulted=True),
    reference("WhoId", "Name ID", ("Contact", "Lead"), "Who"),
    reference("WhatId", "Related To ID", ("Account",), "What"),
    text("Subject", "Subject", 255),
    text_area("Description", "Comments", 32000),
    *system_fields(),
    number("WalkMe_Minutes__c", "WalkMe Minutes", 6, 0),
)

TASK = SObject(
    "Task",
    "Task",
    "Tasks",
    "00T",
    (
        *identity("Activity"),
        *_SHARED,
        day("ActivityDate", "Due Date Only"),
        picklist("Status", "Status", choices("Not Started", "In Progress", "Completed", default="Not Started")),
        picklist("Priority", "Priority", choices("High", "Normal", "Low", default="Normal")),
    ),
)

EVENT = SObject(
    "Event",
    "Event",
    "Events",
    "00U",
    (
        *identity("Activity"),
        *_SHARED,
        moment("StartDateTime", "Start Date Time"),
        moment("EndDateTime", "End Date Time"),
    ),
)
