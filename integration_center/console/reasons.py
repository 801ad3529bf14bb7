"""Why lines of many runs are in trouble, for pages that list runs: read from ledgers in the background, and kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from integration_center.console.ledger import read_reasons
from integration_center.console.lookups import wait_for
from integration_center.console.results import Reason, count_troubled
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord, SyncStatus

KEPT = 86_400.0
"""Seconds: the ledger of an ended run changes only together with its counts."""
MOST = 1_000
PATIENCE = 0.15
"""Seconds for which a page waits; what is not there by then is there when it is opened again."""

Reasons = Mapping[tuple[str, str], Sequence[Reason]]
"""By run id and slug."""


def find_reasons(console: Console, syncs: Iterable[SyncRecord]) -> Reasons:
    """Find the reasons of the ended runs that have lines in trouble, as far as they are known in time."""
    asked = {}
    for sync in syncs:
        if sync.status is not SyncStatus.RUNNING and (troubled := count_troubled(sync)):
            key = ("reasons", sync.run_id, sync.slug, *troubled.items())
            work = partial(_read, console, sync)
            asked[sync.run_id, sync.slug] = console.lookups.ask(key, work, kept=KEPT, most=MOST, lasting=True)
    wait_for(asked.values(), PATIENCE)
    return {key: answer.get() for key, answer in asked.items() if answer.ready}


def _read(console: Console, sync: SyncRecord, tell: Callable[[str], None]) -> list[Reason]:
    return read_reasons(console.installation, sync)
