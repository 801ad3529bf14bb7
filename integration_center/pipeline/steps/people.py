"""Remember which records the syncs of an integration wrote, so that a later run notices who dropped out."""

from collections.abc import Sequence
from contextlib import suppress

import polars as pl

from integration_center.database.sync_records import SyncRecord
from integration_center.files.polars_errors import UNREADABLE
from integration_center.pipeline.steps.known_people import add_sync, find_written
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.sync.absence import (
    KNOWN,
    KnownPeople,
    KnownRebuilt,
    find_day_seen_again,
    forget_written,
    note_known,
)
from integration_center.sync.outcomes import MAY_BE_WRITTEN
from integration_center.sync.people_sum import PeopleSum, is_row


def find_known(step: SyncStep) -> KnownPeople:
    """Return the known people of the integration in the connected org."""
    records, place = step.installation.known_records, (step.slug, step.account.org_id, step.spec.object)

    def read(columns: Sequence[str]) -> pl.DataFrame:
        known = records.read(*place, columns)
        if known is None:
            build_known(step)
            raise KnownRebuilt
        return known

    return KnownPeople(read, records.find_seen(*place))


def read_known(step: SyncStep) -> pl.DataFrame:
    """Return the known records of the integration in the connected org; see `KNOWN`.

    They are built from the ledgers of earlier pushes where nothing is stored yet.
    """
    known = step.installation.known_records.read(step.slug, step.account.org_id, step.spec.object)
    return build_known(step) if known is None else known


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
    day, people, seen = step.days[-1], find_people(step, lines), records.find_seen(*place)
    # A person may be new to us whose record held the right values until now.
    if people and seen and people == seen[0] and seen[1] <= day and not has_written(lines):
        records.note_seen_again(*place, seen[1], day, people)
        return

    def note(known: pl.LazyFrame) -> None:
        if newest := find_day_seen_again(known, lines, day):
            records.note_seen_again(*place, newest, day, people)
            return
        before = known.select(pl.col("last_seen").max()).collect().item()
        is_newest = before is None or before < day  # otherwise the newest day also has people of another ledger
        noted = note_known(known, lines, step.run_id, day)
        records.write(*place, noted, (people, day) if people and is_newest else None)

    stored = records.scan(*place)
    if stored is not None:
        with suppress(*UNREADABLE):  # it is damaged
            note(stored)
            return
    note(build_known(step).lazy())


def find_people(step: SyncStep, lines: pl.LazyFrame) -> PeopleSum | None:
    """Return the sum of the lines of a ledger; None where they are not those that were planned."""
    people = step.installation.ledgers.find_people(step.run_id, step.slug)
    if people is None or people.lines != int(lines.select(is_row(lines).sum()).collect().item()):
        return None
    return people


def has_written(lines: pl.LazyFrame) -> bool:
    """Return whether a push wrote a record of a ledger, or may have."""
    return bool(lines.select(pl.col("outcome").is_in(MAY_BE_WRITTEN).any()).collect().item())


def note_undo(step: SyncStep, undone: SyncRecord, lines: pl.LazyFrame) -> None:
    """Forget the records that a sync wrote first and that its undo restored: they have their own values again."""
    known = forget_written(read_known(step), undone.run_id, find_written(lines))
    step.installation.known_records.write(step.slug, step.account.org_id, step.spec.object, [known])
