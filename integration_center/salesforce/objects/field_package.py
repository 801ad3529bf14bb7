"""Build a metadata package with the custom fields that an integration lacks, for the Salesforce admin to deploy.

Source: Metadata API Developer Guide, "Deploying and Retrieving Metadata with the Zip File", "CustomField" and
"PermissionSet". A package has `package.xml` at the root, the object's new fields, and a permission set that grants
Read and Edit, because fields created through the API are hidden from everyone until access is granted.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from integration_center.salesforce.objects.packages import add_entry, add_members, add_texts, build_zip, start_document
from integration_center.sync.mapping.missing_fields import LONG_TEXT, RICH_TEXT, MissingField, tell_labels_apart

PERMISSION_SET = "Integration_Center_Fields"
"""How the names of the permission sets begin.

A deployed permission set loses all that the package does not name. So the fields of another package have another set.
"""
SHARED_FIELDS = {"Task": "Activity", "Event": "Activity"}
"""Objects whose custom fields are created on another object."""
OWN_FIELD = re.compile(r"^[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}__c$")
"""A custom field's name without a namespace. Fields of a managed package can only come from that package."""
TYPES = {
    "Text": "Text",
    "Number": "Number",
    "Checkbox": "Checkbox",
    "Date": "Date",
    "Date/Time": "DateTime",
    "Time": "Time",
    "Email": "Email",
    "Phone": "Phone",
    "URL": "Url",
    "Percent": "Percent",
    "Currency": "Currency",
    "Text Area": "TextArea",
    LONG_TEXT: "LongTextArea",
    RICH_TEXT: "Html",
    "Picklist": "Picklist",
    "Picklist (Multi-Select)": "MultiselectPicklist",
}
"""The names of the Metadata API for those of the Setup pages."""
NEVER_REQUIRED = frozenset({"Checkbox", "LongTextArea", "Html", "MultiselectPicklist"})
"""Types that refuse the member `required`, or whose documentation does not list it."""
VISIBLE_LINES = {"LongTextArea": 3, "Html": 10, "MultiselectPicklist": 4}
"""How high a field is on a page: these types need it."""


def can_deploy(field: MissingField) -> bool:
    """Return whether a package can contain the field: a custom field without a namespace, of a type we know."""
    return OWN_FIELD.fullmatch(field.name) is not None and "___" not in field.name and field.type in TYPES


def is_creatable(field: MissingField) -> bool:
    """Return whether we can create the field in the org, or show it to the connected user where it is hidden."""
    return field.hidden or can_deploy(field)


def build_package(object_name: str, fields: Sequence[MissingField], *, api_version: str) -> bytes:
    """Build the package as a zip file.

    Fields that `can_deploy` refuses are left out. Hidden fields are only made visible.

    Args:
        object_name: the API name of the object.
        fields: the missing fields.
        api_version: the API version, such as `66.0`.
    """
    owner = SHARED_FIELDS.get(object_name, object_name)
    granted = sorted({field.name: field for field in fields if can_deploy(field)}.values(), key=lambda f: f.name)
    # Deploying an existing field would change it.
    created = tell_labels_apart(field for field in granted if not field.hidden)
    names = [f"{owner}.{field.name}" for field in granted]
    permission_set = f"{PERMISSION_SET}_{hashlib.sha256(' '.join(names).encode()).hexdigest()[:8]}"
    members = {
        "CustomField": [f"{owner}.{field.name}" for field in created],
        "PermissionSet": [permission_set],
    }
    files = {
        **({f"objects/{owner}.object": _build_object(created)} if created else {}),
        f"permissionsets/{permission_set}.permissionset": _build_permission_set(permission_set, names),
    }
    return build_zip(members, files, api_version=api_version)


def build_metadata(missing: MissingField, help_text: str = "") -> dict[str, Any]:
    """Build the metadata of a new field, which describes it in a package and in a request alike.

    Args:
        missing: the field.
        help_text: what Salesforce shows beside the field.
    """
    type_ = TYPES[missing.type]
    metadata: dict[str, Any] = {"label": missing.label, "type": type_}
    if help_text:
        metadata |= {"description": help_text, "inlineHelpText": help_text}
    sizes = {"length": missing.length, "precision": missing.precision, "scale": missing.scale}
    metadata |= {name: size for name, size in sizes.items() if size is not None}
    if type_ == "Checkbox":
        metadata["defaultValue"] = False
    if type_ not in NEVER_REQUIRED:
        metadata["required"] = False
    if type_ in {"Text", "Number"}:
        metadata |= {"unique": False, "externalId": False}
    if type_ in VISIBLE_LINES:
        metadata["visibleLines"] = VISIBLE_LINES[type_]
    if missing.choices:
        values = [{"fullName": each.value, "default": False, "label": each.label} for each in missing.choices]
        definition = {"sorted": False, "value": values}
        metadata["valueSet"] = {"restricted": missing.restricted, "valueSetDefinition": definition}
    return metadata


def _build_object(fields: Iterable[MissingField]) -> Element:
    root = start_document("CustomObject")
    for field in fields:
        metadata = {"fullName": field.name, **build_metadata(field)}
        add_members(root, {"fields": dict(sorted(metadata.items()))})  # alphabetical, as Salesforce writes them
    return root


def _build_permission_set(permission_set: str, names: Iterable[str]) -> Element:
    root = start_document("PermissionSet")
    add_texts(root, [("description", "Read and Edit access to the fields that the Integration Center writes.")])
    for name in names:
        add_entry(root, "fieldPermissions", [("editable", "true"), ("field", name), ("readable", "true")])
    add_texts(root, [("hasActivationRequired", "false"), ("label", permission_set.replace("_", " "))])
    return root
