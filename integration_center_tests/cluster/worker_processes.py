"""How quickly a Celery worker of runs goes from one run to the next, with a real Redis server.

`make cluster-test` runs it.
"""

import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from integration_center_tests.cluster.redis_server import open_redis

pytestmark = pytest.mark.timeout(120)

RUNS = 6
MOST_SECONDS = 3.0
"""Between two runs. Celery alone often takes five, and half a second with our pool; the rest is for a busy machine."""
WORKER = """
import sys
import time
from celery.signals import worker_ready
from integration_center.pipeline.celery_worker import app

app.conf.update(broker_url=sys.argv[1], result_backend=sys.argv[1], worker_redirect_stdouts=False)

@app.task(name="a_short_run")
def short_run():
    print("at", time.monotonic(), flush=True)

@worker_ready.connect
def send(**_):
    for _ in range(RUNS):
        short_run.apply_async(queue="dagster")

app.worker_main(["worker", "-Q", "dagster", "--concurrency", "1", "--loglevel", "error"])
"""


def test_the_process_of_the_next_run_starts_at_once(tmp_path: Path) -> None:
    with open_redis() as redis:
        command = [sys.executable, "-c", WORKER.replace("RUNS", str(RUNS)), f"redis+socket://{redis}"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            lines = (line for line in worker.stdout if line.startswith("at "))
            moments = [float(next(lines).split()[1]) for _ in range(RUNS)]
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=60)
    assert max(later - earlier for earlier, later in pairwise(moments)) < MOST_SECONDS, moments
