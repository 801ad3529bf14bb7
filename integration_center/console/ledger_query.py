"""What is asked of a ledger: an outcome, a reason, a key or record to find, and an order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import polars as pl

from integration_center.sync.outcomes import Outcome
from integration_center.sync.reason_groups import GROUPED, group_reason

RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
SORTS: Mapping[str, str] = {"row": "row", "key": "key", "record": "record_id", "outcome": "outcome"}
"""What a ledger can be sorted by, and the columns."""


@dataclass(frozen=True)
class LedgerQuery:
    """Which records of a ledger are asked for, in which order.

    Attributes:
        outcome: only those; None for all.
        reason: only those with this reason, as `group_reason` writes it; empty for all.
        text: only those whose key holds this, or whose record it names by Id or link; empty for all.
        find: the token of `text`; see `Searches`.
        record_row: only the line with this number and the rows that were rolled up into it; None for all.
        sort: one of `SORTS`; descending: whether the order is turned round.
    """

    outcome: Outcome | None = None
    reason: str = ""
    text: str = ""
    find: str = ""
    record_row: int | None = None
    sort: str = "row"
    descending: bool = False

    @property
    def active(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.outcome or self.reason or self.text or self.record_row is not None)

    def address(self, **changes: Any) -> str:
        """The query of an address that asks for this, with some of it changed."""
        changed = replace(self, **changes) if changes else self
        asked = {
            "outcome": changed.outcome.value if changed.outcome else "",
            "reason": changed.reason,
            "find": changed.find,
            "record": "" if changed.record_row is None else str(changed.record_row),
            "sort": "" if changed.sort == "row" and not changed.descending else changed.sort,
            "down": "1" if changed.descending else "",
        }
        return urlencode({name: value for name, value in asked.items() if value})

    def narrow(self, ledger: pl.LazyFrame) -> pl.LazyFrame:
        """The records asked for, with the reason that their group shares, in their order."""
        lines = ledger.with_columns(group_reason())
        if self.outcome is not None:
            lines = lines.filter(pl.col("outcome") == self.outcome.value)
        if self.reason:
            lines = lines.filter(pl.col(GROUPED) == self.reason)
        if self.text:
            lines = lines.filter(_find(self.text))
        if self.record_row is not None:
            is_part = (pl.col("outcome") == Outcome.ROLLED_UP.value) & (
                pl.col("reason").str.contains(f"^row {self.record_row}[ @]")
            )
            lines = lines.filter((pl.col("row") == self.record_row) | is_part)
        if self.sort == "row" and not self.descending:
            return lines
        return lines.sort(SORTS[self.sort], "row", descending=[self.descending, False], nulls_last=True)


def _find(text: str) -> pl.Expr:
    """Build the condition for a key that holds `text`, or the record that it names."""
    key = pl.col("key").str.to_lowercase().str.contains(text.lower(), literal=True)
    record = read_record_id(text)
    return key | pl.col("record_id").str.starts_with(record) if record else key


def read_record_id(text: str) -> str | None:
    """Read the first 15 characters of a record's Id, which tell it apart, from the Id or from a link to the record."""
    path = urlsplit(text).path if "://" in text else text
    found = (part for part in path.split("/") if RECORD_ID.fullmatch(part) and any(map(str.isdigit, part)))
    return next((part[:15] for part in found), None)
