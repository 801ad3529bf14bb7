"""Write text files completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from integration_center.errors import ConfigurationError
from integration_center.files.system_errors import explain


def write_atomically(path: Path, text: str) -> None:
    """Write a text file completely or not at all. An existing file keeps its mode, and a link stays a link.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    path = Path(os.path.realpath(path))
    temp = path.with_name(f".{path.name}.{uuid4().hex}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        try:
            with temp.open("x", encoding="utf-8", newline="") as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate an OSError from writing `path` into an error of ours.

    Raises:
        ConfigurationError: it cannot be written. The message says why, and what to do.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} could not be written: {explain(error.errno)}") from None
