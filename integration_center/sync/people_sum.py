"""Add up which people the lines of a ledger are about, so that two ledgers can be compared without reading either."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from integration_center.sync.columns import LAST_SEEN
from integration_center.sync.outcomes import Outcome

PEOPLE = "people"
"""The name of a sum in what the index says of a stored file."""
HASH_SEED, OTHER_SEED = 0x1D, 0x2E
BITS = 64


@dataclass(frozen=True)
class PeopleSum:
    """A sum over lines: two ledgers with the same sum have the same keys with the same records, in any order.

    It does not say what became of the lines, which a push changes.

    Attributes:
        lines: the number of lines.
        first: the sum of the hashes of key and record, modulo 2**64.
        second: the same with other hashes. By chance alone, no two different ledgers have both.
    """

    lines: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: "PeopleSum") -> "PeopleSum":
        first, second = (self.first + other.first) % 2**BITS, (self.second + other.second) % 2**BITS
        return PeopleSum(self.lines + other.lines, first, second)

    def as_dict(self) -> dict[str, Any]:
        """Return the sum for JSON, where numbers of 64 bits are not safe."""
        return {"lines": self.lines, "first": f"{self.first:x}", "second": f"{self.second:x}"}

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "PeopleSum":
        """Read a sum that `as_dict` returned."""
        return cls(given["lines"], int(given["first"], 16), int(given["second"], 16))


def sum_people(lines: pl.DataFrame) -> PeopleSum:
    """Add up lines: `key`, `record_id` and `outcome`. Only lines of the rows of the newest day count."""
    counted = lines.select(
        lines=is_row(lines),
        hash=pl.col("record_id").hash(HASH_SEED) ^ pl.col("key").hash(OTHER_SEED),
    )
    hashes = counted["hash"].filter(counted["lines"])
    return PeopleSum(len(hashes), int(hashes.sum()), int(hashes.hash(HASH_SEED).sum()))


def is_row(lines: pl.DataFrame | pl.LazyFrame) -> pl.Expr:
    """Return whether a line is of a row of the newest day, and not of a person who dropped out."""
    used = pl.col("outcome") != Outcome.SUPERSEDED
    return used & pl.col(LAST_SEEN).is_null() if LAST_SEEN in lines.collect_schema().names() else used
