"""How often and how long we wait for an org before a request is sent again."""

import random
from dataclasses import dataclass

from integration_center.errors import TransientError, UnderMaintenance
from integration_center.salesforce.client.faults import CutShort, IncompleteRead

CUT_SHORT_ATTEMPTS = 3
"""Each may take the two minutes that the org gives a query, or the ten that it gives a request."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a session waits for an org that is not there. Times in seconds.

    Attributes:
        read_timeout: for the answer to a read.
        write_timeout: for the answer to a write. The org ends a call after ten minutes, so a write that has no answer
            by then is no longer under way, and may be looked up and sent again.
        timeout: for all attempts of one request; once it has passed, there is no further one.
    """

    read_timeout: float = 300.0
    write_timeout: float = 630.0
    attempts: int = 6
    timeout: float = 600.0
    wait_initial: float = 0.5
    wait_max: float = 30.0
    wait_jitter: float = 0.5
    retry_after_max: float = 120.0

    def may_repeat(self, error: TransientError, tried: int) -> bool:
        """Whether a request that failed so in attempt number `tried` may succeed when it is sent again soon."""
        if isinstance(error, IncompleteRead | UnderMaintenance):
            return False  # a broken read is begun again by its reader, and maintenance outlasts all our waits
        return not isinstance(error, CutShort) or tried < CUT_SHORT_ATTEMPTS

    def wait(self, attempt: int, error: TransientError) -> float:
        """How long to wait after attempt number `attempt` (from 1): what the server asked, else doubling."""
        if error.retry_after is not None:
            return min(error.retry_after, self.retry_after_max)
        jitter = random.uniform(0, self.wait_jitter)  # noqa: S311  spreads retries, guards nothing
        return min(self.wait_initial * 2.0 ** (attempt - 1) + jitter, self.wait_max)
