"""Wait for a Bulk job: look often at first, because small jobs end soon, then rarely, because a look is an API call."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from math import inf
from typing import Protocol, TypeVar

from integration_center.errors import ServiceUnavailable, TransientError

logger = logging.getLogger(__name__)

FIRST_WAITS = (0.1, 0.2, 0.5, 1.0, 2.2, 5.0, 12.0, 21.0)
LATER_WAIT = 30.0
FIRST_MINUTE = 60.0
SPARE_LOOKS = 2
"""The number of looks at times that an estimate chooses. With the looks of the table, there are ten in a minute."""
SHORTEST_WAIT = 0.3
"""The shortest wait, in seconds, before and after a look at a time that an estimate chooses."""
MARGIN = 1.05
LONG_WAIT = 5.0
"""A wait of at least this many seconds is logged, and is worth the last spare look."""
FAILED_LOOKS = 10
"""So many looks in a row may fail, each after its own attempts: an org that is away for some minutes goes on with its
jobs. An error that says that waiting does not help has fewer."""
TERMINAL_STATES = frozenset({"JobComplete", "Failed", "Aborted"})


JOB_MEMBERS = {"id": str, "state": str}
"""The members of every answer about a job."""


class Job(Protocol):
    """A job that can be waited for."""

    @property
    def state(self) -> str:
        """The state, in Salesforce's words."""
        ...


J = TypeVar("J", bound=Job)


class StillRunning(ServiceUnavailable):
    """The job did not end before the deadline. It continues in the org."""


@dataclass(frozen=True)
class Polling:
    """When to look at a job.

    Attributes:
        first_waits: the seconds before each of the first looks, eight of them in the first minute.
        later_wait: the seconds between all later looks.
        deadline: the seconds after which we give up.
        clock: a monotonic clock.
        sleep: waits.
    """

    first_waits: tuple[float, ...] = FIRST_WAITS
    later_wait: float = LATER_WAIT
    deadline: float = 4 * 3600.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def await_end(self, look: Callable[[], J], done: Callable[[J], float] = lambda job: 0.0) -> J:
        """Look at the job until it has ended, and return it.

        The waits of the table always apply. Two more looks in the first minute go to the time when the job should end,
        if that is before the next look of the table: the table has eight looks there, and we allow ten. So a wrong
        estimate costs a call, but never delays the look that sees the end.

        Args:
            look: reads the job; one API call.
            done: returns the share of its work that the job has done since `await_end` began; 0 when unknown.

        Raises:
            StillRunning: the deadline passed.
            TransientError: the org did not answer for several looks in a row. The job continues there.
        """
        start, failed = self.clock(), 0
        rest, spare, elapsed = inf, SPARE_LOOKS, 0.0
        for wait in chain(self.first_waits, repeat(self.later_wait)):
            left = wait
            while left > 0:
                pause, early = left, max(MARGIN * rest, SHORTEST_WAIT)
                worth_it = spare > 1 or (spare == 1 and left >= LONG_WAIT)
                if worth_it and early + SHORTEST_WAIT <= left and elapsed + early <= FIRST_MINUTE:
                    pause, spare = early, spare - 1
                if pause >= LONG_WAIT:
                    logger.info("the Bulk job is still running; looking again in %.0f s", pause)
                self.sleep(pause)
                left -= pause
                try:
                    job, failed = look(), 0
                except TransientError as error:
                    failed, rest, elapsed = failed + 1, inf, self.clock() - start
                    if failed >= (error.most_attempts or FAILED_LOOKS):
                        raise
                    logger.warning("the Bulk job goes on, but cannot be looked at: %s", error)
                    continue
                elapsed = self.clock() - start
                if job.state in TERMINAL_STATES:
                    logger.info("the Bulk job has ended after %.1f s: %s", elapsed, job.state)
                    return job
                rest = _estimate_rest(done(job), elapsed)
            if elapsed >= self.deadline:
                break
        raise StillRunning(f"the Bulk job did not end within {self.deadline:.0f} s; it continues in the org")


def read_count(value: object) -> int | None:
    """Read a count of a job's rows, which may come as text or as `2100.0`; None when there is none."""
    try:
        return int(float(value)) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def read_locator(headers: Mapping[str, str]) -> str | None:
    """Read where the next page of a job's rows starts; None on the last page, which says `null` or nothing."""
    locator = headers.get("Sforce-Locator")
    return None if locator in (None, "", "null") else locator


def _estimate_rest(done: float, elapsed: float) -> float:
    """Estimate the seconds until the job ends, at the pace so far."""
    return elapsed * max(1 / done - 1, 0.0) if done > 0 else inf
