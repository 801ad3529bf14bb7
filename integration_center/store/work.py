"""The folder of what steps need while they run, and frames that stay what they are while a step reads them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from integration_center.store.frames import FrameFile, link_frame, writing

WORK = "work"
"""The folder, beside the stored frames, of what steps need while they run; a killed one leaves its own behind."""
_PINNED: list[TemporaryDirectory[str]] = []
"""Gone when the process ends."""


def pin_frame(storage: Path, path: Path) -> FrameFile:
    """A stored frame under a name of this process's own: what is read of it stays, should another run replace it.

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
