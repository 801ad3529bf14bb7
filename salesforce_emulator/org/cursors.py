"""Open query results, read page by page."""

import secrets
import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from salesforce_emulator.schema.identifiers import encode_base62

Result = TypeVar("Result")

MAX_CURSORS = 10


@dataclass
class Cursors(Generic[Result]):
    """Open query results; the oldest close when a user opens too many."""

    _open: dict[str, Result] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, records: Result, instance: str) -> str:
        """Keep the records of a query and return its locator."""
        locator = f"0r8{instance}{encode_base62(secrets.randbits(60), 11)}AA"
        with self._lock:
            self._open[locator] = records
            while len(self._open) > MAX_CURSORS:
                del self._open[next(iter(self._open))]
        return locator

    def find(self, locator: str) -> Result | None:
        """Return the records of a locator, or None when it is closed."""
        with self._lock:
            return self._open.get(locator)
