"""Find the lines of one record or key in many ledgers, reading as little of them as possible."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.frames import FrameFile
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.values.ids import BODY_LENGTH, complete_ids

AT_A_TIME = 8
"""Ledgers that are scanned side by side."""
ID_PART = re.compile(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}")
TELLING = (*WRITTEN, Outcome.FAILED, Outcome.CONFLICT, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.HELD, Outcome.PLANNED)
"""The outcomes of lines that say something about values."""


@dataclass(frozen=True)
class Question:
    """What is looked for.

    Attributes:
        key: as a report has it, such as an e-mail address; compared without case and outer blanks.
        record_id: the Id of a record or key, 18 characters; None when the question is no Id and no link.
    """

    key: str
    record_id: str | None = None

    @property
    def condition(self) -> pl.Expr:
        """The condition that the lines meet."""
        if self.record_id is not None:
            # A report may have Ids as its keys, such as those of users, with or without their check characters.
            keyed = rf"^\s*{self.record_id[:BODY_LENGTH]}(?:[A-Z0-5]{{3}})?\s*$"
            return (pl.col("record_id") == self.record_id).fill_null(False) | pl.col("key").str.contains(keyed)
        # A pattern takes half the time of making 9 million keys lower-case.
        return pl.col("key").str.contains(rf"(?i)^\s*{re.escape(self.key)}\s*$")


def read_question(text: str) -> Question:
    """Read a key, the Id of a record, or the link to a record."""
    plain = text.strip()
    parts = urlsplit(plain).path.split("/") if "://" in plain else [plain]
    for part in reversed(parts):
        if ID_PART.fullmatch(part) and (found := complete_ids(pl.Series([part]))[0]) is not None:
            return Question(plain, found)
    return Question(plain)


@dataclass(frozen=True)
class Place:
    """Where a line is.

    Attributes:
        number: of the ledger among those searched.
        offset: of the line in its ledger.
    """

    number: int
    offset: int
    row: int
    outcome: Outcome


def find_places(paths: Sequence[Path], question: Question) -> list[Place]:
    """Find the lines in ledgers. Of each, three columns are read, and a few ledgers at a time are in memory."""
    found: list[Place] = []
    numbered = enumerate(paths)
    while batch := list(islice(numbered, AT_A_TIME)):
        scans = [_scan(path, question) for _, path in batch]
        for (number, _), lines in zip(batch, _collect(scans), strict=True):
            found += [Place(number, offset, row, Outcome(outcome)) for offset, row, outcome in lines.iter_rows()]
    return found


def read_lines(paths: Sequence[Path], places: Iterable[Place]) -> Iterator[dict[str, object]]:
    """Read whole lines, a few ledgers side by side."""
    rest = iter(places)
    while batch := list(islice(rest, AT_A_TIME)):
        scans = [FrameFile(paths[place.number]).scan().slice(place.offset, 1) for place in batch]
        for line in pl.collect_all(scans):
            yield line.row(0, named=True)


def _scan(path: Path, question: Question) -> pl.LazyFrame:
    lines = pl.scan_parquet(path, glob=False, row_index_name="offset")
    return lines.filter(question.condition).select("offset", "row", "outcome")


def _collect(scans: list[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Collect scans side by side; a ledger that is gone or damaged has no lines."""
    try:
        return pl.collect_all(scans)
    except UNREADABLE:
        return [_collect_one(scan) for scan in scans]


def _collect_one(scan: pl.LazyFrame) -> pl.DataFrame:
    try:
        return scan.collect()
    except UNREADABLE:
        return pl.DataFrame(schema={"offset": pl.UInt32, "row": pl.UInt32, "outcome": pl.String})
