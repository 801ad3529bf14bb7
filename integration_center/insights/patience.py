"""How long a source behind a network is tried."""

from integration_center.errors import TransientError

ATTEMPTS = 6
PATIENCE = 300.0
"""Seconds: how long one request is tried in all, and the longest wait asked for by a server that is waited."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds, where the server does not say how long to wait."""


def judge_retry(error: Exception) -> bool | float:
    """Whether to try again, in seconds where the server asked for them."""
    if not isinstance(error, TransientError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= PATIENCE else False
