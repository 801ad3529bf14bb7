"""Lock a file, so that only one process at a time runs a block."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, after waiting for any other process or thread. A killed process releases its lock.

    Args:
        path: the file, created with mode 0600 if it is missing. Its folder must exist.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that exists, see `hold_lock`. Nothing is written in it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def hold_free_folder(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder if nobody else holds it, see `hold_folder`; yield whether it is held now."""
    with ExitStack() as closing:
        try:
            lock = os.open(folder, os.O_RDONLY)
            closing.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody holds it, or it is gone
            yield False
        else:
            yield True
