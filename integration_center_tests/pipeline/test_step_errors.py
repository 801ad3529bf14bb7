"""What a step does with an error that nobody expected."""

from typing import NoReturn

import polars as pl
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center_tests.pipeline.center import Center, email, logins


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
