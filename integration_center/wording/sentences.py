"""Make sentences of texts that are parts of sentences elsewhere."""

from collections.abc import Iterable


def capitalize_first(text: str) -> str:
    """Return `text` with a capital first letter. Unlike `str.capitalize`, it keeps all other letters."""
    return text[:1].upper() + text[1:]


def count(number: int, one: str, many: str | None = None) -> str:
    """Count things for a sentence: `1 run`, `1,200 runs`; with `many` also `1 person is`, `1,200 people are`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def join_parts(parts: Iterable[str]) -> str:
    """Join one part or more for a sentence: `A, B and C`."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
