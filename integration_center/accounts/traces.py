"""What a deleted account may leave behind: tokens in the log of the database, and snapshots of the org's records."""

from collections.abc import Iterable

from sqlalchemy import Engine

from integration_center.database.file_index import DatabaseIndex
from integration_center.errors import IntegrationCenterError
from integration_center.salesforce.read.snapshot_file import SnapshotFolder
from integration_center.settings import Settings
from integration_center.store.frame_store import build_frame_store

STILL_IN_LOG = (
    "the encrypted tokens, from the write-ahead log of our database, because another process is reading it; they are"
    " overwritten once it has finished. To be sure, stop all processes of the Integration Center."
)


def delete_snapshots(settings: Settings, engine: Engine, org_ids: Iterable[str]) -> str | None:
    """Delete the snapshots of these orgs.

    Returns:
        A sentence that says what could not be deleted; None when everything was.
    """
    failures = []
    for org_id in org_ids:
        try:
            SnapshotFolder(build_frame_store(settings, DatabaseIndex(engine))).delete(org_id)
        except IntegrationCenterError as error:
            failures.append(f"{error}.")
    return " ".join(failures) or None
