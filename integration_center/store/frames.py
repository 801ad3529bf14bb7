"""Write frames to disk completely or not at all, readable by the owner only, as a whole or a slice at a time."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from queue import Full, Queue
from typing import IO, Literal
from uuid import uuid4

import polars as pl
from polars.io.plugins import register_io_source

from integration_center.files import text_files

SLICE_ROWS = 50_000
"""The rows per slice of a frame that may be too large for memory."""
MOST_LINES_A_ROW = 2
"""So many lines may the rows of a slice have on average before their lines are cut once more: each cut reads the rows
again, and in most reports a few rows match several records."""
CELLS_TOGETHER = 4_000_000
"""The most cells of a row group. A frame of many columns has fewer rows in each, because each is in memory as a whole.
"""
COMPRESSION: Literal["lz4"] = "lz4"
"""Frames are read several times in a run. With lz4 they take twice the space of zstd, and half of its time."""
STATISTICS = False
"""No statistics: the smallest and largest value of 100,000 rows would exclude nothing that we look for."""
WRITER_SECONDS = 0.2
"""After this time without a free place it is asked whether the thread that writes has failed."""
POLARS_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""Marks a Polars error that came from the operating system."""


Part = pl.DataFrame | RuntimeError | None
"""What is handed to the thread that writes: a frame, an error to end with, or the end."""
SPLIT_BY = "split_by"
"""The Parquet metadata that names the column with the day, in a frame of several days."""


@dataclass(frozen=True)
class FrameFile:
    """A frame in a parquet file."""

    path: Path

    def scan(self) -> pl.LazyFrame:
        """Scan the frame lazily."""
        return pl.scan_parquet(self.path, glob=False)

    def read(self, columns: list[str] | None = None) -> pl.DataFrame:
        """Read the frame, or some of its columns."""
        return pl.read_parquet(self.path, columns=columns, glob=False)


def write_frame(
    frame: pl.DataFrame, path: Path, metadata: dict[str, str] | None = None, *, compressed: bool = True
) -> None:
    """Write a parquet file completely or not at all, readable by its owner only.

    Args:
        frame: the content.
        path: the path of the file.
        metadata: the metadata of the file.
        compressed: whether to compress. It takes twice the time and a quarter of the space, for files kept day by day.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    with writing_file(path) as file:
        frame.write_parquet(
            file,
            compression=COMPRESSION if compressed else "uncompressed",
            metadata=metadata,
            row_group_size=find_group_size(frame.width),
            statistics=STATISTICS,
        )


def write_slices(
    slices: Iterable[pl.DataFrame], schema: pl.Schema, path: Path, metadata: dict[str, str] | None = None
) -> FrameFile:
    """Write successive frames to one file, as `write_frame` does, without having all of them in memory.

    The frames are made in the thread of the caller, while another one writes the frame before.
    """
    handed: Queue[Part] = Queue(maxsize=1)

    def give(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # A sink reads everything, so the arguments have no projection, filter or limit.
        while (part := handed.get()) is not None:
            if isinstance(part, RuntimeError):
                raise part
            yield part

    source = register_io_source(give, schema=schema, is_pure=False)
    with writing_file(path) as file, ThreadPoolExecutor(1, "write_slices") as writer:
        written = writer.submit(
            source.sink_parquet,
            file,
            metadata=metadata,
            compression=COMPRESSION,
            row_group_size=find_group_size(len(schema)),
            statistics=STATISTICS,
        )
        try:
            for part in slices:
                if not _hand_over(handed, part, written):
                    break
        except BaseException:
            _hand_over(handed, RuntimeError("the next frame could not be made"), written)
            raise
        _hand_over(handed, None, written)
        written.result()
    return FrameFile(path)


def find_group_size(width: int) -> int:
    """Return how many rows of a frame with so many columns are in one row group."""
    return max(1, min(SLICE_ROWS, CELLS_TOGETHER // max(width, 1)))


def _hand_over(handed: Queue[Part], part: Part, written: Future[None]) -> bool:
    """Hand a part to the thread that writes; return whether that thread still takes any."""
    while not written.done():
        with suppress(Full):
            handed.put(part, timeout=WRITER_SECONDS)
            return True
    return False


def write_text(text: str, path: Path) -> None:
    """Write a small text file completely or not at all, readable by its owner only.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    with writing_file(path) as file:
        file.write(text.encode())


def count_height(frame: pl.LazyFrame) -> int:
    """Count the rows of a frame."""
    return int(frame.select(pl.len()).collect().item())


def read_slices(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield slices of a frame on disk; for an empty frame, one slice without rows."""
    for start in range(0, max(count_height(frame), 1), SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS).collect()


def cut_slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield slices of a frame in memory; for an empty frame, one slice without rows."""
    for start in range(0, max(frame.height, 1), SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS)


def cut_lines(lines: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield slices of lines in memory, which are sorted by `row`; for an empty frame, one slice without lines.

    Each has all lines of its rows. The rows of a slice are in one slice of their frame on disk, too.
    """
    starts = range(0, lines["row"][-1] + 1 if lines.height else 1, SLICE_ROWS)
    # All at once: each search for itself copies the rows.
    cuts = lines["row"].search_sorted(pl.Series(starts, dtype=pl.UInt32), side="left")
    for first, end in pairwise([*cuts, lines.height]):
        part = lines[first:end]
        if part.height > MOST_LINES_A_ROW * SLICE_ROWS:
            yield from keep_rows_whole(cut_slices(part))
        elif part.height or not lines.height:
            yield part


def keep_rows_whole(slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Move the cuts between slices of lines, which are sorted by `row`, so that all lines of a row are in one slice."""
    rest = pl.DataFrame()
    for lines in slices:
        both = pl.concat([rest, lines]) if rest.height else lines
        place = int(both["row"].search_sorted(both["row"][-1], side="left")) if both.height else 0
        rest = both[place:]
        if place:
            yield both[:place]
    yield rest


def rewrite_frame(
    frame: pl.LazyFrame,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    path: Path,
    metadata: dict[str, str] | None = None,
) -> FrameFile:
    """Write a frame on disk to another file, with `change` applied to one slice at a time."""
    return write_slices(map(change, read_slices(frame)), frame.collect_schema(), path, metadata)


@contextmanager
def writing_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that is at `path` when the block ends without an error."""
    with writing(path), _temp_file_of(path) as temp:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)


@contextmanager
def _temp_file_of(path: Path) -> Iterator[Path]:
    """Yield the name of a temporary file in the folder of `path`, and delete the file if the block fails."""
    temp = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield temp
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate an error from writing into an error of ours.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    with text_files.writing(path):
        try:
            yield
        except pl.exceptions.ComputeError as error:
            if (found := POLARS_OS_ERROR.search(str(error))) is None:
                raise
            raise OSError(int(found[1]), str(error)) from None
