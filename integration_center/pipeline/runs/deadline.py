"""Does several things at once until a deadline. What takes longer is left to itself, and holds nobody up."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from integration_center.errors import IntegrationCenterError, ServiceUnavailable

T = TypeVar("T")


@dataclass(frozen=True)
class Deadline:
    """A moment until which is waited.

    Attributes:
        at: seconds of `clock`.
        clock: seconds that only grow.
    """

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment some seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """The seconds that are left, 0 when it has passed."""
        return max(self.at - self.clock(), 0.0)


@dataclass
class Errand(Generic[T]):
    """Something that is done in a thread of its own, which ends with the process.

    Attributes:
        name: of what is done, for the error of one that takes too long.
        do: does it.
    """

    name: str
    do: Callable[[], T]
    _result: list[T] = field(default_factory=list, init=False)
    _error: list[Exception] = field(default_factory=list, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def begin(self) -> Self:
        """Begin it."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()
        return self

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or not."""
        return bool(self._result or self._error)

    def wait(self, deadline: Deadline | None = None) -> None:
        """Wait until it is done, at most until the deadline."""
        if self._thread is not None:
            self._thread.join(deadline.left if deadline else None)

    def await_until(self, deadline: Deadline) -> T:
        """Return the result, if it is there before the deadline.

        Raises:
            ServiceUnavailable: it is not.
            IntegrationCenterError: what was done has failed.
        """
        self.wait(deadline)
        if self._result:
            return self._result[0]
        if self._error and isinstance(self._error[0], IntegrationCenterError):
            raise self._error[0]
        if self._error:
            raise ServiceUnavailable(f"{self.name} failed ({type(self._error[0]).__name__})")
        raise ServiceUnavailable(f"{self.name} did not answer in time")

    def _run(self) -> None:
        try:
            self._result.append(self.do())
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits for it
            self._error.append(error)
