"""Count the lines and rows of a ledger by outcome, and what Salesforce refused by its codes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.refusals import REFUSED

MOST_CODES = 20
"""So many codes are kept, the most frequent ones."""


@dataclass(frozen=True)
class Counts:
    """The number of lines, or of rows, per outcome; 0 for an outcome that does not occur."""

    of: Mapping[Outcome, int] = field(default_factory=dict)

    def __getitem__(self, outcome: Outcome) -> int:
        return self.of.get(outcome, 0)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts({outcome: self[outcome] + other[outcome] for outcome in {*self.of, *other.of}})

    @property
    def total(self) -> int:
        """The number of all lines, or of all rows."""
        return sum(self.of.values())

    @property
    def sent(self) -> int:
        """The number that were sent to Salesforce, whatever it answered."""
        return self.written + sum(self[outcome] for outcome in (Outcome.FAILED, Outcome.UNPROCESSED, Outcome.UNKNOWN))

    @property
    def written(self) -> int:
        """The number that Salesforce accepted."""
        return sum(self[outcome] for outcome in WRITTEN)

    def as_dict(self) -> dict[str, int]:
        """Return the outcomes that occur, by name, from best to worst."""
        return {outcome.value: self[outcome] for outcome in Outcome if self[outcome]}


def count_lines(lines: pl.DataFrame) -> Counts:
    """Count the lines per outcome."""
    return _count(lines["outcome"])


def count_rows(lines: pl.DataFrame, by_line: Counts | None = None) -> Counts:
    """Count the report rows per outcome. A row's outcome is that of its worst line.

    Args:
        lines: with every line of each of their rows.
        by_line: the result of `count_lines`, if it is known.
    """
    row = lines["row"]
    repeats = (row == row.shift()).fill_null(False)
    shared = (repeats | repeats.shift(-1, fill_value=False)) if row.is_sorted() else row.is_duplicated()
    if not shared.any():
        return count_lines(lines) if by_line is None else by_line  # one line per row
    several = lines.select("row", pl.col("outcome").cast(OUTCOME)).filter(shared)
    worst = several.group_by("row").agg(pl.col("outcome").max())
    return _count(lines["outcome"].filter(~shared)) + _count(worst["outcome"])


@dataclass(frozen=True)
class Tally:
    """Lines and rows per outcome. The tallies of parts add up to the tally of the whole.

    Attributes:
        refused: the lines that Salesforce refused, by its code.
    """

    lines: Counts = field(default_factory=Counts)
    rows: Counts = field(default_factory=Counts)
    refused: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Tally") -> "Tally":
        refused = Counter(self.refused) + Counter(other.refused)
        return Tally(self.lines + other.lines, self.rows + other.rows, dict(refused))

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the form used in the log of syncs: `{"lines": {"updated": 3}, "rows": {"updated": 2}}`.

        Where records were refused, `refused` has the codes.
        """
        counted = {"lines": self.lines.as_dict(), "rows": self.rows.as_dict()}
        codes = sorted(self.refused.items(), key=lambda code: (-code[1], code[0]))[:MOST_CODES]
        return {**counted, REFUSED: dict(codes)} if codes else counted

    @classmethod
    def read(cls, counts: Mapping[str, Mapping[str, int]]) -> Self:
        """Read the form that `as_dict` returns."""
        lines, rows = (
            Counts({Outcome(name): count for name, count in counts[side].items()}) for side in ("lines", "rows")
        )
        return cls(lines, rows, counts.get(REFUSED, {}))


def tally_lines(lines: pl.DataFrame) -> Tally:
    """Tally some lines, which must include every line of each of their rows."""
    by_line = count_lines(lines)
    return Tally(by_line, count_rows(lines, by_line), _count_refused(lines) if by_line[Outcome.FAILED] else {})


def _count(outcomes: pl.Series) -> Counts:
    counted = outcomes.cast(OUTCOME).value_counts(name="count")
    return Counts({Outcome(outcome): count for outcome, count in counted.iter_rows()})


def _count_refused(lines: pl.DataFrame) -> dict[str, int]:
    codes = lines.filter(pl.col("outcome") == Outcome.FAILED)["code"].fill_null("")
    return dict(codes.value_counts().iter_rows())
