"""Recognize a person in stored values: by keys such as an e-mail address, and by the Ids of the person's records."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.ledger_search import Question
from integration_center.sync.values.ids import complete_ids
from integration_center.sync.values.invisible import INVISIBLE, NAME

OF_PEOPLE = ("003", "005", "00Q")
"""How the Ids of contacts, users and leads begin: such a record is a person. Other records may have many people."""
ERASED = "(erased)"
"""What replaces a person's value in a text."""
MARKS = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), INVISIBLE)
"""Invisible marks as a class of characters, for Polars and Python alike."""
HIDDEN = f"(?:{MARKS}|{NAME})"
"""An invisible mark, or its name in a message."""
ID_LENGTH = 15
"""Characters of an Id without its check characters."""


@dataclass(frozen=True)
class Person:
    """What a person is recognized by.

    Attributes:
        keys: texts such as an e-mail address, compared without case.
        record_ids: Ids of records, 18 characters.
    """

    keys: frozenset[str] = field(default_factory=frozenset)
    record_ids: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def pattern(self) -> str:
        """The regular expression that the person's values match, for Polars and Python alike."""
        parts = [
            *(write_address(key) if "@" in key else write_cell(key) for key in sorted(self.keys)),
            *(write_id(record_id) for record_id in sorted(self.record_ids)),
        ]
        return "|".join(parts)

    def is_in(self, schema: pl.Schema) -> pl.Expr:
        """Build the condition that the rows of a frame meet which hold a value of the person."""
        texts = [name for name, dtype in schema.items() if isinstance(dtype, pl.String | pl.Categorical)]
        held = [pl.col(re_name(name)).cast(pl.String) for name in texts]
        return pl.any_horizontal(pl.lit(False), *(text.str.contains(self.pattern).fill_null(False) for text in held))

    def is_in_text(self, text: str) -> bool:
        """Return whether a text holds a value of the person."""
        return re.search(self.pattern, text) is not None

    def erase_from(self, text: str) -> str:
        """Return a text without the person's values."""
        return re.sub(self.pattern, ERASED, text)


def re_name(name: str) -> str:
    """Return a column's name as `pl.col` takes it literally: it reads `^…$` as a pattern."""
    return f"^{re.escape(name)}$" if (name.startswith("^") and name.endswith("$")) or name == "*" else name


def write_address(address: str) -> str:
    """Write the expression of an e-mail address in any text, also as Salesforce alters it in a sandbox."""
    user, _, domain = address.rpartition("@")
    forms = f"{write_letters(address)}|{write_letters(f'{user}={domain}@example.com')}"
    return rf"(?i:(?:^|[^a-z0-9._%+=-])(?:{forms})(?:\.invalid)*(?:$|[^a-z0-9.-]|\.(?:$|[^a-z0-9-])))"


def write_cell(key: str) -> str:
    """Write the expression of another key: it counts as a whole cell, since `17` is in many texts."""
    return rf"(?i:^{HIDDEN}*\s*{write_letters(key)}\s*{HIDDEN}*$)"


def write_letters(text: str) -> str:
    """Write the expression of a text, which invisible marks may be among."""
    return f"{HIDDEN}*".join(map(re.escape, text))


def write_id(record_id: str) -> str:
    """Write the expression of a record's Id in any text, with or without its last three characters."""
    return rf"(?:(?:^|[^A-Za-z0-9]){re.escape(record_id[:ID_LENGTH])}(?:[A-Z0-5]{{3}})?(?:$|[^A-Za-z0-9]))"


def recognize(question: Question, ledgers: Iterable[pl.LazyFrame]) -> Person:
    """Find what else a person is recognized by, from the lines of ledgers.

    The key leads to the Ids of contacts, leads and users, and these to further keys, such as the number of the user in
    another report. The Id of a record of another kind leads nowhere: an account has many people.

    Args:
        question: the key, or the Id of a record, that was asked for.
        ledgers: with `key` and `record_id`.
    """
    pairs = [ledger.select("key", "record_id") for ledger in ledgers]
    asked = frozenset([question.record_id]) if question.record_id else frozenset[str]()
    keys = frozenset() if question.record_id else frozenset([question.key.strip()])
    if question.record_id is None:
        person = Person(keys)
        held = pl.col("key").str.contains(person.pattern)
        asked = _collect(pairs, held, "record_id", starts=OF_PEOPLE)
    people = [each for each in asked if each.startswith(OF_PEOPLE)]
    if people:
        keys |= _collect(pairs, pl.col("record_id").is_in(people), "key")
    return Person(keys, asked)


def _collect(
    pairs: Collection[pl.LazyFrame], held: pl.Expr, name: str, starts: tuple[str, ...] = ("",)
) -> frozenset[str]:
    found: set[str] = set()
    for each in pairs:
        try:
            found |= set(each.filter(held).select(name).unique().collect()[name].drop_nulls())
        except UNREADABLE:  # damaged; the search of all files says so
            continue
    if name == "key":
        return frozenset(key.strip() for key in found if key.strip())
    complete = complete_ids(pl.Series(sorted(found), dtype=pl.String))
    return frozenset(each for each in complete.drop_nulls() if each.startswith(starts))
