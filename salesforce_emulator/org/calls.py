"""The log of calls to an org, and its daily allowance of them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from salesforce_emulator.refusals import Refusal

KEPT_HEADERS = (
    *("authorization", "accept-encoding", "content-type", "content-encoding", "if-modified-since", "if-none-match"),
    *(
        "sforce-auto-assign",
        "sforce-call-options",
        "sforce-query-options",
        "sforce-duplicate-rule-header",
        "user-agent",
    ),
)


@dataclass(frozen=True)
class CallRecord:
    """One HTTP call as the org saw it.

    Attributes:
        query: the query string, undecoded.
        status: the HTTP status sent, or 0 when the connection was dropped.
        bytes_in: length of the request body as sent.
        bytes_out: length of the answer's body as sent.
        headers: the request headers worth testing; of `authorization` only the scheme.
    """

    method: str
    path: str
    query: str
    status: int
    bytes_in: int
    bytes_out: int
    headers: Mapping[str, str]
    at: datetime


class CallLog:
    """The calls an org has seen, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[CallRecord] = []

    def add(self, record: CallRecord) -> None:
        """Append a call."""
        with self._lock:
            self._records.append(record)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._records.clear()

    def find(self, method: str | None = None, path: str = "*") -> list[CallRecord]:
        """Return the calls of a method to paths that match a shell pattern."""
        with self._lock:
            return [item for item in self._records if method in (None, item.method) and fnmatchcase(item.path, path)]

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)


@dataclass
class Allowance:
    """The rolling 24 hours' allowance of API calls.

    Attributes:
        maximum: calls allowed in 24 hours.
        app_maximum: what the connected app alone may make of them; None when it has no quota of its own.
        shown: whether answers tell how many are used.
    """

    maximum: int = 100_000
    app_maximum: int | None = None
    shown: bool = True
    _hours: dict[datetime, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def used(self, now: datetime) -> int:
        """Return the calls of the last 24 hours."""
        with self._lock:
            oldest = now - timedelta(hours=24)
            self._hours = {hour: count for hour, count in self._hours.items() if hour > oldest}
            return sum(self._hours.values())

    def spend(self, now: datetime, calls: int = 1) -> int:
        """Count calls and return the new sum.

        Raises:
            Refusal: the allowance is used up.
        """
        quota = self.maximum if self.app_maximum is None else min(self.maximum, self.app_maximum)
        if self.used(now) + calls > quota:
            raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            self._hours[hour] = self._hours.get(hour, 0) + calls
            return sum(self._hours.values())
