"""Ends all runs of an installation: those in the queue leave it, those under way are asked to end."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill  # not public

from integration_center.database.processes import interrupt
from integration_center.pipeline.deadline import Deadline, Errand
from integration_center.pipeline.names import INTEGRATION_TAG, PROCESS_TAG
from integration_center.pipeline.run_endings import STOPPED

QUEUED = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
GOING = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
LAUNCHED_TAGS = frozenset({"dagster/grpc_info", "dagster-celery/task_id"})
"""A run that carries one of them was launched by Dagster, which can ask it to end. One without runs in a command."""
LOOK_SECONDS = 0.1


@dataclass
class RunEnding:
    """Ends the runs. What it has done so far can be read at any moment.

    Attributes:
        listed: whether Dagster's storage told which runs there are.
        queued: the runs that left the queue, as `name (id)`.
        asked: the runs under way that were asked to end, by id.
        untold: the runs under way that could not be asked.
        ended: the ids of those that have ended since.
        backfills: the number of backfills that start no further runs.
    """

    open: Callable[[], AbstractContextManager[dg.DagsterInstance]]
    deadline: Deadline
    listed: bool = False
    queued: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    backfills: int = 0

    def run(self) -> None:
        """End the runs, and wait until those under way have ended, at most until the deadline."""
        with self.open() as instance:
            going = instance.get_runs(dg.RunsFilter(statuses=list(GOING)))
            queued = instance.get_runs(dg.RunsFilter(statuses=list(QUEUED)))
            self.listed = True
            errands = [(run, Errand(run.run_id, partial(ask_to_end, instance, run)).begin()) for run in going]
            for run in queued:
                self._take_out(instance, run)
            self._cancel_backfills(instance)
            for run, errand in errands:
                self._note_answer(run, errand)
            self._await_ends(instance)

    def _take_out(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        instance.report_run_canceling(run, message=STOPPED)
        instance.report_run_canceled(run, message=STOPPED)
        self.queued.append(name_run(run))

    def _cancel_backfills(self, instance: dg.DagsterInstance) -> None:
        asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
        for backfill in instance.get_backfills(filters=asked):
            canceling: PartitionBackfill = backfill.with_status(BulkActionStatus.CANCELING)  # type: ignore[no-untyped-call]
            instance.update_backfill(canceling)
            self.backfills += 1

    def _note_answer(self, run: dg.DagsterRun, errand: Errand[bool]) -> None:
        try:
            told = errand.await_until(self.deadline)
        except Exception:  # noqa: BLE001 - whatever Dagster's launcher raises, the run was not told
            told = False
        if told:
            self.asked[run.run_id] = name_run(run)
        else:
            self.untold.append(name_run(run))

    def _await_ends(self, instance: dg.DagsterInstance) -> None:
        while (waiting := self.asked.keys() - self.ended) and self.deadline.left > 0:
            for run in instance.get_runs(dg.RunsFilter(run_ids=sorted(waiting))):
                if run.is_finished:
                    self.ended.add(run.run_id)
            if self.asked.keys() - self.ended:
                time.sleep(min(LOOK_SECONDS, self.deadline.left))


def ask_to_end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Ask a run under way to end, and return whether it was reached. What it has written by then is still booked."""
    if LAUNCHED_TAGS & run.tags.keys():
        instance.report_run_canceling(run, message=STOPPED)
        return bool(instance.run_launcher.terminate(run.run_id))
    process = run.tags.get(PROCESS_TAG)
    return process is not None and interrupt(process)


def name_run(run: dg.DagsterRun) -> str:
    """Name a run for people: its integration, or its job, and the beginning of its id."""
    return f"{run.tags.get(INTEGRATION_TAG, run.job_name)} ({run.run_id[:8]})"
