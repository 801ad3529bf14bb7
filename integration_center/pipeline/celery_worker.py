"""The Celery application of workers: Dagster's own, with three changes.

Each run has a process of its own, as with Dagster's other launchers. Dagster keeps the job that a process loaded last,
so a process that executed a second run would execute it with the integration as it was for the first.

The process of the next run starts at once. Celery wakes as a process closes its files, a moment before the process has
ended, finds it alive, and looks again only after five seconds: each run would wait so long for its process.

Runs end in good order when their worker is asked to end. Celery awaits its tasks then, and says nothing to them. A
container would be killed in the middle of a long push.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from billiard.process import active_children
from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_shutting_down
from dagster_celery.app import app

__all__ = ["RunPool", "app"]

LOOKED_AFTER = 0.1
"""Seconds after which a process that ended is replaced."""


class RunProcesses(AsynPool):  # type: ignore[misc] # Celery has no types
    """Celery's processes, looked after more often."""

    @property
    def timers(self) -> dict[Callable[[], None], float]:
        """What Celery calls again and again, with the seconds between two calls."""
        return {self.maintain_pool: LOOKED_AFTER}


class RunPool(TaskPool):  # type: ignore[misc] # Celery has no types
    """The pool of a worker, in which each run has a new process."""

    Pool = RunProcesses


app.conf.worker_max_tasks_per_child = 1
app.conf.worker_pool = f"{__name__}:{RunPool.__name__}"


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery has no types
def ask_runs_to_end(**_signal: object) -> None:
    """Ask the runs of this worker to end: a push books what is known, and the next run does the rest.

    A child without a run ignores the signal, because Celery lets all its children ignore it.
    """
    for child in active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
