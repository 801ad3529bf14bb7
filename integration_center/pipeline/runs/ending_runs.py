"""Ends all runs of an installation: those in the queue leave it, those under way are asked to end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill  # not public
from dagster._core.storage.tags import GRPC_INFO_TAG  # not public

from integration_center.database.processes import interrupt
from integration_center.pipeline import unended_runs
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.pipeline.runs.deadline import Deadline, Errand
from integration_center.pipeline.runs.ended_runs import EndedRuns
from integration_center.pipeline.runs.run_endings import CANCELLED_BY, STOPPED
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center.settings import Settings

QUEUED = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
GOING = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
LAUNCHED_TAGS = frozenset({GRPC_INFO_TAG, "dagster-celery/task_id"})
"""A run that carries one of them was launched by Dagster, which can ask it to end. One without runs in a command."""
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class RunEnding:
    """Ends the runs, and notes what it has done.

    Attributes:
        settings: of the installation.
        deadline: until when it waits.
        done: what was done so far.
    """

    settings: Settings
    deadline: Deadline
    done: EndedRuns

    def run(self) -> None:
        """End the runs, and wait until those under way have ended, at most until the deadline."""
        with open_instance(self.settings, executes_runs=True) as instance:  # which writes a long queue's events faster
            going = instance.get_runs(dg.RunsFilter(statuses=list(GOING)))
            queued = instance.get_runs(dg.RunsFilter(statuses=list(QUEUED)))
            self.done.found = [name_run(run) for run in (*going, *queued)]
            self.done.listed = True
            errands = [(run, Errand(run.run_id, partial(ask_to_end, instance, run, STOPPED)).begin()) for run in going]
            # A long queue takes longer than there is time: what is under way is not to wait for it.
            emptying = Errand("the queue", partial(self._empty_queue, instance, queued)).begin()
            for run, errand in errands:
                self._note_answer(run, errand)
            emptying.wait(self.deadline)
            self._await_ends(instance)
            emptying.wait()

    def _empty_queue(self, instance: dg.DagsterInstance, queued: Sequence[dg.DagsterRun]) -> None:
        for run in queued:
            self._take_out(instance, run)
        self._cancel_backfills(instance)

    def _take_out(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        try:
            take_out(instance, run, STOPPED)
        except Exception:  # noqa: BLE001 - whatever Dagster's storage raises, the other runs leave the queue
            self.done.not_reached.append(name_run(run))
        else:
            self.done.queued.append(name_run(run))

    def _cancel_backfills(self, instance: dg.DagsterInstance) -> None:
        asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
        for backfill in instance.get_backfills(filters=asked):
            canceling: PartitionBackfill = backfill.with_status(BulkActionStatus.CANCELING)  # type: ignore[no-untyped-call]
            instance.update_backfill(canceling)
            self.done.backfills += 1

    def _note_answer(self, run: dg.DagsterRun, errand: Errand[bool]) -> None:
        try:
            was_asked = errand.await_until(self.deadline)
        except Exception:  # noqa: BLE001 - whatever Dagster's launcher raises, the run was not asked
            was_asked = False
        if was_asked:
            self.done.asked[run.run_id] = name_run(run)
        else:
            self.done.not_reached.append(name_run(run))

    def _await_ends(self, instance: dg.DagsterInstance) -> None:
        while (waiting := self.done.asked.keys() - self.done.ended) and self.deadline.left > 0:
            for run in instance.get_runs(dg.RunsFilter(run_ids=sorted(waiting))):
                if run.is_finished:
                    self.done.ended.add(run.run_id)
            if self.done.asked.keys() - self.done.ended:
                time.sleep(min(LOOK_SECONDS, self.deadline.left))


def cancel_run(settings: Settings, run_id: str, who: str) -> bool:
    """End one run, and return whether it was reached. A run that has ended already counts as reached.

    Args:
        settings: of the installation.
        run_id: the run.
        who: the person who cancels it, for the log.
    """
    message = f"{CANCELLED_BY}{who}"
    with open_instance(settings) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return run is not None
        if run.status in QUEUED:
            take_out(instance, run, message)
            return True
        if not LAUNCHED_TAGS & run.tags.keys():  # it runs in a command, which Ctrl-C ends
            instance.report_run_canceling(run, message=message)
        return ask_to_end(instance, run, message)


def take_out(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> None:
    """Take a run out of the queue, with the reason."""
    instance.report_run_canceling(run, message=message)
    instance.report_run_canceled(run, message=message)


def ask_to_end(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> bool:
    """Ask a run under way to end, and return whether it was reached. What it has written by then is still booked."""
    if LAUNCHED_TAGS & run.tags.keys():
        instance.report_run_canceling(run, message=message)
        return bool(instance.run_launcher.terminate(run.run_id))
    process = run.tags.get(PROCESS_TAG)
    return process is not None and interrupt(process)


def name_run(run: dg.DagsterRun) -> str:
    """Name a run for people."""
    return unended_runs.name_run(run.tags.get(INTEGRATION_TAG, run.job_name), run.run_id)
