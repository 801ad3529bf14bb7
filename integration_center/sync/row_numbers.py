"""The number of a report row in its file, as a spreadsheet counts: usually the header is row 1, the first row 2.

In plans and ledgers `row` counts from 0. Where the file has more above a row than its header, or a run reads several
files, they also have `file_row`, and of several files of a day `file`.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import polars as pl

from integration_center.sync.columns import FILE, FILE_ROW, HEADER_ROWS, LAST_SEEN

NAMED_ROW = re.compile(r"^row (\d+)(?:@(\d+)(?: of (.+?))?)?(?= has the (?:same key|value of all rows))")
"""How a reason names another row of the report: with its number in the file, and the file, where lines have these."""
MOST_RUNS = 10_000
"""The most runs of rows that are kept. In a file with more gaps than that, lines without a row are not counted."""


class Run(NamedTuple):
    """Rows whose numbers in a file follow each other.

    Attributes:
        first: the first row, counted from 0.
        number: the number of this row in its file.
        step: what the number grows by from row to row: 2 where an empty line is below each row.
        file: the name of the file, where a day has several.
    """

    first: int
    number: int
    step: int = 1
    file: str | None = None


@dataclass(frozen=True)
class RowNumbers:
    """The numbers of all rows of a report, in runs. The first one begins with row 0."""

    runs: Sequence[Run] = (Run(0, HEADER_ROWS),)

    @classmethod
    def of_places(cls, places: Iterable[tuple[int, int]]) -> Self:
        """Join the rows at which numbers do not grow by 1, each with its number. The first one is row 0."""
        runs: list[Run] = []
        given = [*places]
        below = [*(first for first, _ in given[1:]), None]
        alone, before = 0, 0  # how many rows of the last run are alone between gaps, and the number of the last row
        for (first, number), end in zip(given, below, strict=True):
            is_alone, step = end == first + 1, number - before
            if is_alone and alone and (alone == 1 or step == runs[-1].step):
                runs[-1] = runs[-1]._replace(step=step)
                alone += 1
            else:
                runs.append(Run(first, number))
                alone = int(is_alone)
            before = number
        return cls(tuple(runs if len(runs) <= MOST_RUNS else runs[:1]))

    @classmethod
    def join(cls, parts: Iterable[tuple["RowNumbers", int]]) -> Self:
        """Join the numbers of the rows of files or days that follow each other, each with its height."""
        runs: list[Run] = []
        above = 0
        for numbers, height in parts:
            runs += [run._replace(first=run.first + above) for run in numbers.runs if run.first < height]
            above += height
        return cls(tuple(runs)) if runs else cls()

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read what `write` has written. Reports of earlier versions have none."""
        return cls(tuple(Run(*each) for each in json.loads(text))) if text else cls()

    def write(self) -> str | None:
        """Write the runs as text; None where the first row is below the header, and each other one below another."""
        return None if self.is_usual else json.dumps(self.runs)

    @property
    def is_usual(self) -> bool:
        """Whether the first row is row 2 of the file, and no line is passed over."""
        return self == USUAL

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns that lines have with these numbers."""
        return {FILE_ROW: pl.UInt32(), **({FILE: pl.String()} if any(run.file for run in self.runs) else {})}

    def in_file(self, name: str) -> Self:
        """Return the numbers with the name of their file."""
        return type(self)(tuple(run._replace(file=name) for run in self.runs))

    def number(self, rows: pl.Series) -> pl.Series:
        """Return the numbers of rows, UInt32, which are counted from 0."""
        place = self._find_runs(rows)
        first, number, step = (
            pl.Series([run[part] for run in self.runs], dtype=pl.Int64).gather(place) for part in range(3)
        )
        return (number + (rows.cast(pl.Int64) - first) * step).cast(pl.UInt32)

    def name_files(self, rows: pl.Series) -> pl.Series:
        """Return the names of the files of rows, String."""
        return pl.Series([run.file for run in self.runs], dtype=pl.String).gather(self._find_runs(rows))

    def note_rows(self, reasons: pl.Series) -> pl.Series:
        """Add to reasons that name another row its number in the file, and the file."""
        naming = reasons.drop_nulls().unique()
        noted = {each: NAMED_ROW.sub(self._note, each) for each in naming.filter(naming.str.starts_with("row "))}
        return reasons.replace(noted) if noted else reasons

    def _note(self, found: re.Match[str]) -> str:
        row = int(found[1])
        run = self.runs[bisect_right(self.runs, row, key=lambda each: each.first) - 1]
        of_file = f" of {run.file}" if run.file else ""
        return f"row {row}@{run.number + (row - run.first) * run.step}{of_file}"

    def _find_runs(self, rows: pl.Series) -> pl.Series:
        return pl.Series([run.first for run in self.runs], dtype=pl.UInt32).search_sorted(rows, side="right") - 1


USUAL = RowNumbers()
"""The numbers of a file whose first row is below its header, in row 2, and that has no other lines."""


def number_of(line: Mapping[str, Any]) -> int | None:
    """Return the number of the row of a ledger's line in its file; None for a line that belongs to no row of a file."""
    if line.get(LAST_SEEN) is not None:
        return None
    found: int | None = line[FILE_ROW] if FILE_ROW in line else line["row"] + HEADER_ROWS
    return found


def number_lines(columns: Iterable[str]) -> pl.Expr:
    """Build the expression of what `number_of` returns for lines with these columns."""
    there = set(columns)
    number = pl.col(FILE_ROW) if FILE_ROW in there else pl.col("row") + HEADER_ROWS
    return pl.when(pl.col(LAST_SEEN).is_null()).then(number) if LAST_SEEN in there else number


def say_rows(reason: str) -> str:
    """Return a reason that names another row with the number that a spreadsheet shows, and the row's file."""
    return NAMED_ROW.sub(_say, reason)


def _say(found: re.Match[str]) -> str:
    number = int(found[2]) if found[2] else int(found[1]) + HEADER_ROWS
    return f"row {number:,} of {found[3]}" if found[3] else f"row {number:,}"


def count_as_spreadsheet(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines of a ledger with the numbers that a spreadsheet shows, in `row` and in `reason`."""
    naming = lines["reason"].drop_nulls().unique()
    said = {reason: say_rows(reason) for reason in naming.filter(naming.str.starts_with("row "))}
    numbered = lines.with_columns(number_lines(lines.columns).alias("row"), pl.col("reason").replace(said))
    return numbered.drop(FILE_ROW, strict=False)


def keep_numbers(lines: pl.DataFrame) -> pl.DataFrame:
    """Add the numbers of the rows to lines that get other rows, such as those of an undo."""
    return lines.with_columns(number_lines(lines.columns).cast(pl.UInt32).alias(FILE_ROW))
