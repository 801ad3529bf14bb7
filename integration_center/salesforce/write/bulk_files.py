"""Write an Updates frame as the CSV files of Bulk jobs, split by size in bytes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from io import BytesIO
from itertools import count
from operator import add, or_
from pathlib import Path

import polars as pl

from integration_center.salesforce.client.cells import CLEAR, changed_fields, write_csv_cells
from integration_center.salesforce.client.scratch_files import writing_scratch
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.texts import count_units

BATCH_ROWS = 50_000
PIECES = 16
"""A file is filled with pieces of at most 1/16 of its size, so at most 1/16 of it stays unused."""
SAMPLED_ROWS = 1_000
MAX_JOB_BYTES = 100_000_000
"""Salesforce accepts 150 MB of base64 per job, and recommends at most 100 MB of raw data."""
MAX_CELL_CHARACTERS = 32_000
MAX_ROW_CHARACTERS = 400_000
"""The most characters that Bulk API 2.0 takes in a field and in a record ("Limits and Allocations"). A long text area
holds up to 131,072, which sObject Collections take."""
PLAIN_CELL_CHARACTERS = 40
"""More than a number, a date or a time takes."""


@dataclass(frozen=True)
class Part:
    """One file: the ids of its records, its path, its size in bytes, and the SHA-256 of its content."""

    ids: pl.Series
    path: Path
    size: int
    content_hash: str


def is_unfit_for_bulk(updates: pl.DataFrame, schema: SObjectSchema) -> pl.Expr:
    """Return whether a Bulk file cannot carry a line as it is, while Collections can.

    A text `#N/A` would clear its field, and Bulk refuses longer texts than `MAX_CELL_CHARACTERS`.

    Args:
        updates: an Updates frame.
        schema: the object. Its lengths tell which texts have to be measured at all.
    """
    fields = changed_fields(updates)
    longest = {
        name: (described.length if (described := schema.get(name)) else 0) or MAX_ROW_CHARACTERS
        for name in fields
        if updates.schema[f"after.{name}"] == pl.String()
    }
    sent = {name: pl.when(f"changed.{name}").then(f"after.{name}") for name in longest}
    size = {name: count_units(text).fill_null(0) for name, text in sent.items()}
    marks = [(text == CLEAR).fill_null(False) for text in sent.values()]
    marks += [size[name] > MAX_CELL_CHARACTERS for name, most in longest.items() if most > MAX_CELL_CHARACTERS]
    rest = PLAIN_CELL_CHARACTERS * len(fields)
    if rest + sum(longest.values()) > MAX_ROW_CHARACTERS:
        marks.append(reduce(add, size.values()) + rest > MAX_ROW_CHARACTERS)
    return reduce(or_, marks, pl.lit(False)) & pl.col("Id").is_not_null()


def _write_rows(updates: pl.DataFrame, fields: Sequence[str], room: int) -> Iterator[tuple[pl.Series, bytes]]:
    """Yield the rows as CSV text, split in halves until each piece fits into `room` bytes or is a single row."""
    cells = write_csv_cells(updates, fields)
    buffer = BytesIO()
    cells.write_csv(buffer, include_header=False, line_terminator="\n", null_value="")
    text = buffer.getvalue()
    if len(text) <= room or updates.height <= 1:
        yield cells["Id"], text
        return
    half = updates.height // 2
    yield from _write_rows(updates[:half], fields, room)
    yield from _write_rows(updates[half:], fields, room)


def _count_rows(updates: pl.DataFrame, room: int) -> int:
    """Return how many rows to write at once: `BATCH_ROWS`, or fewer wide rows, so that few pieces need splitting."""
    estimated = max(estimate_bytes(updates), 1)
    return max(1, min(BATCH_ROWS, updates.height * room * 9 // (10 * estimated)))


def estimate_bytes(updates: pl.DataFrame) -> int:
    """Estimate the CSV size of an Updates frame in bytes, from its first rows."""
    sample = updates.head(SAMPLED_ROWS)
    if sample.is_empty():
        return 0
    ((_, text),) = _write_rows(sample, changed_fields(updates), len(sample) * MAX_JOB_BYTES)
    return len(text) * updates.height // sample.height


def write_parts(
    updates: pl.DataFrame, fields: Sequence[str], folder: Path, max_bytes: int = MAX_JOB_BYTES
) -> Iterator[Part]:
    """Write the files one after another. Each file is deleted when the next one is requested.

    Args:
        updates: an Updates frame.
        fields: the fields that become columns.
        folder: the folder for the files. Others must not be able to read it, because the files hold values.
        max_bytes: the largest size of a file, with its header. A larger single row gets a file of its own.

    Raises:
        ConfigurationError: the disk is full.
    """
    header = (",".join(["Id", *fields]) + "\n").encode()
    room = (max_bytes - len(header)) // PIECES
    step = _count_rows(updates, room)
    pieces = (
        piece
        for start in range(0, updates.height, step)
        for piece in _write_rows(updates[start : start + step], fields, room)
    )
    held = next(pieces, None)
    for number in count():
        if held is None:
            return
        path = folder / f"part-{number}.csv"
        digest, size = hashlib.sha256(header), len(header)
        ids: list[pl.Series] = []
        with writing_scratch(folder.parent), path.open("wb") as file:
            file.write(header)
            while held is not None and (not ids or size + len(held[1]) <= max_bytes):
                ids.append(held[0])
                file.write(held[1])
                digest.update(held[1])
                size += len(held[1])
                held = next(pieces, None)
        yield Part(pl.concat(ids), path, size, digest.hexdigest())
        path.unlink()
