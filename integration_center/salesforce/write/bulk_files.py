"""The CSV files of Bulk jobs: an Updates frame cut by bytes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path

import polars as pl

from integration_center.salesforce.client.cells import changed_fields, write_csv_cells
from integration_center.salesforce.client.faults import build_disk_error

BATCH_ROWS = 50_000
PIECES = 16
"""What a file is filled with is at most one of so many parts of it, so that no more than that stays empty."""
SAMPLED_ROWS = 1_000
MAX_JOB_BYTES = 100_000_000
"""Salesforce takes 150 MB of base64 a job and advises at most 100 MB of raw data."""


@dataclass(frozen=True)
class Part:
    """One file: the records in it, where it lies, its bytes, and the SHA-256 of its content."""

    ids: pl.Series
    path: Path
    size: int
    content_hash: str


def _write_rows(updates: pl.DataFrame, fields: Sequence[str], room: int) -> Iterator[tuple[pl.Series, bytes]]:
    """The rows as CSV text, halved until each piece fits into `room` bytes or is a single row."""
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
    """How many rows to write at a time, so that few have to be halved: `BATCH_ROWS`, fewer of wide ones."""
    estimated = max(estimate_bytes(updates), 1)
    return max(1, min(BATCH_ROWS, updates.height * room * 9 // (10 * estimated)))


def estimate_bytes(updates: pl.DataFrame) -> int:
    """About how many bytes of CSV an Updates frame makes, judged by its first rows."""
    sample = updates.head(SAMPLED_ROWS)
    if sample.is_empty():
        return 0
    ((_, text),) = _write_rows(sample, changed_fields(updates), len(sample) * MAX_JOB_BYTES)
    return len(text) * updates.height // sample.height


def write_parts(
    updates: pl.DataFrame, fields: Sequence[str], folder: Path, max_bytes: int = MAX_JOB_BYTES
) -> Iterator[Part]:
    """Writes the files one after another; each is removed when the next is asked for.

    Args:
        updates: an Updates frame.
        fields: those that become columns.
        folder: for the files, not readable by others, for they hold values.
        max_bytes: of a file, with its header. A single row that is larger gets a file of its own.

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
        try:
            with path.open("wb") as file:
                file.write(header)
                while held is not None and (not ids or size + len(held[1]) <= max_bytes):
                    ids.append(held[0])
                    file.write(held[1])
                    digest.update(held[1])
                    size += len(held[1])
                    held = next(pieces, None)
        except OSError as error:
            raise build_disk_error(error) from None
        yield Part(pl.concat(ids), path, size, digest.hexdigest())
        path.unlink()
