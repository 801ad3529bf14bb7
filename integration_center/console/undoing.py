"""The undo of a run: its plan first, made off the request's thread, then the run in Dagster that writes it back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integration_center.console.dagster import DagsterDown, Started, launch_once
from integration_center.console.lookups import Answer
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import find_prefix
from integration_center.pipeline.jobs.undo import plan_undo, require_undoable
from integration_center.pipeline.names import UNDO_TAG, run_tags, undo_job, undo_op
from integration_center.sync.outcomes import Outcome
from integration_center.sync.sample import sample_changes

__all__ = ["DagsterDown", "PlannedUndo", "ask_undo", "start_undo"]

KEPT = 300.0
MOST = 20
SHOWN = 6


@dataclass(frozen=True)
class PlannedUndo:
    """What an undo would write now.

    Attributes:
        counts: records by outcome.
        changes: a few changed fields: record Id, key, field, before, after.
    """

    counts: Mapping[str, int]
    changes: Sequence[Mapping[str, Any]]

    @property
    def planned(self) -> int:
        """How many records it would write back."""
        return self.counts.get(Outcome.PLANNED, 0)


def ask_undo(console: Console, sync: SyncRecord, *, again: bool = False) -> Answer[PlannedUndo]:
    """Ask for the plan of an undo; `again` makes a new one. Nothing is written."""
    key = ("undo", sync.run_id, sync.slug)
    if again:
        console.lookups.forget(*key)

    def work(tell: Callable[[str], None]) -> PlannedUndo:
        installation = console.interactive
        environment = require_undoable(installation, sync)
        tell(f"Reading the records that this run wrote in {environment.title}")
        with installation.work_folder() as folder, installation.connect(environment) as org:
            plan = plan_undo(installation, org, sync, folder)
            changes = sample_changes(plan.file.scan(), Outcome.PLANNED, records=SHOWN)
        return PlannedUndo(plan.tally.lines.as_dict(), changes)

    return console.lookups.ask(key, work, kept=KEPT, most=MOST)


def start_undo(console: Console, sync: SyncRecord, *, triggered_by: str) -> Started:
    """Start the run that undoes `sync`, unless a run of the integration is under way.

    Raises:
        PlanMissing: there is nothing to undo.
        DagsterDown: Dagster does not answer.
        ConfigurationError: Dagster refused the run.
    """
    environment = require_undoable(console.installation, sync)
    file = console.defs.find(sync.slug)
    spec = file.spec if file else None
    prefix = find_prefix(console.find_dagster, sync.slug, spec)
    request = RunRequest(
        undo_job(environment, prefix),
        None,
        {**run_tags(sync.slug, environment, triggered_by), UNDO_TAG: sync.run_id},
        run_config={"ops": {undo_op(environment, prefix): {"config": {"run_id": sync.run_id, "slug": sync.slug}}}},
    )
    return launch_once(console, sync.slug, None, request)
