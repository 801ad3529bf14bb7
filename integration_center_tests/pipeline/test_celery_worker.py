"""The Celery worker of runs: what it does when it is asked to end. `make cluster-test` runs whole syncs on it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

WORKER = """
import os
import signal
from celery.signals import worker_ready
from integration_center.pipeline.celery_worker import app

app.conf.update(broker_url="memory://", result_backend="cache+memory://", worker_redirect_stdouts=False)

@app.task(name="a_run")
def run():
    # As Dagster does in a run: a signal becomes an exception, so that steps are ended and booked.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print("the run has begun", flush=True)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print("the run has booked what is known", flush=True)

@app.task(name="a_short_run")
def short_run():
    print("in process", os.getpid(), flush=True)

@worker_ready.connect
def send(**_):
    TASKS

app.worker_main(["worker", "-Q", "dagster", "--concurrency", "CHILDREN", "--loglevel", "error", "--without-gossip",
                 "--without-mingle", "--without-heartbeat", "--pool", "prefork"])
"""


@contextmanager
def working(folder: Path, tasks: str, children: int) -> Iterator[subprocess.Popen[str]]:
    """A worker that begins to work on some tasks."""
    program = WORKER.replace("TASKS", tasks).replace("CHILDREN", str(children))
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True) as worker:
        try:
            yield worker
        finally:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)


@pytest.mark.proof
def test_a_worker_that_is_asked_to_end_asks_its_runs_and_waits_for_them(tmp_path: Path) -> None:
    """One of its two children has a run. The other has none, and the signal means nothing to it."""
    with working(tmp_path, 'run.apply_async(queue="dagster")', 2) as worker:
        assert worker.stdout is not None
        lines = iter(worker.stdout)
        assert any(line == "the run has begun\n" for line in lines)
        worker.send_signal(signal.SIGTERM)
        assert any(line == "the run has booked what is known\n" for line in lines)
        assert worker.wait(30) == 0


@pytest.mark.proof
def test_each_run_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Dagster keeps the job that a process loaded last: the second run would execute an old integration."""
    with working(tmp_path, '[short_run.apply_async(queue="dagster") for _ in range(2)]', 1) as worker:
        assert worker.stdout is not None
        processes = (line for line in worker.stdout if line.startswith("in process"))
        assert next(processes) != next(processes)
