"""A PostgreSQL database is made once, however many open it at once, and opened without waiting for a lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import NullPool, create_engine, inspect, text

from integration_center.database.engine import CREATION_LOCK, build_engine, reading, upgrade_database
from integration_center.database.revision import REVISION, VERSION_TABLE
from integration_center.database.tables import metadata

TOGETHER = 8


def test_many_open_a_new_database_at_once(new_postgresql: Callable[[], str]) -> None:
    url, barrier = new_postgresql(), Barrier(TOGETHER)

    def open_it(_: int) -> set[str]:
        barrier.wait()
        with reading(build_engine(url)) as connection:
            return set(inspect(connection).get_table_names())

    with ThreadPoolExecutor(TOGETHER) as pool:
        assert list(pool.map(open_it, range(TOGETHER))) == [{*metadata.tables, VERSION_TABLE}] * TOGETHER


def test_opening_takes_no_lock(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    build_engine(url).dispose()
    impatient = f"{url}&options=-c%20lock_timeout%3D100ms"
    with create_engine(url, poolclass=NullPool).connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATION_LOCK})
        for table in metadata.tables:
            other.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        build_engine(impatient).dispose()
        assert upgrade_database(impatient) == REVISION
