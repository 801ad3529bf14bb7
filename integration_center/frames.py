"""Writes frames to disk: whole or not at all, and for nobody else to read."""

import os
from pathlib import Path
from uuid import uuid4

import polars as pl

from integration_center.errors import ConfigurationError


def write_frame(frame: pl.DataFrame, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a parquet file that is there whole or not at all, readable by its owner only.

    Raises:
        ConfigurationError: the disk is full or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            frame.write_parquet(file, metadata=metadata)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{path} could not be written ({error.strerror}); free some space or mend the folder's rights"
        ) from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
