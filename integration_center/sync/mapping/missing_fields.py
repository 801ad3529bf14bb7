"""Mapped fields that the object lacks, and what to ask the Salesforce admin for."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.fit import kind_of
from integration_center.wording.near_names import find_twin
from integration_center.wording.plain_text import CONTROLS, make_printable

LABEL_LENGTH = 40
"""The longest label of a custom field."""
CUSTOM_SUFFIX = "__c"
UNFIT_FOR_LABEL = re.compile(f"{CONTROLS.pattern}|[\ufffe\uffff]")
"""Control characters, and what XML 1.0 forbids besides them."""


@dataclass(frozen=True)
class MissingField:
    """A custom field to create.

    Attributes:
        label: made of the column's name.
        name: the API name the integration maps to.
        type: as the Setup pages of Salesforce call it.
        length: of text, in characters.
        precision: of a number, its digits in all; scale: its decimals.
        hidden: the org has the field, and hides it from the connected user.
    """

    label: str
    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    hidden: bool = False

    @property
    def custom(self) -> bool:
        """Whether it can be created; a standard field can only be made visible."""
        return is_custom(self.name)

    @property
    def shape(self) -> str:
        """Type and size: `Text(255)`, `Number(16, 2)`, in digits before and after the point, as Setup asks for them."""
        if self.length is not None:
            return f"{self.type}({self.length})"
        if self.precision is not None and self.scale is not None:
            return f"{self.type}({self.precision - self.scale}, {self.scale})"
        return self.type


def is_custom(name: str) -> bool:
    """Whether an API name is that of a custom field."""
    return name.lower().endswith(CUSTOM_SUFFIX)


def find_existing(
    missing: MissingField, schema: SObjectSchema, org_fields: Collection[str] = ()
) -> MissingField | None:
    """What the admin has to do for a mapped field that describe does not show, given what the org has.

    Args:
        missing: the field, as if it had to be created.
        schema: the object as the connected user sees it.
        org_fields: names of all fields that the object has, hidden ones included, as far as the org tells.

    Returns:
        The field to create, or the hidden one to show, under the name that it has in the org. None where the
        connected user sees it under another name, such as one with a namespace: then the mapping has to change.
    """
    if is_hidden(missing.name, org_fields):
        return replace(missing, hidden=True)
    if find_twin(missing.name, [field.name for field in schema.fields]):
        return None
    if twin := find_twin(missing.name, org_fields):
        return replace(missing, name=twin, hidden=True)
    return missing


def is_hidden(name: str, org_fields: Collection[str]) -> bool:
    """Whether a field that describe does not show is among all fields of the object, without regard to case."""
    return name.lower() in {field.lower() for field in org_fields}


def missing_fields(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    *,
    org_fields: Collection[str] | None = None,
) -> list[MissingField]:
    """The mapped fields that the admin has to create or to show, each with the type that suits its column.

    Args:
        spec: the integration.
        schema: the object as the connected user sees it.
        dtypes: the report's columns; one that is missing is taken for text.
        org_fields: names of all fields that the object has, hidden ones included; None when the org does not tell.
    """
    wanted = (
        suggest_field(mapping.column, mapping.field, dtypes.get(mapping.column, pl.String()))
        for mapping in spec.fields
        if schema.get(mapping.field) is None
    )
    return tell_labels_apart(missing for field in wanted if (missing := find_existing(field, schema, org_fields or ())))


def suggest_field(column: str, name: str, dtype: pl.DataType) -> MissingField:
    """A custom field that can hold the column."""
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
    return MissingField(label, name, "Text", length=255)


def build_label(column: str, name: str) -> str:
    """A label of at most 40 characters: the column's name in one line, or the field's where nothing is left of that.

    What XML 1.0 or a terminal does not take is left out.
    """
    for text in (column, name.removesuffix(CUSTOM_SUFFIX).replace("_", " ")):
        shown = " ".join(UNFIT_FOR_LABEL.sub(" ", text).split())
        if label := shown[:LABEL_LENGTH].strip():
            return label
    return name[:LABEL_LENGTH]


def tell_labels_apart(fields: Iterable[MissingField]) -> list[MissingField]:
    """The fields with sound labels; one that is taken gets a number."""
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
    """The message to the Salesforce admin, ready to copy; empty when nothing is missing.

    Args:
        missing: what `missing_fields` found.
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
