"""Keeps a fact that takes time to look up: looked up in the background, read at once."""

import logging
import time
import traceback
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Watch(Generic[T]):
    """One fact, such as whether Dagster runs. Nobody looks while nobody reads.

    Args:
        look: finds the fact; may take seconds.
        fresh: seconds for which an answer is used without another look.
        kept: seconds for which an answer is used while the next look is under way; afterwards the fact is unknown.
        clock: seconds that only grow.
    """

    def __init__(
        self, look: Callable[[], T], *, fresh: float, kept: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._fresh = fresh
        self._kept = kept
        self._clock = clock
        self._lock = Lock()
        self._answer: tuple[float, T] | None = None
        self._looking: Event | None = None

    def read(self, patience: float = 0.0) -> T | None:
        """Return the fact as it was found last, or None while it is unknown.

        Args:
            patience: seconds to wait for a look where there is no answer yet.
        """
        with self._lock:
            known = self._find(self._fresh)
            if known is not None:
                return known
            if self._looking is None:
                self._looking = Event()
                Thread(target=self._work, args=(self._looking,), name="watch", daemon=True).start()
            looking, known = self._looking, self._find(self._kept)
        if known is None and looking.wait(patience):
            with self._lock:
                known = self._find(self._kept)
        return known

    def expire(self) -> None:
        """Forget the fact: something has just changed it."""
        with self._lock:
            self._answer = self._looking = None

    def _find(self, seconds: float) -> T | None:
        if self._answer is None or self._clock() - self._answer[0] > seconds:
            return None
        return self._answer[1]

    def _work(self, looking: Event) -> None:
        asked_at = self._clock()
        try:
            found = self._look()
        except Exception as error:  # noqa: BLE001 - a page is shown all the same; only the fact stays unknown
            place = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip()
            logger.warning("unknown for now: %s at %s", type(error).__name__, place)
        else:
            with self._lock:
                if self._looking is looking:  # else it was forgotten meanwhile
                    self._answer = asked_at, found
        with self._lock:
            if self._looking is looking:
                self._looking = None
        looking.set()
