"""Build a metadata package with the custom fields that an integration lacks, for the Salesforce admin to deploy.

Source: Metadata API Developer Guide, "Deploying and Retrieving Metadata with the Zip File", "CustomField" and
"PermissionSet". A package has `package.xml` at the root, the object's new fields, and a permission set that grants
Read and Edit, because fields created through the API are hidden from everyone until access is granted.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from integration_center.sync.mapping.missing_fields import MissingField, tell_labels_apart

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
PERMISSION_SET = "Integration_Center_Fields"
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
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip, so that the same fields give the same zip file."""


def can_deploy(field: MissingField) -> bool:
    """Return whether a package can contain the field: a custom field without a namespace, of a type we know."""
    return OWN_FIELD.fullmatch(field.name) is not None and "___" not in field.name and field.type in TYPES


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
    members = {
        "CustomField": [f"{owner}.{field.name}" for field in created],
        "PermissionSet": [PERMISSION_SET],
    }
    files = {
        "package.xml": _build_manifest({type_: names for type_, names in members.items() if names}, api_version),
        **({f"objects/{owner}.object": _build_object(created)} if created else {}),
        f"permissionsets/{PERMISSION_SET}.permissionset": _build_permission_set(
            [f"{owner}.{field.name}" for field in granted]
        ),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, xml in files.items():
            package.writestr(zipfile.ZipInfo(name, EPOCH), xml)
    return content.getvalue()


def _build_manifest(members: dict[str, list[str]], api_version: str) -> bytes:
    root = Element("Package", xmlns=NAMESPACE)
    for type_, names in members.items():
        types = SubElement(root, "types")
        _add(types, (("members", name) for name in names))
        _add(types, [("name", type_)])
    _add(root, [("version", api_version)])
    return _write(root)


def _build_object(fields: Iterable[MissingField]) -> bytes:
    root = Element("CustomObject", xmlns=NAMESPACE)
    for field in fields:
        entry = SubElement(root, "fields")
        _add(entry, [("fullName", field.name)])
        if field.type == "Checkbox":
            _add(entry, [("defaultValue", "false")])
        elif field.type in {"Text", "Number"}:
            _add(entry, [("externalId", "false")])
        _add(entry, [("label", field.label)])
        _add(
            entry,
            [
                (name, str(value))
                for name, value in (("length", field.length), ("precision", field.precision))
                if value is not None
            ],
        )
        if field.type != "Checkbox":
            _add(entry, [("required", "false")])
        if field.scale is not None:
            _add(entry, [("scale", str(field.scale))])
        _add(entry, [("type", TYPES[field.type])])
        if field.type in {"Text", "Number"}:
            _add(entry, [("unique", "false")])
    return _write(root)


def _build_permission_set(names: Iterable[str]) -> bytes:
    root = Element("PermissionSet", xmlns=NAMESPACE)
    _add(root, [("description", "Read and Edit access to the fields that the Integration Center writes.")])
    for name in names:
        permission = SubElement(root, "fieldPermissions")
        _add(permission, [("editable", "true"), ("field", name), ("readable", "true")])
    _add(root, [("hasActivationRequired", "false"), ("label", "Integration Center Fields")])
    return _write(root)


def _add(parent: Element, children: Iterable[tuple[str, str]]) -> None:
    for name, text in children:
        SubElement(parent, name).text = text


def _write(root: Element) -> bytes:
    indent(root, "    ")
    xml: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return xml
