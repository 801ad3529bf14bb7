"""Make folders for the working files of steps, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_center.store.frames import writing

WORK = "work"
"""The folder, below the scratch folder, with the working files of steps. A killed step leaves its files behind."""


@contextmanager
def open_work_folder(scratch: Path) -> Iterator[Path]:
    """Make a folder for the length of the block, for nobody else to read.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    work = scratch / WORK
    with writing(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = TemporaryDirectory(dir=work)
    with folder as name:
        yield Path(name)
