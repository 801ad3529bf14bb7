"""What all our HTTP clients have in common: certificates, how long a server is tried, and what the log says of it."""

import functools
import logging
import ssl

from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from integration_center.errors import IntegrationCenterError, TransientError

logger = logging.getLogger(__name__)

ATTEMPTS = 6
PATIENCE = 300.0
"""Seconds: how long one request is tried in all, and the longest wait asked for by a server that is waited."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds, where the server does not say how long to wait."""


@functools.cache
def trust_certificates() -> ssl.SSLContext:
    """Read the certificates we trust, once for all clients of the process: that takes longer than a request."""
    import httpx  # a quarter of a second, which a command without the network need not wait for

    return httpx.create_ssl_context()


def judge_retry(error: Exception) -> bool | float:
    """Whether to try again, in seconds where the server asked for them."""
    if not isinstance(error, TransientError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= PATIENCE else False


def log_retry(details: RetryDetails) -> None:
    """Log the reason and the wait, in place of stamina's own hook, which would print the arguments of the call.

    Only our own errors are known to hold no secret and no value.
    """
    error = details.caused_by
    reason = str(error) if isinstance(error, IntegrationCenterError) else type(error).__name__
    logger.info("%s; trying again in %.1f s", reason, details.wait_for)


def log_retries() -> None:
    """Use `log_retry` for every retry of this process."""
    set_on_retry_hooks([log_retry])
