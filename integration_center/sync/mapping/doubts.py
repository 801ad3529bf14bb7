"""Columns whose values may mean something else than they say, and the fields that would then hold wrong values."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.mapping.fitness import TYPES_FIT, Fault
from integration_center.sync.schema import MOMENT_TYPES, NUMBER_TYPES, SObjectField, SObjectSchema

Kind = Literal["numbers", "fractions", "times"]


@dataclass(frozen=True)
class Doubt:
    """What is in doubt about the values of a column.

    Attributes:
        kind: what may be read wrongly: numbers; numbers with a fraction, which may be thousands; or times.
        said: what was found in which file, and the line of `report.yaml` that settles it.
    """

    kind: Kind
    said: str


def find_misread(spec: IntegrationSpec, schema: SObjectSchema, doubts: Mapping[str, Doubt]) -> list[Fault]:
    """Find the fields that would hold other values than the report means.

    Args:
        spec: the integration, with the report's spelling of columns.
        schema: the object.
        doubts: what is in doubt about the report's columns.
    """
    return [
        Fault(
            TYPES_FIT,
            "IN_DOUBT",
            f"{doubt.said}; until then {schema.name}.{field.name} might get other values than are meant",
            column,
            field.name,
        )
        for mapping in spec.fields
        if (field := schema.get(mapping.field))
        for column in mapping.columns
        if (doubt := doubts.get(column)) and would_misread(doubt, field, mapping)
    ]


def would_misread(doubt: Doubt, field: SObjectField, mapping: FieldMapping) -> bool:
    """Return whether the field would hold a value that is in doubt.

    A field for whole numbers has no use for fractions. In a field with decimals they are as the report writes them.
    """
    match doubt.kind:
        case "times":
            return field.type in MOMENT_TYPES
        case "fractions":
            return field.type in NUMBER_TYPES and field.scale == 0 and mapping.factor is None
    return field.type in NUMBER_TYPES


def write_doubts(doubts: Mapping[str, Doubt]) -> str:
    """Write doubts as text, to store them with the rows."""
    return json.dumps({column: asdict(doubt) for column, doubt in doubts.items()})


def read_doubts(text: str | None) -> dict[str, Doubt]:
    """Read what `write_doubts` has written; nothing from None."""
    return {column: Doubt(**said) for column, said in json.loads(text).items()} if text else {}


def join_doubts(found: Iterable[Mapping[str, Doubt]]) -> dict[str, Doubt]:
    """Join the doubts about the rows of several days: the first one of each column."""
    joined: dict[str, Doubt] = {}
    for doubts in found:
        joined = {**doubts, **joined}
    return joined
