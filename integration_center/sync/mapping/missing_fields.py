"""Find mapped fields that the object lacks, and write the request to the Salesforce admin."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.values.fit import kind_of
from integration_center.wording.near_names import find_twin
from integration_center.wording.plain_text import CONTROLS, make_printable

LABEL_LENGTH = 40
"""The longest label of a custom field."""
CUSTOM_SUFFIX = "__c"
TYPE_NAMES = {
    "string": "Text",
    "double": "Number",
    "percent": "Percent",
    "currency": "Currency",
    "boolean": "Checkbox",
    "date": "Date",
    "datetime": "Date/Time",
    "time": "Time",
    "email": "Email",
    "phone": "Phone",
    "url": "URL",
    "textarea": "Text Area",
    "picklist": "Picklist",
    "multipicklist": "Picklist (Multi-Select)",
}
"""What the Setup pages of Salesforce call the types of describe that we create fields of."""
LONG_TEXT, RICH_TEXT = "Text Area (Long)", "Text Area (Rich)"
SHORT_TEXT = 255
"""The longest text field, and the length of a plain text area. Longer texts need a field of another type."""
USUAL_LONG_TEXT, LONGEST_TEXT = 32_768, 131_072
"""The length that Setup proposes for a long text area, and the longest that there is."""
UNFIT_FOR_LABEL = re.compile(f"{CONTROLS.pattern}|[\ufffe\uffff]")
"""Control characters, and the other characters that XML 1.0 forbids."""


@dataclass(frozen=True)
class Choice:
    """One value of a picklist, and what people see in its place."""

    value: str
    label: str


@dataclass(frozen=True)
class MissingField:
    """A custom field to create.

    Attributes:
        label: made from the column's name.
        name: the API name that the integration maps to.
        type: the type's name on the Setup pages of Salesforce.
        length: the length of text, in characters.
        precision: the total digits of a number.
        scale: the decimals of a number.
        choices: the active values of a picklist.
        restricted: whether a picklist takes no other values.
        hidden: whether the org has the field, but hides it from the connected user.
    """

    label: str
    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    choices: tuple[Choice, ...] = ()
    restricted: bool = False
    hidden: bool = False

    @property
    def custom(self) -> bool:
        """Whether the field can be created. A standard field can only be made visible."""
        return is_custom(self.name)

    @property
    def shape(self) -> str:
        """Type and size, as in Setup: `Text(255)`, `Text Area (Long, 32768)`, `Number(16, 2)`.

        A number has its digits before and after the point. A picklist is followed by its values.
        """
        if self.choices:
            only = " restricted to its values" if self.restricted else ""
            return f"{self.type}{only}, values: {'; '.join(_say_choice(choice) for choice in self.choices)}"
        if self.length is not None and self.type.endswith(")"):
            return f"{self.type.removesuffix(')')}, {self.length})"
        if self.length is not None:
            return f"{self.type}({self.length})"
        if self.precision is not None and self.scale is not None:
            return f"{self.type}({self.precision - self.scale}, {self.scale})"
        return self.type


def is_custom(name: str) -> bool:
    """Return whether an API name belongs to a custom field."""
    return name.lower().endswith(CUSTOM_SUFFIX)


def find_existing(
    missing: MissingField, schema: SObjectSchema, org_fields: Collection[str] = ()
) -> MissingField | None:
    """Decide whether the admin has to create or show a mapped field that describe does not list.

    Args:
        missing: the field, as if it had to be created.
        schema: the object as the connected user sees it.
        org_fields: names of all fields that the object has, including hidden ones, as far as the org lists them.

    Returns:
        The field to create, or the hidden field to show, under its name in the org. None when the connected user sees
        the field under another name, such as one with a namespace: then the mapping has to change.
    """
    if is_hidden(missing.name, org_fields):
        return replace(missing, hidden=True)
    if find_twin(missing.name, [field.name for field in schema.fields]):
        return None
    if twin := find_twin(missing.name, org_fields):
        return replace(missing, name=twin, hidden=True)
    return missing


def is_hidden(name: str, org_fields: Collection[str]) -> bool:
    """Return whether a field that describe does not list is among all fields of the object, ignoring case."""
    return name.lower() in {field.lower() for field in org_fields}


def missing_fields(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    longest: Mapping[str, int],
    *,
    org_fields: Collection[str] | None = None,
) -> list[MissingField]:
    """List the mapped fields that the admin has to create or show, each with a type that suits its column.

    Args:
        spec: the integration.
        schema: the object as the connected user sees it.
        dtypes: the report's columns. A column that is missing counts as text.
        longest: see `measure_texts`.
        org_fields: names of all fields that the object has, including hidden ones; None when the org does not list
            them.
    """
    wanted = (
        suggest_field(
            mapping.column or "",
            mapping.field,
            dtypes.get(mapping.source, pl.String()),
            longest=longest.get(mapping.source, 0),
        )
        for mapping in spec.fields
        if schema.get(mapping.field) is None
    )
    return tell_labels_apart(missing for field in wanted if (missing := find_existing(field, schema, org_fields or ())))


def suggest_field(column: str, name: str, dtype: pl.DataType, *, longest: int = 0) -> MissingField:
    """Suggest a custom field that can hold the column, whose longest text has `longest` UTF-16 units."""
    label = build_label(column, name)
    match kind_of(dtype):
        case "number":
            return MissingField(label, name, "Number", precision=18, scale=0 if dtype.is_integer() else 2)
        case "boolean":
            return MissingField(label, name, "Checkbox")
        case "date":
            return MissingField(label, name, "Date")
        case "datetime":
            return MissingField(label, name, "Date/Time")
        case "time":
            return MissingField(label, name, "Time")
    if longest > SHORT_TEXT:
        length = USUAL_LONG_TEXT if longest <= USUAL_LONG_TEXT else LONGEST_TEXT
        return MissingField(label, name, LONG_TEXT, length=length)
    return MissingField(label, name, "Text", length=SHORT_TEXT)


def copy_field(field: SObjectField) -> MissingField | None:
    """Describe a field so that another org can get one like it; None where its type is one that we do not create."""
    type_ = TYPE_NAMES.get(field.type)
    if type_ is None or not field.custom or field.calculated or field.auto_number:
        return None
    missing = MissingField(field.label, field.name, type_)
    match field.type:
        case "double" | "percent" | "currency":
            return replace(missing, precision=field.precision, scale=field.scale)
        case "string":
            return replace(missing, length=field.length)
        case "textarea" if field.html_formatted or field.length > SHORT_TEXT:
            return replace(missing, type=RICH_TEXT if field.html_formatted else LONG_TEXT, length=field.length)
        case "picklist" | "multipicklist":
            pairs = zip(field.picklist, field.picklist_labels or field.picklist, strict=True)
            choices = tuple(Choice(value, label) for value, label in pairs)
            return replace(missing, choices=choices, restricted=field.restricted_picklist) if choices else None
    return missing


def build_label(column: str, name: str) -> str:
    """Build a label of at most 40 characters from the column's name, or from the field's name if nothing is left of it.

    Characters that XML 1.0 or a terminal does not accept are removed.
    """
    for text in (column, name.removesuffix(CUSTOM_SUFFIX).replace("_", " ")):
        shown = " ".join(UNFIT_FOR_LABEL.sub(" ", text).split())
        if label := shown[:LABEL_LENGTH].strip():
            return label
    return name[:LABEL_LENGTH]


def tell_labels_apart(fields: Iterable[MissingField]) -> list[MissingField]:
    """Give the fields valid and distinct labels. A label that is already taken gets a number."""
    taken: set[str] = set()
    found = []
    for field in fields:
        label = plain = build_label(field.label, field.name)
        number = 1
        while label.casefold() in taken:
            number += 1
            end = f" {number}"
            label = plain[: LABEL_LENGTH - len(end)].rstrip() + end
        taken.add(label.casefold())
        found.append(replace(field, label=label))
    return found


def admin_message(missing: Sequence[MissingField], spec: IntegrationSpec, *, user: str | None = None) -> str:
    """Write the message to the Salesforce admin, ready to copy. It is empty when nothing is missing.

    Args:
        missing: the result of `missing_fields`.
        spec: the integration.
        user: the connected user's name.
    """
    if not missing:
        return ""
    who = f"the user {make_printable(user)}" if user else "the connected user"
    hidden = [field for field in missing if field.hidden]
    create = [field for field in missing if field.custom and not field.hidden]
    show = [field for field in missing if not field.custom and not field.hidden]
    lines = [f"The integration {spec.name!r} writes to {spec.object} in {spec.environment.title} and needs your help."]
    if create:
        lines += ["", f"Please create these custom fields on {spec.object} (unless they exist and are hidden):"]
        lines += [f"- Label: {field.label}, API name: {field.name}, type: {field.shape}" for field in create]
    if hidden:
        lines += ["", f"These fields of {spec.object} exist, but are hidden from {who}:"]
        lines += [f"- {field.name}" for field in hidden]
    if show:
        lines += ["", f"These fields of {spec.object} are not visible, or their names are wrong:"]
        lines += [f"- {field.name}" for field in show]
    lines += [
        "",
        f"Then please grant {who} Read and Edit access to each of them by field-level security (a permission set or"
        " the profile): fields made through the API are hidden from everyone, admins included, until this is granted.",
    ]
    return "\n".join(lines)


def _say_choice(choice: Choice) -> str:
    value = make_printable(choice.value)
    return value if choice.label == choice.value else f"{value} (label: {make_printable(choice.label)})"
