"""Make folders for the working files of steps, on this machine."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_center.files.file_lock import hold_folder, hold_free_folder
from integration_center.store.frames import writing

WORK = "work"
"""The folder, below the scratch folder, with the working files of steps. A killed step leaves its files behind."""


@contextmanager
def open_work_folder(scratch: Path) -> Iterator[Path]:
    """Make a folder for the length of the block, for nobody else to read. What killed steps left is deleted.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    work = scratch / WORK
    with writing(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as held:
        with writing(work), hold_folder(work):
            _delete_left(work)
            folder = TemporaryDirectory(dir=work)
            held.enter_context(hold_folder(Path(folder.name)))
        with folder as name:
            yield Path(name)


def delete_left_folders(scratch: Path) -> None:
    """Delete the folders of steps whose process is gone."""
    work = scratch / WORK
    if work.is_dir():
        with hold_folder(work):
            _delete_left(work)


def _delete_left(work: Path) -> None:
    """Delete the folders that no step holds. The caller holds `work`, so that none is just being made."""
    for folder in work.glob("*/"):
        with hold_free_folder(folder) as is_free:
            if is_free:
                shutil.rmtree(folder, ignore_errors=True)
