"""Why a record says what it says: what each run wrote to it, from which row, what it held before, and who let it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from integration_center.access.audit import AuditEntry
from integration_center.database.sync_records import SyncRecord
from integration_center.installation import Installation
from integration_center.store.ledger_search import TELLING, Question, find_places, read_lines
from integration_center.store.retention import KEPT
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, FILE, HOLDS
from integration_center.sync.row_numbers import number_of, say_rows

MOST = 20
"""Lines that are read in full."""


@dataclass(frozen=True)
class Change:
    """One field, as a run sent it.

    Attributes:
        before: what the org held; after: what was to be written.
        holds: what the org made of it at once; None unless it changed it.
    """

    field: str
    before: object
    after: object
    holds: object = None


@dataclass(frozen=True)
class Entry:
    """What one run did to the record.

    Attributes:
        row: of the report's file, as a spreadsheet counts; None for a line that belongs to no row of a file.
        who: who started or released the run, as far as that is known.
        changes: the fields that the run sent, or would have.
        file: the name of the row's file, where a day has several.
    """

    sync: SyncRecord
    day: date
    row: int | None
    key: str | None
    record_id: str | None
    outcome: str
    reason: str | None
    who: str
    changes: Sequence[Change] = ()
    file: str | None = None

    @property
    def place(self) -> str:
        """The row and its file or report, in words."""
        row = "no row" if self.row is None else f"row {self.row:,}"
        return f"{row} of {self.file or self.sync.report}, {self.day}"


@dataclass(frozen=True)
class History:
    """What is known of a record or key.

    Attributes:
        searched: how many ledgers were searched.
        entries: the newest run first.
        quiet: of the runs that changed nothing, how many, by integration and outcome.
        names: what each integration was called in its newest run, by slug.
    """

    searched: int
    entries: Sequence[Entry] = ()
    quiet: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left_out: int = 0
    names: Mapping[str, str] = field(default_factory=dict)


def find_history(
    installation: Installation, question: Question, *, slug: str | None = None, most: int = MOST
) -> History:
    """Search the ledgers of the last 90 days.

    Args:
        installation: where they are.
        question: what is looked for.
        slug: only in the ledgers of this integration.
        most: how many lines are read in full, the newest first.
    """
    listed = installation.syncs.since(datetime.now(UTC) - KEPT, slug)
    files = installation.ledgers.files([(sync.run_id, sync.slug) for sync in listed], slug)
    syncs = [sync for sync, file in zip(listed, files, strict=True) if file]
    paths = [file.path for file in files if file]
    places = find_places(paths, question)
    telling = [place for place in places if place.outcome in TELLING]
    quiet: dict[tuple[str, str], int] = {}
    for place in places:
        if place.outcome not in TELLING:
            named = syncs[place.number].slug, place.outcome.value
            quiet[named] = quiet.get(named, 0) + 1
    shown = telling[:most]
    audited = installation.audit.of_runs([syncs[place.number].run_id for place in shown])
    lines = zip(shown, read_lines(paths, shown), strict=True)
    entries = [build_entry(syncs[place.number], line, audited) for place, line in lines]
    names = {sync.slug: sync.name for sync in sorted(syncs, key=lambda sync: sync.started_at)}
    return History(len(paths), entries, quiet, len(telling) - len(shown), names)


def build_entry(sync: SyncRecord, line: Mapping[str, Any], audited: Mapping[tuple[str, str], AuditEntry]) -> Entry:
    """Build what one line of a ledger says; `audited` has the entries of runs, by run and slug."""
    who = audited.get((sync.run_id, sync.slug))
    fields = [name.removeprefix(CHANGED) for name in line if name.startswith(CHANGED) and line[name]]
    return Entry(
        sync=sync,
        day=line["day"] or sync.partition_end,
        row=number_of(line),
        file=line.get(FILE),
        key=line["key"],
        record_id=line["record_id"],
        outcome=line["outcome"],
        reason=line["reason"] and say_rows(line["reason"]),
        who=who.who if who else sync.triggered_by,
        changes=[Change(name, line[BEFORE + name], line[AFTER + name], line.get(HOLDS + name)) for name in fields],
    )
