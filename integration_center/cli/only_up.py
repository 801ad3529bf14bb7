"""Lets `up` run once in a home: two daemons would start each run of the day twice."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from integration_center.database.processes import is_gone, this_process
from integration_center.errors import ConfigurationError

LOCK = ".up.lock"
ENDING_SECONDS = 60.0
LOOK_SECONDS = 0.2


@contextmanager
def only_up(home: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Hold the home's lock, and give its descriptor. A process that keeps the descriptor open holds the lock, too.

    An `up` that was killed leaves processes that still end. They are waited for.

    Args:
        home: `DAGSTER_HOME`.
        say: called with a sentence when it waits.

    Raises:
        ConfigurationError: `up` runs in this home, or what is left of one does not end.
    """
    lock = os.open(home / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        deadline, announced = time.monotonic() + ENDING_SECONDS, False
        while not take(lock):
            if not was_killed(os.pread(lock, 1_000, 0)):
                raise ConfigurationError(f"`up` runs already in {home}; end that first, or set another DAGSTER_HOME")
            if time.monotonic() > deadline:
                raise ConfigurationError(f"processes of an `up` that was killed in {home} do not end; end them first")
            if not announced:
                say("processes of an `up` that was killed still end; this one starts after them")
                announced = True
            time.sleep(LOOK_SECONDS)
        os.ftruncate(lock, 0)
        os.pwrite(lock, this_process().encode(), 0)
        yield lock
    finally:
        os.close(lock)


def take(lock: int) -> bool:
    """Take a lock; False when another process holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def was_killed(note: bytes) -> bool:
    """Whether the `up` that noted its process is gone. One that has not noted it yet is not."""
    try:
        return is_gone(note.decode())
    except ValueError:
        return False
