"""Hold what all our HTTP clients share: trusted certificates, how long they try a server, what they log of it."""

import contextlib
import functools
import logging
import random
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from time import time
from typing import ParamSpec, TypeVar

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from integration_center.errors import IntegrationCenterError, TransientError

logger = logging.getLogger(__name__)

READING = threading.Lock()
"""Held while the certificates are read."""

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and after which wait, a request to a server is sent again. All times are in seconds.

    Attributes:
        read_timeout: the limit for the answer to a read.
        write_timeout: the limit for the answer to a write. A Salesforce org ends a call after ten minutes, so a write
            without an answer is then no longer running, and may be looked up and sent again.
        attempts: how often one request is sent at most.
        timeout: the limit for all attempts of one request. After it there is no further attempt.
        wait_initial: the first wait, where the server names none. Each further wait is twice as long.
        wait_max: the longest wait, where the server names none.
        wait_jitter: the most that is added to a wait by chance, so that clients do not return all at once.
        retry_after_max: the longest wait that a server may ask for.
        cap_retry_after: whether to ask again after `retry_after_max` where the server asks to wait longer. Otherwise
            the request fails at once.
    """

    read_timeout: float = 300.0
    write_timeout: float = 630.0
    attempts: int = 6
    timeout: float = 300.0
    wait_initial: float = 0.5
    wait_max: float = 30.0
    wait_jitter: float = 0.5
    retry_after_max: float = 300.0
    cap_retry_after: bool = True

    def decide(self, error: Exception, tried: int) -> bool | float:
        """Decide by the type of `error` whether a request is sent again after attempt `tried`, counted from 1.

        Returns the seconds to wait before it, or False. After the last attempt, stamina raises the error.
        """
        if not isinstance(error, TransientError):
            return False
        if error.most_attempts is not None and tried >= error.most_attempts:
            return False
        if error.retry_after is not None and error.retry_after > self.retry_after_max and not self.cap_retry_after:
            return False
        return self.wait(tried, error)

    def wait(self, tried: int, error: TransientError) -> float:
        """Return the seconds to wait after attempt `tried`: doubling waits, or longer where the server asks for that.

        A server that asks for no wait (`Retry-After: 0`, a date in the past) does not get all attempts at once.
        """
        jitter = random.uniform(0, self.wait_jitter)  # noqa: S311  spreads retries, protects nothing
        own = min(self.wait_initial * 2.0 ** (tried - 1) + jitter, self.wait_max)
        return own if error.retry_after is None else max(own, min(error.retry_after, self.retry_after_max))

    def retry(self, function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Decorate a function that makes one request, so that it is called again after an error that may pass."""

        @functools.wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            tried = 0

            def decide(error: Exception) -> bool | float:
                return self.decide(error, tried)

            for attempt in stamina.retry_context(on=decide, attempts=self.attempts, timeout=self.timeout):
                tried = attempt.num
                with attempt:
                    return function(*args, **kwargs)
            raise AssertionError("stamina returns an answer or raises")

        return call


ORG_POLICY = RetryPolicy(timeout=600.0, retry_after_max=120.0)
"""How a sync, which nobody watches, waits for the org."""
IMPATIENT = RetryPolicy(read_timeout=10.0, attempts=2, timeout=12.0, wait_max=1.0, retry_after_max=2.0)
"""How a page or a check, which somebody waits for, waits for the org."""
SERVICE_POLICY = RetryPolicy(cap_retry_after=False)
"""How the fetch of a report waits for the service that has it."""


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Read the seconds that a server asks to wait; None when it does not ask.

    A date counts from the server's own time, its `Date` header, because the clock of this machine may be wrong.

    Args:
        headers: the headers of an answer, by their names without case.

    Source: RFC 9110, 6.6.1 and 10.2.3.
    """
    value = headers.get("Retry-After")
    if not value:
        return None
    try:
        seconds = float(value)
        return max(seconds, 0.0) if isfinite(seconds) else None
    except ValueError:
        pass
    until, sent = _parse_moment(value), _parse_moment(headers.get("Date"))
    return None if until is None else max(until - (time() if sent is None else sent), 0.0)


def _parse_moment(value: str | None) -> float | None:
    """Parse an HTTP date into seconds since 1970; None when there is none."""
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError):
        return None


def trust_certificates() -> ssl.SSLContext:
    """Read the certificates we trust, once for all clients of the process: that takes longer than a request."""
    with READING:
        return read_certificates()


def trust_certificates_soon() -> None:
    """Begin to read the certificates, while a command opens its databases."""
    threading.Thread(target=_try_certificates, name="certificates", daemon=True).start()


def _try_certificates() -> None:
    with contextlib.suppress(OSError):  # said where the certificates are needed
        trust_certificates()


@functools.cache
def read_certificates() -> ssl.SSLContext:
    """Read the certificates; two callers at once would read them twice."""
    import httpx  # a quarter of a second, which a command without the network need not wait for

    return httpx.create_ssl_context()


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
