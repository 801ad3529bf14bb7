"""How many records an integration's last runs touched, so that people see how often triggers and flows would fire."""

from collections.abc import Sequence

from integration_center.database.sync_reading import SyncReading
from integration_center.database.sync_records import SyncRecord
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.wording.sentences import count, join_parts

LOOKED_AT, SHOWN = 30, 5
SENT = (*WRITTEN, Outcome.PLANNED, Outcome.HELD, Outcome.FAILED, Outcome.UNKNOWN)
"""The outcomes of records that a run sent, or would have sent."""


def say_touched(syncs: SyncReading, slug: str) -> str:
    """Say how many records the last runs of an integration would have touched; empty where none made a plan."""
    return say_touched_by(syncs.history(slug, limit=LOOKED_AT))


def say_touched_by(runs: Sequence[SyncRecord]) -> str:
    """Say how many records these runs would have touched, see `say_touched`; the newest run comes first."""
    planned = [run for run in runs if run.plan_id is not None and run.is_of_report]
    counts = [run.count_lines(SENT) for run in planned[:SHOWN]]
    if not counts:
        return ""
    if len(counts) == 1:
        return f"The last run touched, or would have touched, {count(counts[0], 'record')}."
    listed = join_parts(f"{each:,}" for each in counts)
    return f"The last {len(counts)} runs touched, or would have touched, {listed} records, the newest first."
