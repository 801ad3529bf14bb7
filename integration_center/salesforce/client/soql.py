"""Build SOQL: literals, conditions and SELECT. Source: SOQL Reference, "Quoted String Escape Sequences"."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from string import ascii_letters, digits

from integration_center.sync.schema import ID_TYPES, SObjectField

ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
UNRESERVED = f"{ascii_letters}{digits}-._~".encode()
"""The bytes that a URL may hold without escaping (RFC 3986, 2.3)."""
LITERAL_CHARACTERS = 4_000
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
