"""The processes that execute runs, and whether they live: each beats every 15 seconds, and is gone after 60 without.

A process on this host is known by its number at once. For every other host and container, the beat decides.
"""

import logging
import os
from datetime import datetime, timedelta
from threading import Event, Lock, Thread

from sqlalchemy import Engine, delete, select, update

from integration_center.database.engine import read_clock, reading, upsert, writing
from integration_center.database.processes import is_gone, this_process
from integration_center.database.server import fail_at_once, outlast_restarts
from integration_center.database.tables import leases, workers
from integration_center.errors import IntegrationCenterError

logger = logging.getLogger(__name__)

BEAT_SECONDS = 15.0
GONE_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=7)
MOST_DATABASES = 2
"""How many databases a process beats in: it works with one, and tests with one after another."""


class Workers:
    """The table of processes that execute runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self) -> None:
        """Note that this process lives, and renew the leases that it holds."""
        with writing(self._engine) as connection:
            now = read_clock(connection)
            upsert(connection, workers, ("process",), {"process": this_process(), "beat_at": now})
            own = update(leases).where(leases.c.process == this_process())
            connection.execute(own.values(expires_at=now + GONE_AFTER))

    def is_gone(self, process: str) -> bool:
        """Whether the named process has ended: known on this host, else by its beat. One that never beat may live."""
        if is_gone(process):
            return True
        with reading(self._engine) as connection:
            query = select(workers.c.beat_at).where(workers.c.process == process)
            beat_at: datetime | None = connection.execute(query).scalar_one_or_none()
            return beat_at is not None and beat_at <= read_clock(connection) - GONE_AFTER

    def forget_old(self) -> None:
        """Delete the processes that ended long ago."""
        with writing(self._engine) as connection:
            old = workers.c.beat_at <= read_clock(connection) - FORGOTTEN_AFTER
            connection.execute(delete(workers).where(old))


def keep_beating(engine: Engine) -> None:
    """Beat now, and let this process beat to its end, in a thread: a step may take long, and so may what is between.

    It beats now even if the thread exists, because the process may have been stopped for long, as a container that is
    frozen, and take a new run before the thread beats again.

    The process executes a run. So from now on it also waits for a database server that is restarted.

    Raises:
        TransientError: the database does not take the first beat.
    """
    outlast_restarts()
    place = engine.url.render_as_string(hide_password=False)
    table = Workers(engine)
    table.beat()
    with _starting:
        if place in _hearts:
            return
        while len(_hearts) >= MOST_DATABASES:
            _hearts.pop(next(iter(_hearts))).set()
        stopped = Event()
        Thread(target=_beat_on, args=(table, stopped), name="heartbeat", daemon=True).start()
        _hearts[place] = stopped
    table.forget_old()


def stop_beating() -> None:
    """Let this process beat no more, as one that executes no runs."""
    fail_at_once()
    with _starting:
        for stopped in _hearts.values():
            stopped.set()
        _hearts.clear()


_hearts: dict[str, Event] = {}
"""What ends the beats of this process, by database."""
_starting = Lock()


def _beat_on(table: Workers, stopped: Event) -> None:
    while not stopped.wait(BEAT_SECONDS):
        try:
            table.beat()
        except IntegrationCenterError as error:  # a locked database or a restarted server may pass
            logger.warning("this process could not note that it lives: %s", error)


def _forget_hearts() -> None:
    """Let a forked process, which has no threads, begin again."""
    global _starting
    _starting = Lock()
    _hearts.clear()


os.register_at_fork(after_in_child=_forget_hearts)
