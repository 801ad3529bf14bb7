"""Engines for a PostgreSQL server: all parts of a process share one pool of connections per database.

Everything that a process does with one database waits for the same connection. So a server needs at most two
connections for each run (one of ours, one of Dagster's) and ten for the processes that stay.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread, local
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool
from sqlalchemy.pool.base import _ConnectionFairy  # not public; SQLAlchemy's own SingletonThreadPool does the same

DRIVER = "postgresql+psycopg2"
"""What Dagster's storage needs. One driver serves both stores."""
SAME_SERVER = frozenset({"postgres", "postgresql", "postgresql+psycopg", DRIVER})
"""The ways to write a PostgreSQL address: the driver is ours to choose."""
CONNECTIONS = 1
"""Connections that a process opens to one database, for our tables and for Dagster's each."""
PATIENCE_SECONDS = 30
"""Seconds a thread waits for a connection of its process. Transactions take milliseconds, upgrades some seconds."""
CONNECT_SECONDS = 10
OUTAGE_SECONDS = 25
"""Seconds that a process which executes runs asks again for a server that went away. Other threads wait as long."""
LOOK_SECONDS = 0.5
PASSING = (
    "connection refused",
    "no such file or directory",
    "starting up",
    "shutting down",
    "recovery",
    "accepting connections",
    "closed the connection",
    "connection reset",
    "timeout expired",
    "no route to host",
    "network is unreachable",
    "name resolution",
)
"""What a driver says of a server that is restarted, or that the network does not reach at the moment."""
IDLE_SECONDS = 5.0
"""Seconds after which a process closes a connection that it does not use."""
NUL, REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"


def choose_driver(url: URL) -> URL:
    """Name the driver in an address of a PostgreSQL server. Other addresses stay as they are."""
    return url.set(drivername=DRIVER) if url.drivername in SAME_SERVER else url


def open_pool(url: URL, *, autocommit: bool = False) -> Engine:
    """Return the process's engine for the database at `url`, with its pool of connections.

    Args:
        url: of a database server.
        autocommit: let each statement commit at once, as Dagster's storage expects.

    Raises:
        ImportError: the driver is not installed.
    """
    key = (choose_driver(url), autocommit)
    with _opening:  # threads that ask together get the same pool
        if key not in _pools:
            _pools[key] = _Pool(_build_engine(*key))
            if len(_pools) == 1:
                Thread(target=_close_idle, name="idle connections", daemon=True).start()
        return _pools[key].engine


def outlast_restarts() -> None:
    """Let this process wait for a server that it had reached before and that does not answer now.

    For processes that execute runs. Pages and commands fail at once instead, and say so to the person who waits.
    """
    _patient.set()


def fail_at_once() -> None:
    """Let this process report at once that a server does not answer, as it does from its start on."""
    _patient.clear()


def close_pools() -> None:
    """Close the connections that nobody uses, and forget the engines; the next use builds them again."""
    with _opening:
        for pool in _pools.values():
            pool.engine.dispose()
        _pools.clear()


class SharedInThread(QueuePool):
    """A pool that gives a thread the connection that the thread holds already.

    Dagster asks for a connection while it holds another, so a pool with a limit would make it wait for itself. Both may
    use one connection where each statement commits at once.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held = local()

    def connect(self) -> PoolProxiedConnection:
        """Check out the connection that this thread holds, or one that is free."""
        reference = getattr(self._held, "current", None)
        held: _ConnectionFairy | None = reference() if reference is not None else None
        return held._checkout_existing() if held is not None else _ConnectionFairy._checkout(self, self._held)

    def _return_conn(self, record: ConnectionPoolEntry) -> None:
        if hasattr(self._held, "current"):
            del self._held.current
        super()._return_conn(record)


@dataclass
class _Pool:
    """An engine, and when a connection of it was last asked for."""

    engine: Engine
    used_at: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        event.listen(self.engine, "checkout", self._note_use)

    def _note_use(self, raw: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        self.used_at = monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether its connections have been free for a while."""
        pool = self.engine.pool
        unused = isinstance(pool, QueuePool) and pool.checkedin() > 0 and pool.checkedout() == 0
        return unused and monotonic() - self.used_at > IDLE_SECONDS


_pools: dict[tuple[URL, bool], _Pool] = {}
_opening = Lock()
_patient = Event()
"""Set in a process that executes runs."""


def _build_engine(url: URL, autocommit: bool) -> Engine:
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "poolclass": SharedInThread} if autocommit else {}
    if url.drivername == DRIVER and "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        pool_pre_ping=True,  # a server that was restarted in between costs no run
        hide_parameters=True,
        **options,
    )
    event.listen(engine, "before_cursor_execute", _replace_nul, retval=True)
    event.listen(engine, "do_connect", _connect)
    return engine


def _connect(
    dialect: Dialect, entry: ConnectionPoolEntry, arguments: tuple[Any, ...], options: dict[str, Any]
) -> DBAPIConnection:
    """Open a connection, in a process that executes runs also while the server is restarted."""
    # A library's retries would be logged, and what is logged in a run goes to the very database.
    deadline = monotonic() + (OUTAGE_SECONDS if _patient.is_set() else 0.0)
    while True:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.Error as error:
            if not _is_passing(error) or monotonic() > deadline:
                raise
        sleep(LOOK_SECONDS)


def _is_passing(error: Exception) -> bool:
    """Return whether a failed connection may succeed later, unlike one with a wrong name or password."""
    said = str(error).lower()
    return any(words in said for words in PASSING)


def _close_idle() -> None:
    """Close connections that nobody has used for a while, as long as the process has engines.

    A process that stays (console, web server, code server) is idle most of the time.
    """
    while True:
        sleep(IDLE_SECONDS / 2)
        with _opening:
            if not _pools:
                return
            for pool in _pools.values():
                if pool.is_idle:
                    pool.engine.dispose()


def _forget_connections() -> None:
    """Let a forked process neither use nor close the connections of its parent."""
    global _opening
    _opening = Lock()
    for pool in _pools.values():
        pool.engine.dispose(close=False)
    _pools.clear()


os.register_at_fork(after_in_child=_forget_connections)


def _replace_nul(
    connection: Connection,
    cursor: DBAPICursor,
    statement: str,
    parameters: Any,
    context: ExecutionContext | None,
    executemany: bool,
) -> tuple[str, Any]:
    """Replace NUL in texts: PostgreSQL stores none. A look-up by such a text finds nothing, as in SQLite."""
    return statement, _without_nul(parameters)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(NUL, REPLACEMENT) if NUL in value else value
    if isinstance(value, Mapping):
        return {name: _without_nul(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_without_nul, value))
    return value
