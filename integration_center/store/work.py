"""Keep working files of steps, and frames that must not change while a step reads them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from integration_center.store.frames import FrameFile, link_frame, writing

WORK = "work"
"""The folder, beside the stored frames, with the working files of steps. A killed step leaves its files behind."""
_PINNED: list[TemporaryDirectory[str]] = []
"""The folders of pinned frames, deleted when the process ends."""


def pin_frame(storage: Path, path: Path) -> FrameFile:
    """Link a stored frame to a path of this process, so that it does not change if another run replaces the original.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    work = storage / WORK
    with writing(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = TemporaryDirectory(dir=work)
    _PINNED.append(folder)
    pinned = FrameFile(Path(folder.name) / path.name)
    link_frame(FrameFile(path), pinned.path)
    return pinned
