"""Store which records the syncs of an integration wrote to an org, and when their people were last in the report."""

from pathlib import Path

import polars as pl

from integration_center.store.frames import write_frame
from integration_center.sync.absence import KNOWN


class KnownRecords:
    """The frames of known records: `<storage>/known/<slug>/<org id>.<object>.parquet`."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def path(self, slug: str, org_id: str, object_name: str) -> Path:
        """Return the path of an integration's known records in one org."""
        return self.storage / "known" / slug / f"{org_id}.{object_name.lower()}.parquet"

    def read(self, slug: str, org_id: str, object_name: str) -> pl.DataFrame | None:
        """Read the frame of known records; None when it is not there, or damaged, and has to be built."""
        try:
            return pl.read_parquet(self.path(slug, org_id, object_name)).cast(pl.Schema(KNOWN))
        except (pl.exceptions.PolarsError, OSError):
            return None

    def write(self, slug: str, org_id: str, object_name: str, known: pl.DataFrame) -> None:
        """Store the frame of known records."""
        write_frame(known, self.path(slug, org_id, object_name))
