"""Stored frames are deleted after 90 days, and only then."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from integration_center.store.retention import delete_old_files

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def store(path: Path, age: timedelta) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    moment = (NOW - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_only_files_older_than_90_days_go(tmp_path: Path) -> None:
    old_ledger = store(tmp_path / "ledgers" / "run-1" / "logins_to_leads.parquet", timedelta(days=91))
    old_report = store(tmp_path / "insights" / "logins" / "2026-08-01.parquet", timedelta(days=100))
    old_snapshot = store(tmp_path / "snapshots" / "00D" / "lead" / "logins.parquet", timedelta(days=91))
    ledger = store(tmp_path / "ledgers" / "run-2" / "logins_to_leads.parquet", timedelta(days=89))
    report = store(tmp_path / "insights" / "logins" / "2026-11-22.parquet", timedelta(days=1))

    assert delete_old_files(tmp_path, NOW) == 3

    assert not old_ledger.parent.exists()
    assert not old_report.exists()
    assert not old_snapshot.exists()
    assert ledger.exists()
    assert report.exists()


def test_a_storage_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    assert delete_old_files(tmp_path / "storage", NOW) == 0
