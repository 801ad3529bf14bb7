"""Organization and UserPermissionAccess: one row each, about the org and about its calling user."""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import checkbox, identity, picklist, read_only, system_fields, text
from salesforce_emulator.schema.field_kinds import choices as picklist_choices
from salesforce_emulator.schema.schema import SObject

_EDITIONS = picklist_choices(
    *("Team Edition", "Professional Edition", "Enterprise Edition", "Developer Edition", "Personal Edition"),
    *("Unlimited Edition", "Base Edition"),
)

ORGANIZATION = SObject(
    "Organization",
    "Organization",
    "Organizations",
    "00D",
    (
        identity("Organization")[0],
        replace(text("Name", "Name", 80, required=True), name_field=True, createable=False),
        read_only(picklist("OrganizationType", "Edition", _EDITIONS, length=40, restricted=True)),
        read_only(checkbox("IsSandbox", "Is Sandbox")),
        read_only(text("InstanceName", "Instance Name", 5)),
        read_only(text("NamespacePrefix", "Namespace Prefix", 15)),
        replace(text("PrimaryContact", "Primary Contact", 80), createable=False),
        replace(text("LanguageLocaleKey", "Language", 40, required=True), createable=False),
        replace(text("TimeZoneSidKey", "Time Zone", 40, required=True), createable=False),
        *system_fields(),
    ),
    writable=False,
    bulk=False,
)

EDITS_CONVERTED_LEADS = "PermissionsAllowViewEditConvertedLeads"
PERMISSIONS = (
    ("PermissionsApiEnabled", "API Enabled"),
    ("PermissionsModifyAllData", "Modify All Data"),
    ("PermissionsViewAllData", "View All Data"),
    ("PermissionsModifyMetadata", "Modify Metadata Through Metadata API Functions"),
    ("PermissionsCustomizeApplication", "Customize Application"),
    ("PermissionsBulkApiHardDelete", "Bulk API Hard Delete"),
    ("PermissionsViewSetup", "View Setup and Configuration"),
    ("PermissionsManageProfilesPermissionsets", "Manage Profiles and Permission Sets"),
    ("PermissionsAssignPermissionSets", "Assign Permission Sets"),
    ("PermissionsEditTask", "Edit Tasks"),
    ("PermissionsEditEvent", "Edit Events"),
    (EDITS_CONVERTED_LEADS, "View and Edit Converted Leads"),
)

USER_PERMISSION_ACCESS = SObject(
    "UserPermissionAccess",
    "User Permission Access",
    "User Permission Access",
    None,
    (
        identity("User Permission Access")[0],
        *(read_only(checkbox(name, label)) for name, label in PERMISSIONS),
    ),
    writable=False,
    bulk=False,
)
