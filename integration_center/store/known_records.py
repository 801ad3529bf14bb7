"""Store which records the syncs of an integration wrote to an org, and when their people were last in the report."""

from collections.abc import Iterable, Sequence

import polars as pl

from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import write_slices
from integration_center.store.stored_files import FileKind, Place
from integration_center.sync.absence import KNOWN

KNOWN_FOLDER = "known"


class KnownRecords:
    """The frames of known records, one for each integration, org and object.

    Args:
        frames: the store of all frames.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames

    def read(
        self, slug: str, org_id: str, object_name: str, columns: Sequence[str] = tuple(KNOWN)
    ) -> pl.DataFrame | None:
        """Read columns of the frame of known records; None when it is not there, or damaged, and has to be built."""
        stored = self.scan(slug, org_id, object_name)
        if stored is None:
            return None
        try:
            return stored.select(columns).collect()
        except (pl.exceptions.PolarsError, OSError):
            return None

    def scan(self, slug: str, org_id: str, object_name: str) -> pl.LazyFrame | None:
        """Scan the frame of known records; None when it is not there, or is no such frame. Its rows may be damaged."""
        file = self._frames.fetch(find_known(slug, org_id, object_name).name)
        if file is None:
            return None
        try:
            known = file.scan().select(*KNOWN).cast(pl.Schema(KNOWN))
            known.collect_schema()
        except (pl.exceptions.PolarsError, OSError):
            return None
        return known

    def write(self, slug: str, org_id: str, object_name: str, known: Iterable[pl.DataFrame]) -> None:
        """Store the frame of known records, given in slices."""
        draft = self._frames.draft(find_known(slug, org_id, object_name))
        write_slices(known, pl.Schema(KNOWN), draft.path)
        self._frames.publish(draft, only_version=True)


def find_known(slug: str, org_id: str, object_name: str) -> Place:
    """Find the place of an integration's known records in one org."""
    name = f"{KNOWN_FOLDER}/{slug}/{org_id}.{object_name.lower()}.parquet"
    return Place(name, FileKind.KNOWN_RECORDS, slug, org_id=org_id)
