"""Take rows that are Python lists some at a time: as columns they take far less memory."""

from collections.abc import Iterator, Sequence
from itertools import islice

Row = tuple[list[str], int]
"""The cells of a row, and the number of the line on which it ends."""
BATCH_ROWS = 50_000
"""The most rows of a batch."""
BATCH_BYTES = 100_000_000
"""About the most bytes of a batch. It has fewer rows where these are wide, or have long cells."""
CELL_BYTES = 60
"""What a cell takes as a Python text, beside its characters."""
FIRST_ROWS = 100
"""The rows that show how large the following ones may be."""


def cut_batches(rows: Iterator[Row]) -> Iterator[tuple[list[Row], bool]]:
    """Yield the rows some at a time, each time with whether these are the last ones."""
    batches = [list(islice(rows, min(FIRST_ROWS, BATCH_ROWS)))]
    while batches[0]:
        batches.append(list(islice(rows, count_rows_together(batches[0]))))
        yield batches.pop(0), not batches[0]  # nothing here holds a batch that the caller is done with


def count_rows_together(batch: Sequence[Row]) -> int:
    """Return how many rows the next batch may have, if they are as large as those of this one."""
    size = sum(CELL_BYTES * len(row) + sum(map(len, row)) for row, _ in batch)
    return max(1, min(BATCH_ROWS, BATCH_BYTES * len(batch) // size))
