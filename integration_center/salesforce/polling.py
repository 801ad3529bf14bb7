"""How we wait for a Bulk job: often at first, for small jobs end at once, then seldom, for each look is an API call."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Protocol, TypeVar

from integration_center.errors import ServiceUnavailable

FIRST_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20.0)
LATER_WAIT = 30.0
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

    def waits(self) -> Iterator[float]:
        """The seconds before each look, without end."""
        return chain(self.first_waits, repeat(self.later_wait))

    def await_end(self, look: Callable[[], J]) -> J:
        """Looks until the job has ended.

        Raises:
            StillRunning: the deadline passed.
        """
        end = self.clock() + self.deadline
        for wait in self.waits():
            self.sleep(wait)
            job = look()
            if job.state in TERMINAL_STATES:
                return job
            if self.clock() >= end:
                break
        raise StillRunning(f"the Bulk job did not end within {self.deadline:.0f} s; it runs on in the org")
