"""Temporary files, which uploads to an org and downloads from it go through."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import IO

from integration_center.errors import ConfigurationError
from integration_center.files.system_errors import explain


@contextmanager
def open_scratch(folder: Path | None, prefix: str) -> Iterator[IO[bytes]]:
    """Open a temporary CSV file for the length of the block.

    Args:
        folder: where; None for the folder of temporary files of the machine.
        prefix: how its name begins.

    Raises:
        ConfigurationError: it cannot be made or written.
    """
    # Also around its end: to close a file writes again what found no room before.
    with writing_scratch(folder), NamedTemporaryFile(prefix=prefix, suffix=".csv", dir=folder) as file:
        yield file


@contextmanager
def writing_scratch(folder: Path | None) -> Iterator[None]:
    """Translate an error from writing a temporary file in `folder` into one of ours; see `open_scratch`.

    Raises:
        ConfigurationError: the file cannot be written. The message names the folder, and what to do.
    """
    try:
        yield
    except OSError as error:
        other = "" if folder else "; TMPDIR can name another one"
        raise ConfigurationError(
            f"a temporary file could not be written: {explain(error.errno)}",
            setting=f"its folder is {folder or gettempdir()}{other}",
        ) from None
