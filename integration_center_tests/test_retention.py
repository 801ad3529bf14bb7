"""Stored frames are deleted after 90 days, and only then."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import FrameFile, write_frame
from integration_center.store.retention import delete_old_files
from integration_center.store.stored_files import FileKind, Place
from integration_center_tests.frame_stores import open_store

NOW = datetime.now(UTC)
FRAME = pl.DataFrame({"a": [1]})


def keep(frames: FrameStore, name: str, age: timedelta, kind: FileKind = FileKind.LEDGER) -> Path:
    """Store a frame that has the age of its file and of its line in the index."""
    place = Place(name, kind, "logins")
    path = frames.publish_frame(place, FRAME).path
    make_older(path, age)
    stored = frames.index.find(name)
    assert stored is not None
    frames.index.put(type(stored)(place, stored.key, NOW - age, stored.rows))
    return path


def make_older(path: Path, age: timedelta) -> None:
    moment = (NOW - age).timestamp()
    os.utime(path, (moment, moment))


def test_only_files_older_than_90_days_go(tmp_path: Path) -> None:
    frames, scratch = open_store(tmp_path), tmp_path / "storage"
    old = [
        keep(frames, name, timedelta(days=91))
        for name in (
            "ledgers/run-1/logins_to_leads.parquet",
            "insights/logins/2026-08-01.parquet",
            "snapshots/00D/lead/logins.parquet",
        )
    ]
    young = [
        keep(frames, "ledgers/run-2/logins_to_leads.parquet", timedelta(days=89)),
        keep(frames, "insights/logins/2026-11-22.parquet", timedelta(days=1)),
    ]
    of_nobody = scratch / "insights" / "logins" / "left.parquet"
    write_frame(FRAME, of_nobody)
    make_older(of_nobody, timedelta(days=91))

    assert delete_old_files(frames, scratch, NOW) == 4

    assert not any(path.exists() for path in (*old, of_nobody))
    assert not old[0].parent.exists()
    assert all(path.exists() for path in young)
    assert delete_old_files(frames, scratch, NOW) == 0


def test_a_report_stays_as_long_as_the_ledger_of_a_sync_that_read_it(tmp_path: Path) -> None:
    frames = open_store(tmp_path)
    report = keep(frames, "insights/nps/2026-08-01.parquet", timedelta(days=100), FileKind.REPORT)
    frames.publish_file(Place("ledgers/run-1/nps.2026-08-01.parquet", FileKind.DAY_READ, "nps"), FrameFile(report))

    assert delete_old_files(frames, tmp_path / "storage", NOW) == 1

    assert frames.fetch("insights/nps/2026-08-01.parquet") is None
    kept = frames.fetch("ledgers/run-1/nps.2026-08-01.parquet")
    assert kept is not None
    assert kept.path == report


def test_a_replaced_version_stays_while_a_step_may_read_it(tmp_path: Path) -> None:
    frames = open_store(tmp_path)
    place = Place("ledgers/run-1/logins.parquet", FileKind.LEDGER, "logins")
    first, second = (frames.publish_frame(place, FRAME).path for _ in range(2))
    frames.delete_old(NOW - timedelta(days=90))
    assert first.exists()
    frames.delete_replaced()
    assert not first.exists()
    assert second.exists()


def test_a_storage_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    assert delete_old_files(open_store(tmp_path), tmp_path / "nowhere", NOW) == 0
