"""Delete stored reports, plans, ledgers and snapshots after 90 days, because they hold personal data."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from integration_center.store.work import WORK

KEPT = timedelta(days=90)
WORKING = timedelta(days=2)
"""No step runs this long. Older working files were left by a killed process."""


def delete_old_files(storage: Path, now: datetime) -> int:
    """Delete the files below `storage` that were last written more than `KEPT` before `now`, and count them."""
    limit, abandoned = ((now - age).timestamp() for age in (KEPT, WORKING))
    for folder in storage.joinpath(WORK).glob("*"):
        if folder.stat().st_mtime < abandoned:
            shutil.rmtree(folder)
    old = [path for path in storage.rglob("*") if path.is_file() and path.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    for folder in sorted(storage.glob("ledgers/*/")):
        if not any(folder.iterdir()):
            folder.rmdir()
    return len(old)
