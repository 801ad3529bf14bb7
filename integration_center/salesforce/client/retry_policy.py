"""Decide how often, and after which wait, a request to an org is sent again."""

import random
from dataclasses import dataclass

from integration_center.errors import TransientError, UnderMaintenance
from integration_center.salesforce.client.faults import CutShort, IncompleteRead

CUT_SHORT_ATTEMPTS = 3
"""The attempts at a request that the org cancels. Each may take the org's two minutes per query, or ten per request."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a session waits for an org that is unavailable. All times are in seconds.

    Attributes:
        read_timeout: the limit for the answer to a read.
        write_timeout: the limit for the answer to a write. The org ends a call after ten minutes, so a write without an
            answer is then no longer running, and may be looked up and sent again.
        timeout: the limit for all attempts of one request. After it there is no further attempt.
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
        """Return whether a request that failed with `error` in attempt `tried` may succeed if it is sent again soon."""
        if isinstance(error, IncompleteRead | UnderMaintenance):
            return False  # the reader starts an incomplete read again, and maintenance outlasts all our waits
        return not isinstance(error, CutShort) or tried < CUT_SHORT_ATTEMPTS

    def wait(self, attempt: int, error: TransientError) -> float:
        """Return the seconds to wait after attempt `attempt` (from 1): what the server asked, else doubling waits."""
        if error.retry_after is not None:
            return min(error.retry_after, self.retry_after_max)
        jitter = random.uniform(0, self.wait_jitter)  # noqa: S311  spreads retries, protects nothing
        return min(self.wait_initial * 2.0 ** (attempt - 1) + jitter, self.wait_max)
