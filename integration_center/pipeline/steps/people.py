"""Remember which records the syncs of an integration wrote, so that a later run notices who dropped out."""

from collections.abc import Sequence
from contextlib import suppress

import polars as pl

from integration_center.database.sync_records import SyncRecord
from integration_center.pipeline.steps.known_people import add_sync, find_written
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.sync.absence import KNOWN, find_day_seen_again, forget_written, note_known


def read_known(step: SyncStep, columns: Sequence[str] = tuple(KNOWN)) -> pl.DataFrame:
    """Return columns of the known records of the integration in the connected org; see `KNOWN`.

    They are built from the ledgers of earlier pushes where nothing is stored yet.
    """
    org_id, name = step.account.org_id, step.spec.object
    known = step.installation.known_records.read(step.slug, org_id, name, columns)
    if known is not None:
        return known
    return build_known(step).select(columns)


def build_known(step: SyncStep) -> pl.DataFrame:
    """Build the frame of known records from the ledgers of earlier pushes, store it, and return it."""
    org_id, name = step.account.org_id, step.spec.object
    known = pl.DataFrame(schema=KNOWN)
    for sync in reversed(step.installation.syncs.pushed(step.slug, org_id)):
        if sync.object.lower() == name.lower() and sync.run_id != step.run_id:
            known = add_sync(step.installation, known, sync)
    step.installation.known_records.write(step.slug, org_id, name, [known])
    return known


def note_push(step: SyncStep, lines: pl.LazyFrame) -> None:
    """Remember what a push wrote, and whom its report had."""
    records, place = step.installation.known_records, (step.slug, step.account.org_id, step.spec.object)

    def note(known: pl.LazyFrame) -> None:
        day = step.days[-1]
        if newest := find_day_seen_again(known, lines, day):
            records.note_seen_again(*place, newest, day)
        else:
            records.write(*place, note_known(known, lines, step.run_id, day))

    stored = records.scan(*place)
    if stored is not None:
        with suppress(pl.exceptions.PolarsError):  # it is damaged
            note(stored)
            return
    note(build_known(step).lazy())


def note_undo(step: SyncStep, undone: SyncRecord, lines: pl.LazyFrame) -> None:
    """Forget the records that a sync wrote first and that its undo restored: they have their own values again."""
    known = forget_written(read_known(step), undone.run_id, find_written(lines))
    step.installation.known_records.write(step.slug, step.account.org_id, step.spec.object, [known])
