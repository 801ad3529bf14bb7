"""The Celery application of workers: Dagster's own, with two changes.

Each run has a process of its own, as with Dagster's other launchers. Dagster keeps the job that a process loaded last,
so a process that executed a second run would execute it with the integration as it was for the first.

Runs end in good order when their worker is asked to end. Celery awaits its tasks then, and says nothing to them. A
container would be killed in the middle of a long push.
"""

import os
import signal
from contextlib import suppress

from billiard.process import active_children
from celery.signals import worker_shutting_down
from dagster_celery.app import app

__all__ = ["app"]

app.conf.worker_max_tasks_per_child = 1


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery has no types
def ask_runs_to_end(**_signal: object) -> None:
    """Ask the runs of this worker to end: a push books what is known, and the next run does the rest.

    A child without a run ignores the signal, because Celery lets all its children ignore it.
    """
    for child in active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
