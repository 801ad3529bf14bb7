"""The org's own clock, which tests can move."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """The org's time: the machine's, moved by an offset, or frozen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Return the org's time in UTC."""
        with self._lock:
            return self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> datetime:
        """Move the clock by some seconds (negative: back) and return the new time."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += timedelta(seconds=seconds)
            else:
                self._offset += timedelta(seconds=seconds)
        return self.now()

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stop the clock at a time with a zone, or at this moment."""
        moment = at if at is not None else self.now()
        if moment.tzinfo is None:
            raise ValueError("The clock needs a time with a zone.")
        with self._lock:
            self._frozen = moment.astimezone(UTC)
        return self.now()

    def reset(self) -> None:
        """Go with the machine's clock again."""
        with self._lock:
            self._offset, self._frozen = timedelta(), None

    def resume(self) -> None:
        """Let a frozen clock run on from its time."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen - datetime.now(UTC)
                self._frozen = None


def stamp(moment: datetime) -> str:
    """Write a time as rows store it: whole seconds, UTC, no zone mark (`2026-11-23T08:00:00`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
