"""Dagster's runs, events and ticks on the server that holds our own tables: one setting names both.

`dagster.yaml` names the class, and the address is read from the settings, so that no file and no command line holds its
password. A `dagster.yaml` of your own with Dagster's documented `storage: postgres:` works, too.
"""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, ClassVar

from dagster._config.config_schema import UserConfigSchema  # not public, as all of a storage class
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import make_url

from integration_center.database.engine import build_engine
from integration_center.database.server import choose_driver, open_pool
from integration_center.errors import ConfigurationError
from integration_center.pipeline.known_runs import KnownRuns
from integration_center.pipeline.planned_events import are_announced, build_rows, store_announced
from integration_center.settings import read_settings

CREATION_LOCK = 0x1C_DA
"""Any number: PostgreSQL's advisory lock for creating Dagster's tables."""
TABLES = frozenset({"runs", "event_logs", "jobs"})
"""A table of each of Dagster's three stores."""


class ServerRuns(KnownRuns, PostgresRunStorage):
    """Dagster's table of runs in PostgreSQL."""


class ServerEvents(PostgresEventLogStorage):
    """Dagster's event log in PostgreSQL."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that Dagster hands over together; see `planned_events`."""
        if not are_announced(events):
            super().store_event_batch(events)
            return
        # Each statement commits at once. In a transaction, Dagster's first question about the tables, which it asks on
        # the same connection, would end that and take the events back.
        with_times = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        with self.index_connection() as connection:
            store_announced(self, connection, events, build_rows(self, events), with_times=with_times)


class ServerStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL, on the connections that this process shares.

    Dagster's own class opens a connection for each statement, or three pools of 21 connections in the web server.
    """

    _complete: ClassVar[set[str]] = set()
    """Databases of which this process knows that they have all tables."""
    _creating: ClassVar[Lock] = Lock()

    def __init__(self, url: str, inst_data: ConfigurableClassData | None = None) -> None:
        pool = open_pool(make_url(url), autocommit=True)
        with self._creating:
            if url not in self._complete:
                create_tables(url, pool)
                self._complete.add(url)
        super().__init__(url, should_autocreate_tables=False, inst_data=inst_data)
        self._run_storage = ServerRuns(url, should_autocreate_tables=False)
        self._event_log_storage = ServerEvents(url, should_autocreate_tables=False)
        for store in (self._run_storage, self._event_log_storage, self._schedule_storage):
            store._engine = pool
            store.optimize_for_webserver = keep_pool  # type: ignore[method-assign] # of three classes that are not ours

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take no options: the settings name the database."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ServerStorage":
        """Open the database that the settings name.

        Raises:
            ConfigurationError: they name no server.
            DatabaseOutdated: our tables in it must be upgraded first.
        """
        settings = read_settings()
        if not settings.has_database_server:
            raise ConfigurationError(
                "Dagster's history is to be kept on a database server, and none is set",
                setting="dagster.yaml keeps it in the database of INTEGRATION_CENTER_DATABASE_URL, which names no"
                " server; set it to postgresql://USER:PASSWORD@HOST/NAME, or remove `storage:` from dagster.yaml",
            )
        build_engine(settings.database)  # our tables first: an old one of them has the name of one of Dagster's
        url = choose_driver(make_url(settings.database)).render_as_string(hide_password=False)
        return cls(url, inst_data)


def keep_pool(statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
    """Keep the pool in the web server, too, where Dagster would give each store one of its own."""


def create_tables(url: str, pool: Engine) -> None:
    """Create Dagster's tables in a new database, one process at a time."""
    if _has_tables(pool):
        return
    with pool.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": CREATION_LOCK})
        try:
            DagsterPostgresStorage(url)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": CREATION_LOCK})


def _has_tables(pool: Engine) -> bool:
    return set(inspect(pool).get_table_names()) >= TABLES
