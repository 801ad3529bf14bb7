"""How we wait for a Bulk job: often at first, for small jobs end at once, then seldom, for each look is an API call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat
from math import inf
from typing import Protocol, TypeVar

from integration_center.errors import ServiceUnavailable

FIRST_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20.0)
LATER_WAIT = 30.0
SHORTEST_WAIT = 0.3
"""Before a look that an estimate asks for; twice as long after each estimate that was too short."""
MARGIN = 1.05
TERMINAL_STATES = frozenset({"JobComplete", "Failed", "Aborted"})


class Job(Protocol):
    """What can be waited for."""

    @property
    def state(self) -> str:
        """As Salesforce names it."""
        ...


J = TypeVar("J", bound=Job)


class StillRunning(ServiceUnavailable):
    """The job did not end before the deadline. It runs on in the org."""


@dataclass(frozen=True)
class Polling:
    """When to look at a job.

    Attributes:
        first_waits: seconds before the first looks, nine of them in the first minute.
        later_wait: seconds between all others.
        deadline: seconds after which we give up.
        clock: a monotonic clock.
        sleep: waits.
    """

    first_waits: tuple[float, ...] = FIRST_WAITS
    later_wait: float = LATER_WAIT
    deadline: float = 4 * 3600.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def await_end(self, look: Callable[[], J], done: Callable[[J], float] = lambda job: 0.0) -> J:
        """Looks until the job has ended.

        Each look takes the next wait of the table, however early it comes, so estimates never make more looks: at most
        as many short waits as `first_waits` has, then `later_wait` before each.

        Args:
            look: asks for the job; one API call.
            done: the share of its work that the job has done, 0 when that is not known. When it says that the job
                will end before the next look of the table, we look then.

        Raises:
            StillRunning: the deadline passed.
        """
        start = self.clock()
        rest, shortest = inf, SHORTEST_WAIT
        for number, wait in enumerate(chain(self.first_waits, repeat(self.later_wait))):
            early = max(MARGIN * rest, shortest)
            guessed = number < len(self.first_waits) and early < wait
            self.sleep(early if guessed else wait)
            job = look()
            if job.state in TERMINAL_STATES:
                return job
            if guessed:
                shortest *= 2
            elapsed = self.clock() - start
            if elapsed >= self.deadline:
                break
            rest = _estimate_rest(done(job), elapsed)
        raise StillRunning(f"the Bulk job did not end within {self.deadline:.0f} s; it runs on in the org")


def _estimate_rest(done: float, elapsed: float) -> float:
    """The seconds until all is done, at the pace so far."""
    return elapsed * max(1 / done - 1, 0.0) if done > 0 else inf
