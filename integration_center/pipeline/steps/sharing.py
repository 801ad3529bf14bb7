"""Shows other hosts how far a step is: one small write every few seconds, which never slows or fails the step."""

import logging
from collections.abc import Callable
from functools import partial
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from integration_center.database.shared_progress import SharedProgress
from integration_center.errors import IntegrationCenterError
from integration_center.store.run_progress import StepProgress

logger = logging.getLogger(__name__)

SHARED_EVERY = 3.0
"""Seconds between two notes for other hosts."""
LAST_WAIT = 2.0
"""Seconds that the end of a step waits at most for its last note for other hosts."""


class Sharing:
    """Notes the progress of one step for other hosts, in a thread of its own: the step does not wait for the database.

    Args:
        table: where it is noted.
        run_id: the run.
        step: the name of the step.
    """

    def __init__(self, table: SharedProgress, run_id: str, step: str) -> None:
        self._table = table
        self._of = (run_id, step)
        self._latest: StepProgress | None = None
        self._ending = Event()
        self._thread = Thread(target=self._share, name="shared progress", daemon=True)
        self._thread.start()

    def offer(self, progress: StepProgress) -> None:
        """Offer the newest progress; it is noted at the next turn, unless a newer one comes before."""
        self._latest = progress

    def end(self, last: StepProgress | None) -> None:
        """Note how the step ended; None for a step that failed, which is forgotten."""
        self._latest = last
        self._ending.set()
        self._thread.join(LAST_WAIT)

    def _share(self) -> None:
        self._attempt(self._table.forget_left)
        noted = None
        while not self._ending.wait(SHARED_EVERY):
            if (latest := self._latest) is not noted and latest:
                self._attempt(partial(self._table.note, *self._of, latest))
                noted = latest
        last = self._latest
        self._attempt(partial(self._table.note, *self._of, last) if last else partial(self._table.forget, *self._of))

    def _attempt(self, write: Callable[[], None]) -> None:
        """Write once. A database that does not answer is no matter of the run's."""
        try:
            write()
        except (IntegrationCenterError, SQLAlchemyError) as error:
            logger.debug("the progress of the run is not shown on other hosts: %s", type(error).__name__)
