"""What was read of an org goes when the org goes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from integration_center.accounts.connecting import connect_client_credentials, disconnect
from integration_center.accounts.connections import Connection
from integration_center.accounts.store import AccountStore
from integration_center.database.file_index import DatabaseIndex
from integration_center.integration.spec import Environment
from integration_center.salesforce.read.snapshot import Basis, SnapshotInfo
from integration_center.salesforce.read.snapshot_file import SnapshotFolder
from integration_center.settings import Settings
from integration_center.store.frame_store import build_frame_store
from integration_center_tests.accounts.fake_salesforce import ORG_ID, OTHER_ORG_ID, FakeSalesforce
from integration_center_tests.frame_stores import find_snapshot_path

SANDBOX = Environment.SANDBOX


@pytest.fixture
def connect(settings: Settings, store: AccountStore, salesforce: FakeSalesforce) -> Callable[[], Connection]:
    return lambda: connect_client_credentials(SANDBOX, settings, store, connected_by="ann")


def keep_snapshot(settings: Settings, store: AccountStore, org_id: str, slug: str = "logins") -> Path:
    frames = build_frame_store(settings, DatabaseIndex(store.engine))
    file = SnapshotFolder(frames).of(slug, "Lead", org_id, "005")
    moment = datetime(2026, 11, 22, 8, tzinfo=UTC)
    basis = Basis(org_id, "005", "Lead", "hash", None, "/services/data/v66.0")
    file.save(
        SnapshotInfo(basis, moment, moment, moment, moment, 1), pl.DataFrame({"Id": ["00Q"], "Email": ["a@x.org"]})
    )
    return find_snapshot_path(file)


def test_disconnecting_deletes_the_snapshots_of_that_org_alone(
    connect: Callable[[], Connection], settings: Settings, store: AccountStore
) -> None:
    connect()
    own = [keep_snapshot(settings, store, ORG_ID, slug) for slug in ("logins", "nps")]
    other = keep_snapshot(settings, store, OTHER_ORG_ID)
    done = disconnect(SANDBOX, settings, store)
    assert not any(path.exists() for path in own)
    assert other.exists()
    assert "the snapshots of its records" in done.summary
    assert done.undeleted is None


def test_a_refreshed_sandbox_loses_the_snapshots_of_the_org_it_was(
    connect: Callable[[], Connection], settings: Settings, store: AccountStore, salesforce: FakeSalesforce
) -> None:
    connect()
    path = keep_snapshot(settings, store, ORG_ID)
    connect()
    assert path.exists(), "connected again, the org is the same"
    salesforce.org_id = OTHER_ORG_ID
    connection = connect()
    assert not path.exists()
    assert "its snapshots are deleted" in connection.summary


def test_snapshots_that_cannot_be_deleted_are_named(
    connect: Callable[[], Connection], settings: Settings, store: AccountStore
) -> None:
    connect()
    place = keep_snapshot(settings, store, ORG_ID)
    place.unlink()
    place.mkdir()
    done = disconnect(SANDBOX, settings, store)
    assert f"NOT deleted: {place} could not be deleted" in done.summary
    assert store.list() == ()
