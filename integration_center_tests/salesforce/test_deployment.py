"""The package for the admin: what Metadata API's documentation asks of it."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.salesforce.objects.field_package import build_package, can_deploy
from integration_center.sync.mapping.missing_fields import (
    LABEL_LENGTH,
    UNFIT_FOR_LABEL,
    Choice,
    MissingField,
    suggest_field,
)

SPACE = "{http://soap.sforce.com/2006/04/metadata}"


def read(package: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(package)) as content:
        assert content.testzip() is None
        return {name: ElementTree.fromstring(content.read(name)) for name in content.namelist()}


def fields(*columns: tuple[str, pl.DataType]) -> list[MissingField]:
    return [suggest_field(name, f"WalkMe_{name}__c", dtype) for name, dtype in columns]


def permissions_of(files: Mapping[str, ElementTree.Element]) -> ElementTree.Element:
    """The one permission set of a package."""
    (root,) = [root for place, root in files.items() if place.startswith("permissionsets/")]
    return root


def test_a_second_package_takes_no_field_of_the_first_away() -> None:
    first, second, again = (
        {*read(build_package("Lead", fields((name, pl.String())), api_version="66.0"))} for name in ("A", "B", "A")
    )
    kept = {"package.xml", "objects/Lead.object"}
    assert first - kept != second - kept
    assert first == again


def test_the_manifest_names_everything_in_the_package() -> None:
    missing = fields(("Text", pl.String()), ("Count", pl.Int64()))
    files = read(build_package("Lead", missing, api_version="66.0"))
    (name,) = [PurePosixPath(place).stem for place in files if place.startswith("permissionsets/")]
    assert name.startswith("Integration_Center_Fields_")
    assert list(files) == [
        "package.xml",
        "objects/Lead.object",
        f"permissionsets/{name}.permissionset",
    ]
    manifest = files["package.xml"]
    assert manifest.tag == f"{SPACE}Package"
    assert manifest.findtext(f"{SPACE}version") == "66.0"
    types = {
        entry.findtext(f"{SPACE}name"): [member.text for member in entry.findall(f"{SPACE}members")]
        for entry in manifest.findall(f"{SPACE}types")
    }
    assert types == {
        "CustomField": ["Lead.WalkMe_Count__c", "Lead.WalkMe_Text__c"],
        "PermissionSet": [name],
    }


def test_each_type_has_what_it_needs_and_nothing_it_may_not_have() -> None:
    columns = (
        ("Text", pl.String()),
        ("Whole", pl.Int64()),
        ("Part", pl.Float64()),
        ("Yes", pl.Boolean()),
        ("Day", pl.Date()),
        ("Moment", pl.Datetime("us", "UTC")),
        ("Hour", pl.Time()),
    )
    root = read(build_package("Lead", fields(*columns), api_version="66.0"))["objects/Lead.object"]
    described = {
        entry.findtext(f"{SPACE}label"): {child.tag.removeprefix(SPACE): child.text for child in entry}
        for entry in root.findall(f"{SPACE}fields")
    }
    assert described["Text"] == {
        "fullName": "WalkMe_Text__c",
        "externalId": "false",
        "label": "Text",
        "length": "255",
        "required": "false",
        "type": "Text",
        "unique": "false",
    }
    assert (described["Whole"]["precision"], described["Whole"]["scale"]) == ("18", "0")
    assert (described["Part"]["precision"], described["Part"]["scale"]) == ("18", "2")
    assert described["Yes"] == {
        "fullName": "WalkMe_Yes__c",
        "defaultValue": "false",
        "label": "Yes",
        "type": "Checkbox",
    }
    assert [described[name]["type"] for name in ("Day", "Moment", "Hour")] == ["Date", "DateTime", "Time"]


def test_a_picklist_is_packed_with_its_values() -> None:
    tier = MissingField("Tier", "Tier__c", "Picklist", choices=(Choice("gold", "<Gold>"),), restricted=True)
    root = read(build_package("Lead", [tier], api_version="66.0"))["objects/Lead.object"]
    values = root.find(f"{SPACE}fields/{SPACE}valueSet")
    assert values is not None
    assert values.findtext(f"{SPACE}restricted") == "true"
    found = values.findall(f"{SPACE}valueSetDefinition/{SPACE}value")
    assert [[(child.tag.removeprefix(SPACE), child.text) for child in each] for each in found] == [
        [("fullName", "gold"), ("default", "false"), ("label", "<Gold>")]
    ]


def test_the_permission_set_lets_the_fields_be_read_and_edited() -> None:
    files = read(build_package("Lead", fields(("Text", pl.String())), api_version="66.0"))
    root = permissions_of(files)
    (permission,) = root.findall(f"{SPACE}fieldPermissions")
    assert {child.tag.removeprefix(SPACE): child.text for child in permission} == {
        "editable": "true",
        "field": "Lead.WalkMe_Text__c",
        "readable": "true",
    }
    assert str(root.findtext(f"{SPACE}label")).startswith("Integration Center Fields ")


def test_fields_of_tasks_are_made_on_activity() -> None:
    files = read(build_package("Task", fields(("Text", pl.String())), api_version="66.0"))
    assert "objects/Activity.object" in files
    assert files["package.xml"].findtext(f"{SPACE}types/{SPACE}members") == "Activity.WalkMe_Text__c"


def test_what_a_package_cannot_create_stays_out() -> None:
    names = ["Company", "ns__Score__c", "A___b__c", "x" * 41 + "__c", "1st__c", "Good__c"]
    missing = [MissingField("L", name, "Text", length=255) for name in names]
    assert [field.name for field in missing if can_deploy(field)] == ["Good__c"]
    root = read(build_package("Lead", missing, api_version="66.0"))["objects/Lead.object"]
    assert [entry.findtext(f"{SPACE}fullName") for entry in root] == ["Good__c"]


def test_a_field_that_exists_is_only_made_visible() -> None:
    there = replace(suggest_field("Score", "Score__c", pl.Int64()), hidden=True)
    files = read(build_package("Lead", [there], api_version="66.0"))
    assert "objects/Lead.object" not in files
    assert "CustomField" not in [name.text for name in files["package.xml"].iter(f"{SPACE}name")]
    permissions = permissions_of(files)
    assert [field.text for field in permissions.iter(f"{SPACE}field")] == ["Lead.Score__c"]


def test_labels_of_columns_stay_text_and_the_file_stays_the_same() -> None:
    hostile = suggest_field("<x>&\"'</label>", "WalkMe_X__c", pl.String())
    package = build_package("Lead", [hostile, hostile], api_version="66.0")
    root = read(package)["objects/Lead.object"]
    assert root.findtext(f"{SPACE}fields/{SPACE}label") == "<x>&\"'</label>"
    assert len(root) == 1
    assert package == build_package("Lead", [hostile], api_version="66.0")


@given(st.lists(st.text(st.characters(), max_size=60), min_size=1, max_size=4))
@example(["a\x1b[31m", "\x00", "\ud800\ufffe\uffff", "\x9b\u202e"])
@example(["x" * 39 + " \U0001f600", "X" * 39 + " y", "x" * 39, "x" * 45])
@example(["]]><!--", "&lt;", "<b>", "'\""])
def test_any_column_name_gives_well_formed_xml_with_a_label_of_its_own(columns: list[str]) -> None:
    missing = [suggest_field(column, f"Field_{n}__c", pl.String()) for n, column in enumerate(columns)]
    given_by_hand = [MissingField(column, f"Hand_{n}__c", "Text", length=255) for n, column in enumerate(columns)]
    root = read(build_package("Lead", [*missing, *given_by_hand], api_version="66.0"))["objects/Lead.object"]
    labels = [entry.findtext(f"{SPACE}label") or "" for entry in root.findall(f"{SPACE}fields")]
    assert len({label.casefold() for label in labels}) == 2 * len(columns)
    assert all(label.strip() == label and 1 <= len(label) <= LABEL_LENGTH for label in labels)
    assert not any(UNFIT_FOR_LABEL.search(label) for label in labels)


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("# Logins Last 30 Days", "# Logins Last 30 Days"),
        ("Review → <b>Lead</b> & Co", "Review → <b>Lead</b> & Co"),
        ("a\x1b[31m", "a [31m"),
        ("two\n lines\t", "two lines"),
        ("\x00\ud800", "WalkMe First Login"),
        ("   ", "WalkMe First Login"),
    ],
)
def test_a_label_is_the_column_in_one_line(column: str, label: str) -> None:
    assert suggest_field(column, "WalkMe_First_Login__c", pl.String()).label == label
