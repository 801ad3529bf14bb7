"""Write metadata packages: zip files that a Salesforce admin deploys.

Source: Metadata API Developer Guide, "Deploying and Retrieving Metadata with the Zip File". `package.xml` lies at the
root of the zip file and names every component.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip, so that the same content gives the same zip file."""


def build_zip(members: Mapping[str, Sequence[str]], files: Mapping[str, Element], *, api_version: str) -> bytes:
    """Build a package.

    Args:
        members: the full names of the components by type, such as `CustomField`.
        files: the documents by their place in the zip file.
        api_version: the API version, such as `66.0`.
    """
    root = Element("Package", xmlns=NAMESPACE)
    for type_, names in members.items():
        if names:
            types = SubElement(root, "types")
            add_texts(types, (("members", name) for name in names))
            add_texts(types, [("name", type_)])
    add_texts(root, [("version", api_version)])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, document in {"package.xml": root, **files}.items():
            package.writestr(zipfile.ZipInfo(name, EPOCH), write_document(document))
    return content.getvalue()


def start_document(type_: str) -> Element:
    """Start a document of a metadata type, such as `PermissionSet`."""
    return Element(type_, xmlns=NAMESPACE)


def add_entry(parent: Element, name: str, children: Iterable[tuple[str, str]]) -> Element:
    """Add an element with simple children, and return it."""
    entry = SubElement(parent, name)
    add_texts(entry, children)
    return entry


def add_texts(parent: Element, children: Iterable[tuple[str, str]]) -> None:
    """Add simple elements: pairs of name and text."""
    for name, text in children:
        SubElement(parent, name).text = text


def add_members(parent: Element, members: Mapping[str, Any]) -> None:
    """Add what a JSON object of the Metadata API says: an element for each member, one for each entry of a list."""
    for name, member in members.items():
        for value in member if isinstance(member, list) else [member]:
            entry = SubElement(parent, name)
            if isinstance(value, Mapping):
                add_members(entry, value)
            else:
                entry.text = str(value).lower() if isinstance(value, bool) else str(value)


def write_document(root: Element) -> bytes:
    """Write a document as indented UTF-8."""
    indent(root, "    ")
    xml: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return xml
