"""What a push does when its run is asked to end: it starts no further part, awaits the running one, and books it all.

Kubernetes, systemd and `up` send SIGTERM and kill after a while; Dagster sends SIGINT when somebody ends a run. Without
this the signal would come as an exception in the middle of a request.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dagster._core.errors import (  # not public, and the only names they have
    DagsterExecutionInterruptedError,
    raise_execution_interrupts,
)
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt, pop_captured_interrupt

from integration_center.errors import StopRequested
from integration_center.salesforce.client.polling import Polling

GRACE_SECONDS = 20.0
"""How long the running part is awaited. The rest of the 30 seconds before a kill is for reading results and booking."""
NAP_SECONDS = 0.5
"""How often a wait looks whether it is to end."""
LAST_LOOKS_SECONDS = 2.0
"""The time between looks at the running job once the run is to end."""


_asked_too_late: set[str] = set()
"""The runs of this process that were asked to end when the last part of a push was sent already."""


@dataclass
class Finish:
    """How a block ended that a signal did not interrupt.

    Attributes:
        completed: whether its sync is Completed, so that the signal came too late to stop anything of it.
    """

    completed: bool = False


@contextmanager
def finishing_first(run_id: str) -> Iterator[Finish]:
    """Let the block end before a signal to end takes effect.

    A sync that is Completed then stays so in Dagster, too: only the steps after it do not begin.

    Raises:
        DagsterExecutionInterruptedError: such a signal came meanwhile, and the sync is not Completed.
    """
    finish = Finish()
    with capture_interrupts():
        try:
            yield finish
        finally:
            stopped = pop_captured_interrupt()
    if stopped and not finish.completed:
        raise DagsterExecutionInterruptedError
    if stopped:
        _asked_too_late.add(run_id)


def require_not_asked(run_id: str) -> None:
    """Check that the run was not asked to end in an earlier step; call it before a step reads or writes an org.

    Raises:
        DagsterExecutionInterruptedError: it was.
    """
    if run_id in _asked_too_late:
        raise DagsterExecutionInterruptedError


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal to end take effect at once in this block, which writes nothing, also inside of `finishing_first`.

    Raises:
        DagsterExecutionInterruptedError: such a signal came, now or before.
    """
    with raise_execution_interrupts():
        yield


def is_asked_to_end() -> bool:
    """Return whether the run was asked to end, and first finishes what it has sent."""
    return check_captured_interrupt()


def require_going_on() -> None:
    """Check that the run was not asked to end; call it before anything is sent.

    Raises:
        StopRequested: it was.
    """
    if is_asked_to_end():
        raise StopRequested("the run was asked to end before this was sent; the next run sends it")


@dataclass
class Patience:
    """The waits of a push, which end soon after the run is asked to end.

    Attributes:
        sleep: waits some seconds.
        clock: monotonic, of the same time.
        until: when the running part is no longer awaited; None until the run is asked to end.
    """

    sleep: Callable[[float], None]
    clock: Callable[[], float] = time.monotonic
    until: float | None = field(default=None, init=False)

    def wait(self, seconds: float) -> None:
        """Wait, or less when the run is to end.

        Raises:
            StopRequested: the grace period is over.
        """
        left = seconds
        while left > 0 and not check_captured_interrupt():
            self.sleep(min(left, NAP_SECONDS) if self.sleep is time.sleep else left)
            left -= NAP_SECONDS if self.sleep is time.sleep else left
        if not check_captured_interrupt():
            return
        if self.until is None:
            self.until = self.clock() + GRACE_SECONDS
            return
        if self.clock() >= self.until:
            raise StopRequested(
                "the run was asked to end while Salesforce worked on this; the next run finds out what came of it"
            )
        self.sleep(min(seconds, LAST_LOOKS_SECONDS))


def end_waits_early(polling: Polling) -> Polling:
    """Return the same polling, with waits that end when the run is asked to end."""
    return replace(polling, sleep=Patience(polling.sleep, polling.clock).wait)
