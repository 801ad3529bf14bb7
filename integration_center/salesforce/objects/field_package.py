"""Build a metadata package with the custom fields that an integration lacks, for the Salesforce admin to deploy.

Source: Metadata API Developer Guide, "Deploying and Retrieving Metadata with the Zip File", "CustomField" and
"PermissionSet". A package has `package.xml` at the root, the object's new fields, and a permission set that grants
Read and Edit, because fields created through the API are hidden from everyone until access is granted.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from integration_center.salesforce.objects.packages import add_entry, add_texts, build_zip, start_document
from integration_center.sync.mapping.missing_fields import MissingField, tell_labels_apart

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
}


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
    created = tell_labels_apart(
        field for field in granted if not field.hidden
    )  # deploying an existing field would change it
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


def _build_object(fields: Iterable[MissingField]) -> Element:
    root = start_document("CustomObject")
    for field in fields:
        add_entry(root, "fields", list_attributes(field))
    return root


def list_attributes(field: MissingField) -> list[tuple[str, str]]:
    """List the elements of a custom field's metadata, in alphabetical order as Salesforce writes them."""
    attributes = {"fullName": field.name, "label": field.label, "type": TYPES[field.type]}
    if field.type == "Checkbox":
        attributes["defaultValue"] = "false"
    else:
        attributes["required"] = "false"
    if field.type in {"Text", "Number"}:
        attributes |= {"externalId": "false", "unique": "false"}
    sizes = {"length": field.length, "precision": field.precision, "scale": field.scale}
    attributes |= {name: str(size) for name, size in sizes.items() if size is not None}
    return sorted(attributes.items())


def _build_permission_set(permission_set: str, names: Iterable[str]) -> Element:
    root = start_document("PermissionSet")
    add_texts(root, [("description", "Read and Edit access to the fields that the Integration Center writes.")])
    for name in names:
        add_entry(root, "fieldPermissions", [("editable", "true"), ("field", name), ("readable", "true")])
    add_texts(root, [("hasActivationRequired", "false"), ("label", permission_set.replace("_", " "))])
    return root
