"""Delete stored reports, plans, ledgers and snapshots after 90 days, because they hold personal data."""

from datetime import datetime, timedelta
from pathlib import Path

from integration_center.store.frame_store import FrameStore
from integration_center.store.work import delete_left_folders

KEPT = timedelta(days=90)


def delete_old_files(frames: FrameStore, scratch: Path, now: datetime) -> int:
    """Delete the files that were stored more than `KEPT` before `now`, and count them.

    Args:
        frames: the store of all files, for all hosts.
        scratch: the folder of this machine for working files and copies.
        now: the time.
    """
    limit = now - KEPT
    count = frames.delete_old(limit)
    delete_left_folders(scratch)
    for root in {scratch, frames.objects.root}:
        count += _delete_unindexed(frames, root, limit)
    return count


def _delete_unindexed(frames: FrameStore, root: Path, limit: datetime) -> int:
    """Delete the old files of this machine that the index does not name: what a crash or an earlier version left."""
    count = 0
    for path in root.rglob("*"):
        if not path.is_file() or path.stat().st_mtime >= limit.timestamp():
            continue
        # The report that a sync read stays as long as the ledger of the sync.
        if not path.is_relative_to(frames.objects.root) or not frames.index.is_used(
            path.relative_to(frames.objects.root).as_posix()
        ):
            path.unlink(missing_ok=True)
            count += 1
    for folder in root.glob("ledgers/*/"):
        if not any(folder.iterdir()):
            folder.rmdir()
    return count
