"""Connections to a SQLite file: one for each transaction, and used again where much is done with one installation."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, event

from integration_center.database.engine import build_engine, kept_open, reading, writing
from integration_center.database.stops import Stops
from integration_center.database.tables import audit

pytestmark = pytest.mark.sqlite


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return build_engine(f"sqlite:///{tmp_path / 'center.db'}")


@contextmanager
def counting(engine: Engine) -> Iterator[list[object]]:
    """The connections that are opened meanwhile."""
    opened: list[object] = []

    def note(connection: object, _: object) -> None:
        opened.append(connection)

    event.listen(engine, "connect", note)
    yield opened
    event.remove(engine, "connect", note)


def is_open(engine: Engine) -> bool:
    """Whether this process has the database or a file beside it open."""
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # another thread has closed it meanwhile
            if os.readlink(f"/proc/self/fd/{fd}").startswith(str(engine.url.database)):
                return True
    return False


def test_a_process_has_one_engine_for_a_file(engine: Engine, tmp_path: Path) -> None:
    assert build_engine(str(engine.url)) is engine
    assert build_engine(f"sqlite:///{tmp_path / 'other.db'}") is not engine


def test_each_transaction_outside_of_a_block_closes_the_file(engine: Engine) -> None:
    with counting(engine) as opened:
        for _ in range(3):
            Stops(engine).find()
    assert len(opened) == 3
    assert not is_open(engine)


def test_in_a_block_a_connection_is_used_again_and_closed_at_its_end(engine: Engine) -> None:
    with counting(engine) as opened, kept_open(engine):
        for _ in range(3):
            Stops(engine).find()
            with kept_open(engine), writing(engine):
                pass
    assert len(opened) == 1
    assert not is_open(engine)


def test_threads_and_nested_transactions_have_connections_of_their_own(engine: Engine) -> None:
    both, seen = Barrier(3), []

    def read() -> None:
        with reading(engine) as connection:
            seen.append(connection.connection.dbapi_connection)
            both.wait(20)

    with kept_open(engine):
        threads = [Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        read()
        for thread in threads:
            thread.join(20)
    assert len({id(connection) for connection in seen}) == 3


def test_one_thread_uses_the_connection_of_another_after_it(engine: Engine) -> None:
    with counting(engine) as opened, kept_open(engine):
        thread = Thread(target=Stops(engine).find)
        thread.start()
        thread.join(20)
        Stops(engine).find()
    assert len(opened) == 1


def test_a_connection_that_a_thread_holds_beyond_the_block_is_closed_after_its_use(engine: Engine) -> None:
    with kept_open(engine):
        reader = engine.connect()
        reader.exec_driver_sql("SELECT 1")
    assert is_open(engine)
    reader.close()
    assert not is_open(engine)


def test_a_failed_transaction_leaves_nothing_to_the_next_one(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(audit.insert().values(at=datetime.now(UTC), who="ann", place="::1", action="ran"))
            raise RuntimeError

    with kept_open(engine):
        with pytest.raises(RuntimeError):
            write_and_fail()
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one() == 0
        # And it holds no lock that another process would wait for.
        other = sqlite3.connect(engine.url.database or "", timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of newer Pythons, in a process with threads
def test_a_forked_process_takes_no_connection_of_its_parent(engine: Engine) -> None:
    with kept_open(engine), counting(engine) as opened:
        Stops(engine).find()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Stops(engine).find()
                Stops(engine).find()
                code = 0 if len(opened) == 3 else 2  # one each: the child is in no block
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        Stops(engine).find()
        assert len(opened) == 1
    assert not Path(f"{engine.url.database}-wal").exists()
