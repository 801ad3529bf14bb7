"""Frames on disk: written whole or not at all, for nobody else to read; as a whole, or some rows at a time."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import IO
from uuid import uuid4

import polars as pl
from polars.io.plugins import register_io_source

from integration_center.errors import ConfigurationError

SLICE_ROWS = 100_000
"""Rows held at a time where a frame may be larger than memory should have to hold."""
COMPRESSION_LEVEL = 1
"""Of zstd: takes half the time of the usual 3, and a tenth more space."""
STATISTICS = False
"""The smallest and largest values of each hundred thousand rows rule out none of what is ever looked for."""
POLARS_OS_ERROR = "(os error "
"""What Polars ends the text of an error with that came from the system."""


SPLIT_BY = "split_by"
"""Parquet metadata of a frame that was split by days: the column that tells them apart already."""


@dataclass(frozen=True)
class FrameFile:
    """A frame that stands in a parquet file."""

    path: Path

    def scan(self) -> pl.LazyFrame:
        """The frame, to be read as far as it is needed."""
        return pl.scan_parquet(self.path)


def write_frame(
    frame: pl.DataFrame, path: Path, metadata: dict[str, str] | None = None, *, compressed: bool = True
) -> None:
    """Write a parquet file that is there whole or not at all, readable by its owner only.

    Args:
        frame: what it shall hold.
        path: where it shall stand.
        metadata: of the file.
        compressed: takes a tenth of the space, and twice the time; for what is kept day by day.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    with _drafted(path) as file:
        frame.write_parquet(
            file,
            compression="zstd" if compressed else "uncompressed",
            compression_level=COMPRESSION_LEVEL if compressed else None,
            metadata=metadata,
            row_group_size=SLICE_ROWS,
            statistics=STATISTICS,
        )


def write_slices(
    slices: Iterable[pl.DataFrame], schema: pl.Schema, path: Path, metadata: dict[str, str] | None = None
) -> FrameFile:
    """The same as `write_frame`, of frames that are made one after another and never stand in memory together.

    Args:
        slices: each with the columns of `schema`.
        schema: of the file.
        path: where it shall stand.
        metadata: of the file.
    """

    def give(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # A sink asks for everything: no projection, filter or limit comes down to here.
        yield from slices

    source = register_io_source(give, schema=schema, is_pure=False)
    with _drafted(path) as file:
        source.sink_parquet(
            file,
            metadata=metadata,
            compression_level=COMPRESSION_LEVEL,
            row_group_size=SLICE_ROWS,
            statistics=STATISTICS,
        )
    return FrameFile(path)


def link_frame(file: FrameFile, path: Path) -> None:
    """Let a frame stand at another path, too. Files are replaced, never changed, so the two may be one on disk.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    with writing(path), _draft_of(path) as draft:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.link(file.path, draft)
        except OSError:  # another disk, or one that knows no links
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"):
                copyfile(file.path, draft)
        draft.replace(path)


def write_text(text: str, path: Path) -> None:
    """Write a small file that is there whole or not at all, readable by its owner only.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    with _drafted(path) as file:
        file.write(text.encode())


def make_folder(parent: Path, name: str) -> Path:
    """A new folder in another, for nobody else to read."""
    folder = parent / name
    with writing(folder):
        folder.mkdir(mode=0o700)
    return folder


def count_height(frame: pl.LazyFrame) -> int:
    """The number of its rows."""
    return int(frame.select(pl.len()).collect().item())


def read_slices(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Successive rows of a frame that stands on disk; of an empty one, one frame without rows."""
    for start in range(0, max(count_height(frame), 1), SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS).collect()


def cut_slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The same of a frame in memory."""
    for start in range(0, max(frame.height, 1), SLICE_ROWS):
        yield frame.slice(start, SLICE_ROWS)


def keep_rows_whole(slices: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Successive lines, in order of their report's `row`, cut so that all lines of a row stand in one slice."""
    rest = pl.DataFrame()
    for lines in slices:
        both = pl.concat([rest, lines]) if rest.height else lines
        place = int(both["row"].search_sorted(both["row"][-1], side="left")) if both.height else 0
        rest = both[place:]
        if place:
            yield both[:place]
    yield rest


def rewrite_frame(frame: pl.LazyFrame, change: Callable[[pl.DataFrame], pl.DataFrame], path: Path) -> FrameFile:
    """Write a frame that stands on disk to another file, `change` done to some of its rows at a time."""
    return write_slices(map(change, read_slices(frame)), frame.collect_schema(), path)


@contextmanager
def _drafted(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when the block ends well."""
    with writing(path), _draft_of(path) as draft:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """The name of a file beside `path`; what is left of it when the block fails is deleted."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of a failure to write what it is.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        said = str(error) if isinstance(error, pl.exceptions.ComputeError) else error.strerror or type(error).__name__
        if isinstance(error, pl.exceptions.ComputeError) and POLARS_OS_ERROR not in said:
            raise
        raise ConfigurationError(
            f"{path} could not be written ({said}); free some space or mend the folder's rights"
        ) from None
