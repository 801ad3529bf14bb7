"""Says in the log what is retried, instead of stamina's own hooks, which would print the arguments of the call."""

import logging

from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from integration_center.errors import IntegrationCenterError

logger = logging.getLogger(__name__)


def log_retry(details: RetryDetails) -> None:
    """Log the reason and the wait. Only our own errors are known to hold no secret and no value."""
    error = details.caused_by
    reason = str(error) if isinstance(error, IntegrationCenterError) else type(error).__name__
    logger.info("%s; trying again in %.1f s", reason, details.wait_for)


def log_retries() -> None:
    """Use `log_retry` for every retry of this process."""
    set_on_retry_hooks([log_retry])
