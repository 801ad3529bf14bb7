"""What a step does with an error that nobody expected."""

import errno
import os
from collections.abc import Callable
from typing import NoReturn

import polars as pl
import pytest
import sqlalchemy as sa

from integration_center.database.sync_records import SyncStatus
from integration_center_tests.pipeline.center import Center, email, logins


@pytest.mark.sampled
@pytest.mark.parametrize("error", [ValueError, pl.exceptions.PanicException])
def test_an_unexpected_error_ends_the_sync_and_gives_the_object_back(
    center: Center, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """A panic of Polars is no `Exception` of Python."""

    def fail(*arguments: object, **options: object) -> NoReturn:
        raise error(f"cannot compare {email(3)}")

    center.integrate()
    center.drop(logins([1, 2, 3]))
    with monkeypatch.context() as patch:
        patch.setattr("integration_center.pipeline.assets.update_set.build_plan", fail)
        failed = center.run()
    assert not failed.success
    sync = center.sync(failed)
    assert sync.status is SyncStatus.FAILED
    assert f"unexpected {error.__name__} at" in (sync.error or "")
    assert email(3) not in (sync.error or "")
    assert center.run().success


def fill_a_database(*arguments: object, **options: object) -> NoReturn:
    with sa.create_engine("sqlite://").connect() as connection:
        connection.execute(sa.text("PRAGMA max_page_count = 1"))
        connection.execute(sa.text("CREATE TABLE kept (value TEXT)"))
    raise AssertionError("the database took it")


def fill_the_disk(*arguments: object, **options: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), email(3))


@pytest.mark.parametrize("fail", [fill_a_database, fill_the_disk])
def test_a_full_disk_is_called_so(
    center: Center, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., NoReturn]
) -> None:
    center.integrate()
    center.drop(logins([1, 2, 3]))
    monkeypatch.setattr("integration_center.pipeline.assets.update_set.build_plan", fail)
    error = center.sync(center.run()).error or ""
    assert error.startswith("the disk is full; free some space (")
    assert email(3) not in error
