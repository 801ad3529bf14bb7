"""Looks, once the ledger of a push is stored, whether the org holds what was written, and corrects the ledger."""

from collections.abc import Sequence
from functools import partial

from integration_center.errors import TerminalError, TransientError
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.planning.plan import read_since
from integration_center.progress import unit
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot import WORTH_LEAVING_OUT, SnapshotKeeper
from integration_center.salesforce.write.read_back import WORTH_A_LOOK, ReadBack, prove_writes, read_back, read_written
from integration_center.salesforce.write.written_lines import WrittenLines
from integration_center.store.frames import FrameFile
from integration_center.sync.outcomes import Outcome
from integration_center.sync.overridden import add_holds, mark_overridden
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally


def look_back(
    step: SyncStep,
    org: Org,
    schema: SObjectSchema,
    ledger: FrameFile,
    tally: Tally,
    *,
    keys: Sequence[str] = (),
    snapshot: SnapshotKeeper | None = None,
    written_at: float | None = None,
    seen: WrittenLines | None = None,
) -> tuple[FrameFile, Tally]:
    """Read some of what was written back; where the org changes it, read all, and mark those lines `overridden`.

    Whatever the look finds, what was written stays written.

    Args:
        step: whose ledger is stored.
        org: where the records are.
        schema: their object.
        ledger: as it is stored.
        tally: of the ledger.
        keys: the key fields, in the integration's order, by which the ledger's keys are to be found again.
        snapshot: of the plan, to note beside it what is proven to be there; None for none.
        written_at: when everything was written, by the clock of the org's polling.
        seen: what was noted of the written lines while the ledger was stored; None to read the ledger again.

    Returns:
        The ledger as it is stored then, and its tally.
    """
    written = tally.lines[Outcome.UPDATED]
    if written < WORTH_A_LOOK:
        return ledger, tally
    if seen is None or seen.count != written:
        seen = WrittenLines.read(schema, ledger.scan(), written)
    found: ReadBack | None = None
    with unit("look back", written=written):
        if snapshot and written >= WORTH_LEAVING_OUT:
            found = prove_writes(org, schema, ledger, seen, snapshot, keys=keys, written_at=written_at)
        found = found or read_back(org, schema, seen, keys=keys)
    log = step.context.log
    (log.warning if found.altered or found.unread else log.info)(found.sentence)
    if not found.widespread:
        return ledger, tally
    lines = add_holds(ledger.scan())
    try:
        records = found.records if found.complete else read_written(org, schema, lines, read_since(lines))
        mark = partial(mark_overridden, records=records, schema=schema)
        marked, corrected = step.installation.ledgers.write_from(step.run_id, step.slug, lines, mark)
    except (TerminalError, TransientError) as error:
        log.warning(f"it could not be found out which records the org changed again; they count as updated: {error}")
        return ledger, tally
    changed = corrected.lines[Outcome.OVERRIDDEN]
    log.warning(f"{changed:,} of {written:,} records written hold something else: the org changed them again")
    return marked, corrected
