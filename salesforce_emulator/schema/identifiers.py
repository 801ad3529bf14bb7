"""Salesforce record ids: 15 characters that mind case, and 3 more that make up for readers who do not."""

import re
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SINGLES = [(character, int("A" <= character <= "Z")) for character in _ALPHABET]
_PAIRS = [(first + second, bit | other << 1) for first, bit in _SINGLES for second, other in _SINGLES]
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def encode_base62(number: int, width: int) -> str:
    """Write a number in base 62, padded with zeros to `width` characters."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


@lru_cache(maxsize=65_536)
def checksum(group: str) -> str:
    """Return the checksum character of five id characters: bit j is set where character j is upper case."""
    return _CHECKSUM[sum(1 << position for position, character in enumerate(group) if "A" <= character <= "Z")]


def extend_id(id15: str) -> str:
    """Return the 18-character form of a 15-character id."""
    return id15 + checksum(id15[:5]) + checksum(id15[5:10]) + checksum(id15[10:15])


def normalize_id(text: str) -> str | None:
    """Return the 18-character form of an id of either length, or None when it is not an id.

    An 18-character id is repaired from its checksum, as the API does: a spreadsheet may have changed its case.
    """
    if not _ID.fullmatch(text):
        return None
    if len(text) == 15:
        return extend_id(text)
    if extend_id(text[:15]) == text:
        return text
    repaired = []
    for index, mark in enumerate(text[15:]):
        bits = _CHECKSUM.find(mark.upper())
        if bits < 0:
            return None
        for position, character in enumerate(text[index * 5 : index * 5 + 5]):
            is_upper = bool(bits >> position & 1)
            if is_upper and not character.isalpha():
                return None
            repaired.append(character.upper() if is_upper else character.lower())
    return extend_id("".join(repaired))


class IdSequence:
    """Makes new ids of one object in one org: key prefix, instance, counter.

    Args:
        prefix: the object's three-character key prefix, such as `00Q`.
        instance: two characters that tell the orgs apart.
        start: the first counter value.
    """

    def __init__(self, prefix: str, instance: str, start: int) -> None:
        self._head = f"{prefix}{instance}00000"
        self._tail = checksum(self._head[:5]) + checksum(self._head[5:])
        self._next = start

    def take(self) -> str:
        """Return the next 18-character id; by tables, for hundreds of thousands are made at a start."""
        high, low = divmod(self._next, len(_PAIRS))
        top, middle = divmod(high, len(_PAIRS))
        self._next += 1
        first, first_bits = _SINGLES[top]
        second, second_bits = _PAIRS[middle]
        third, third_bits = _PAIRS[low]
        mark = _CHECKSUM[first_bits | second_bits << 1 | third_bits << 3]
        return f"{self._head}{first}{second}{third}{self._tail}{mark}"
