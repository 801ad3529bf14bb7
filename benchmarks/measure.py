"""Measures a contestant's own process, gives it its task and takes its result."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.scenario import Task

STATUS = Path("/proc/self/status")
MEGABYTE = 1_000_000


@dataclass
class Measurement:
    """What one day cost.

    Attributes:
        wall: seconds; cpu: seconds of all threads and of child processes, in user and system mode; both since the
            imports.
        peak: the largest resident memory of the process, in bytes, from its start.
        written: records that the org says it updated.
        calls, sent, received: API calls and bytes of bodies as the contestant counts them itself, where it does.
    """

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    written: int = 0
    calls: int | None = None
    sent: int | None = None
    received: int | None = None


def read_peak() -> int:
    """The largest resident memory so far, in bytes.

    `ru_maxrss` also holds what the parent had at the fork, so Linux's own mark of this program goes before it.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def read_cpu() -> float:
    """Seconds of processor time so far, with those of child processes that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextmanager
def measured() -> Iterator[Measurement]:
    """Measures the block; the sums are in the measurement after it."""
    measurement = Measurement()
    wall, cpu = time.perf_counter(), read_cpu()
    yield measurement
    measurement.wall = time.perf_counter() - wall
    measurement.cpu = read_cpu() - cpu
    measurement.peak = read_peak()


def read_task() -> Task:
    """The task, from standard input."""
    return Task(**json.load(sys.stdin))


def tell(measurement: Measurement) -> None:
    """The result, as the last line of standard output."""
    sys.stdout.write("\n" + json.dumps(asdict(measurement)) + "\n")
