"""Bring the known records of an integration up to date with one of its syncs: a push, an undo, or a settled push."""

import polars as pl

from integration_center.database.sync_records import SyncRecord
from integration_center.installation import Installation
from integration_center.store.ledgers import read_outcomes
from integration_center.sync.absence import forget_written, note_known


def add_sync(installation: Installation, known: pl.DataFrame, sync: SyncRecord) -> pl.DataFrame:
    """Return the frame of known records after a sync, by its ledger; unchanged where the ledger is gone."""
    ledger = installation.ledgers.file(sync.run_id, sync.slug)
    if ledger is None:
        return known
    lines = read_outcomes(ledger.scan())
    if sync.undoes:
        return forget_written(known, sync.undoes, find_written(lines))
    return pl.concat(note_known(known.lazy(), lines, sync.run_id, sync.partition_end))


def note_settled(installation: Installation, org_id: str, object_name: str, run_id: str, slug: str) -> None:
    """Remember what a push wrote whose run was killed, after a later run has completed its ledger.

    Args:
        installation: where the ledger is.
        org_id: the org that the push wrote to.
        object_name: the object.
        run_id: the run that was killed.
        slug: the integration.
    """
    known = installation.known_records.read(slug, org_id, object_name)
    sync = installation.syncs.get(run_id, slug)
    if known is None or sync is None:  # what is not stored yet is built from the ledgers, this one among them
        return
    installation.known_records.write(slug, org_id, object_name, [add_sync(installation, known, sync)])


def find_written(lines: pl.LazyFrame) -> pl.Series:
    """Return the ids of the records of a ledger."""
    return lines.filter(pl.col("record_id").is_not_null()).select("record_id").collect().to_series()
