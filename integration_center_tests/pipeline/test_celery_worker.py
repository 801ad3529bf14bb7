"""The Celery worker of runs: what it does when it is asked to end. `make cluster-test` runs whole syncs on it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

WORKER = """
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

@worker_ready.connect
def send(**_):
    run.apply_async(queue="dagster")

app.worker_main(["worker", "-Q", "dagster", "--concurrency", "2", "--loglevel", "error", "--without-gossip",
                 "--without-mingle", "--without-heartbeat", "--pool", "prefork"])
"""


def test_a_worker_that_is_asked_to_end_asks_its_runs_and_waits_for_them(tmp_path: Path) -> None:
    """One of its two children has a run. The other has none, and the signal means nothing to it."""
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True) as worker:
        try:
            assert worker.stdout is not None
            lines = iter(worker.stdout)
            assert any(line == "the run has begun\n" for line in lines)
            worker.send_signal(signal.SIGTERM)
            assert any(line == "the run has booked what is known\n" for line in lines)
            assert worker.wait(30) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
