"""A store of frames in a folder of its own, with an index beside it."""

from pathlib import Path

from sqlalchemy import NullPool, create_engine

from integration_center.database.file_index import DatabaseIndex
from integration_center.database.tables import metadata, stored_files, unused_files
from integration_center.salesforce.read.snapshot_file import SnapshotFile, find_snapshot
from integration_center.store.frame_store import FrameStore
from integration_center.store.objects import FolderObjects


def open_store(folder: Path) -> FrameStore:
    """Open the store in a folder; its index is made on first use."""
    engine = create_engine(f"sqlite:///{folder / 'index.db'}", poolclass=NullPool)
    metadata.create_all(engine, [stored_files, unused_files])
    return FrameStore(DatabaseIndex(engine), FolderObjects(folder / "storage"))


def find_snapshot_path(snapshot: SnapshotFile) -> Path:
    """Find the file of a snapshot."""
    file = snapshot.frames.fetch(find_snapshot(snapshot.slug, snapshot.object, snapshot.org_id).name)
    assert file is not None
    return file.path


def make_folder(parent: Path, name: str) -> Path:
    """Make a new folder in another one."""
    folder = parent / name
    folder.mkdir()
    return folder
