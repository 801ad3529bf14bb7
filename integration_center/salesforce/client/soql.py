"""SOQL text: literals, and the one statement we need. Source: SOQL Reference, "Quoted String Escape Sequences"."""

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
"""What a URL may hold as it is (RFC 3986, 2.3)."""
LITERAL_CHARACTERS = 4_000
WHOLE_TYPES = frozenset({"int", "long"})
LARGEST_NUMBER = 10**19
"""Number fields that are indexed hold at most 18 digits, a `long` 63 bits; the org refuses queries beyond that."""
ID_FORM = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def quote(text: str) -> str:
    """`text` as a SOQL string literal."""
    return f"'{text.translate(ESCAPES)}'"


def build_literal(field: SObjectField, value: str) -> str | None:
    """`value` as a literal that may be compared with `field`; None when no record of the org can hold it."""
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
    """A moment as SOQL takes it, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def build_select(fields: Sequence[str], object_name: str, where: str | None = None) -> str:
    """`SELECT fields FROM object_name [WHERE where]`."""
    statement = f"SELECT {','.join(fields)} FROM {object_name}"  # noqa: S608  names come from describe, values quoted
    return f"{statement} WHERE {where}" if where else statement


def build_in(field: str, literals: Iterable[str]) -> str:
    """`field IN (literals)`."""
    return f"{field} IN ({','.join(literals)})"


def enclose(condition: str | None) -> str | None:
    """The condition in parentheses, so that nothing in it reaches beyond them; None when there is none."""
    return f"({condition})" if condition else None


def join_conditions(*conditions: str | None) -> str | None:
    """All conditions that are given, joined by AND."""
    given = [condition for condition in conditions if condition]
    return " AND ".join(f"({condition})" for condition in given) if len(given) > 1 else next(iter(given), None)


def encoded_length(text: str) -> int:
    """The bytes `text` takes inside a URL: one for a letter, digit or `-._~`, else three for each of its own."""
    content = text.encode()
    return len(content) + 2 * len(content.translate(None, UNRESERVED))


def split_literals(literals: Iterable[str], budget: int) -> Iterator[list[str]]:
    """Parts of `literals` whose commas and text take at most `budget` bytes of a URL each."""
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
