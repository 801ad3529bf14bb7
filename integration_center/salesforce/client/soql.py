"""Build SOQL: literals, conditions, SELECT, and queries that find records by lists of their keys.

Source: SOQL Reference, "Quoted String Escape Sequences".
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from string import ascii_letters, digits

from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, SObjectField, SObjectSchema

Key = tuple[str, Sequence[str]]

ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
UNRESERVED = f"{ascii_letters}{digits}-._~".encode()
"""The bytes that a URL may hold without escaping (RFC 3986, 2.3)."""
LITERAL_CHARACTERS = 4_000
URI_BYTES = 16_384 - 512
"""The longest query inside a URL. Salesforce answers 414 above 16,384 bytes; 512 are left for the path."""
WHOLE_TYPES = frozenset({"int", "long"})
LARGEST_NUMBER = 10**19
"""The org refuses queries for larger numbers. Indexed number fields hold at most 18 digits, a `long` 63 bits."""
ID_FORM = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def quote(text: str) -> str:
    """Write `text` as a SOQL string literal."""
    return f"'{text.translate(ESCAPES)}'"


def build_literal(field: SObjectField, value: str) -> str | None:
    """Write `value` as a literal that can be compared with `field`; None when no record can hold the value."""
    match field.type:
        case "int" | "long" | "double" | "currency" | "percent":
            try:
                number = Decimal(value.strip())
            except InvalidOperation:
                return None
            if not number.is_finite() or abs(number) >= LARGEST_NUMBER:
                return None
            if field.type in WHOLE_TYPES and number != number.to_integral_value():
                return None
            return format(number.to_integral_value() if field.type in WHOLE_TYPES else number, "f")
        case kind if kind in ID_TYPES:
            return quote(value) if ID_FORM.fullmatch(value) else None
        case _:
            return quote(value) if value and len(value) <= LITERAL_CHARACTERS else None


def write_moment(moment: datetime) -> str:
    """Write a moment for SOQL, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def build_select(fields: Sequence[str], object_name: str, where: str | None = None) -> str:
    """Build `SELECT fields FROM object_name [WHERE where]`."""
    statement = f"SELECT {','.join(fields)} FROM {object_name}"  # noqa: S608  names come from describe, values quoted
    return f"{statement} WHERE {where}" if where else statement


def build_in(field: str, literals: Iterable[str]) -> str:
    """Build `field IN (literals)`."""
    return f"{field} IN ({','.join(literals)})"


def enclose(condition: str | None) -> str | None:
    """Put the condition in parentheses, so that it cannot affect other conditions; None when there is none."""
    return f"({condition})" if condition else None


def join_conditions(*conditions: str | None) -> str | None:
    """Join the given conditions with AND; None when there is none."""
    given = [condition for condition in conditions if condition]
    return " AND ".join(f"({condition})" for condition in given) if len(given) > 1 else next(iter(given), None)


def encoded_length(text: str) -> int:
    """Count the bytes of `text` inside a URL: one for a letter, digit or `-._~`, three for every other byte."""
    content = text.encode()
    return len(content) + 2 * len(content.translate(None, UNRESERVED))


def split_literals(literals: Iterable[str], budget: int) -> Iterator[list[str]]:
    """Split `literals` into parts that each take at most `budget` bytes of a URL, commas included."""
    part: list[str] = []
    used = 0
    for literal in literals:
        size = encoded_length(literal) + len("%2C")
        if part and used + size > budget:
            yield part
            part, used = [], 0
        part.append(literal)
        used += size
    if part:
        yield part


def is_indexed(field: SObjectField) -> bool:
    """Return whether a filter on the field uses an index, so that a list of keys does not scan the object."""
    return field.filterable and (field.id_lookup or field.unique or field.external_id or field.type in ID_TYPES)


def build_key_queries(
    schema: SObjectSchema, columns: Sequence[str], key: Key | None, where: str | None
) -> tuple[str, ...] | None:
    """Build one query for each part of the key's values that fits into a URL.

    Returns:
        The queries, or none when no record can hold any of the values. None when a list of keys is not possible: there
        is no key, the field has no index or an unsuitable type, a value is not ASCII (Salesforce may change the case
        of such letters in another way), or there are so many fields that few keys fit into a URL.
    """
    field = schema.get(key[0]) if key else None
    if key is None or field is None or not is_indexed(field):
        return None
    if field.type not in NUMBER_TYPES | ID_TYPES | {"string", "email", "phone", "url"}:
        return None
    values = [value.strip() for value in key[1] if value is not None]
    if not all(value.isascii() for value in values):
        return None
    same_case = field.case_sensitive or field.type in ID_TYPES
    distinct = {value if same_case else value.lower(): value for value in values if value}.values()
    literals = [literal for value in distinct if (literal := build_literal(field, value))]
    frame = build_select(columns, schema.name, join_conditions(where, build_in(field.name, [])))
    budget = URI_BYTES - encoded_length(frame)
    if budget < URI_BYTES // 4:  # so many fields that few keys fit
        return None
    return tuple(
        build_select(columns, schema.name, join_conditions(where, build_in(field.name, part)))
        for part in split_literals(literals, budget)
    )
