"""Faults that tests switch on: how an org, or the way to it, can fail."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.identifiers import normalize_id

FaultKind = Literal["respond", "drop", "delay", "truncate", "corrupt", "hold", "expire"]
When = Literal["before", "during", "after"]
LOCKED = RowError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")

DUPLICATE = RowError("DUPLICATES_DETECTED", "Use one of these records?")


class Hold:
    """A call that is held until the test has done what it wants: `reached` is set when the call is there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    def release(self) -> None:
        """Let the call, and all later ones, go on."""
        with self._lock:
            self._released.set()
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    async def wait(self) -> None:
        """Wait for `release`, without a thread."""
        loop = asyncio.get_running_loop()
        going = asyncio.Event()
        with self._lock:
            if self._released.is_set():
                return
            self._wakers.append(lambda: loop.call_soon_threadsafe(going.set))
        self.reached.set()
        await going.wait()


@dataclass
class HttpFault:
    """A fault of the next calls that match.

    Attributes:
        kind: answer in place of the org; drop the connection; wait first; break the connection in the middle of the
            answer; send a whole answer whose body is cut; hold the call; end the session that the call comes with.
        path: a shell pattern of the path, such as `*/composite/sobjects`.
        method: the HTTP method, or None for any.
        times: how many calls it hits; None for all.
        skip: how many matching calls pass before.
        status, headers, body: the answer, of `respond`.
        when: whether `respond`, `drop` and `hold` come before or after the work is done; a `drop` also while the
            request arrives.
        seconds: the wait, of `delay`.
        keep_bytes: how much of the body is sent, of `truncate` and `corrupt`; below zero, how much is not.
        held: of `hold`. A caller that goes away ends the hold; a call not carried out yet then never is.
    """

    kind: FaultKind
    path: str = "*"
    method: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "<html><body>Service Unavailable</body></html>"
    when: When = "before"
    seconds: float = 0.0
    keep_bytes: int = 0
    held: Hold | None = field(default=None, repr=False)


@dataclass
class JobFault:
    """How the next ingest job ends: after some rows, in another state than JobComplete."""

    state: Literal["Failed", "Aborted"]
    after_rows: int = 0
    message: str = "InternalServerError : Retries exceeded"


@dataclass
class RowFault:
    """An error that writes to one record run into, some times or always."""

    error: RowError
    times: int | None


@dataclass
class GroupFault:
    """An error of all rows of a transaction that has more rows than a trigger or flow gets through."""

    most: int
    error: RowError


class Faults:
    """The faults switched on in one org. All methods may be called from any thread.

    Attributes:
        refused_groups: how many rows the transactions had that were refused for their size.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._http: list[HttpFault] = []
        self._rows: dict[str, RowFault] = {}
        self._jobs: list[JobFault] = []
        self._group: GroupFault | None = None
        self._alerts: set[str] = set()
        self.refused_groups: list[int] = []

    def add(self, fault: HttpFault) -> None:
        """Switch on an HTTP fault."""
        with self._lock:
            self._http.append(fault)

    def respond(
        self,
        status: int,
        path: str = "*",
        *,
        times: int | None = 1,
        skip: int = 0,
        method: str | None = None,
        retry_after: float | None = None,
        body: str | None = None,
        content_type: str = "text/html;charset=UTF-8",
        when: Literal["before", "after"] = "before",
    ) -> None:
        """Answer the next matching calls with a status, in place of the work or after it; by default with a page."""
        headers = {"content-type": content_type}
        if retry_after is not None:
            headers["retry-after"] = f"{retry_after:g}"
        page = body if body is not None else HttpFault.body
        self.add(HttpFault("respond", path, method, times, skip, status=status, headers=headers, body=page, when=when))

    def drop(
        self,
        path: str = "*",
        *,
        when: When = "before",
        times: int | None = 1,
        skip: int = 0,
        method: str | None = None,
    ) -> None:
        """Close the connection without an answer: before or after doing the work, or while the request arrives."""
        self.add(HttpFault("drop", path, method, times, skip, when=when))

    def delay(self, seconds: float, path: str = "*", *, times: int | None = 1, method: str | None = None) -> None:
        """Wait before answering."""
        self.add(HttpFault("delay", path, method, times, seconds=seconds))

    def truncate(
        self, keep_bytes: int, path: str = "*", *, times: int | None = 1, skip: int = 0, method: str | None = None
    ) -> None:
        """Send only the first bytes of the body, then close the connection."""
        self.add(HttpFault("truncate", path, method, times, skip, keep_bytes=keep_bytes))

    def corrupt(
        self, keep_bytes: int, path: str = "*", *, times: int | None = 1, skip: int = 0, method: str | None = None
    ) -> None:
        """Send only the first bytes of the body, as if that were all of it."""
        self.add(HttpFault("corrupt", path, method, times, skip, keep_bytes=keep_bytes))

    def hold(
        self,
        path: str = "*",
        *,
        when: Literal["before", "after"] = "before",
        times: int | None = 1,
        skip: int = 0,
        method: str | None = None,
    ) -> Hold:
        """Hold the next matching calls, before or after doing the work, until released or their caller is gone."""
        held = Hold()
        self.add(HttpFault("hold", path, method, times, skip, when=when, held=held))
        return held

    def expire(self, path: str = "*", *, times: int | None = 1, skip: int = 0, method: str | None = None) -> None:
        """End all sessions just as a call arrives."""
        self.add(HttpFault("expire", path, method, times, skip))

    def lock_rows(self, record_ids: Iterable[str], *, times: int | None = 1) -> None:
        """Refuse the next writes to these records with UNABLE_TO_LOCK_ROW."""
        self.fail_rows(record_ids, LOCKED, times=times)

    def fail_rows(self, record_ids: Iterable[str], error: RowError, *, times: int | None = None) -> None:
        """Refuse the next writes (None: all) to these records with an error, as a trigger or a rule would."""
        with self._lock:
            for record_id in record_ids:
                self._rows[normalize_id(record_id) or record_id] = RowFault(error, times)

    def limit_groups(self, most: int, error: RowError) -> None:
        """Refuse all rows of transactions of more than `most` rows, as a trigger that is not made for many would."""
        with self._lock:
            self._group = GroupFault(most, error)

    def alert_duplicates(self, record_ids: Iterable[str]) -> None:
        """Let a duplicate rule alert at writes to these records; they are saved where the call allows it."""
        with self._lock:
            self._alerts.update(normalize_id(record_id) or record_id for record_id in record_ids)

    def end_job(
        self,
        state: Literal["Failed", "Aborted"] = "Failed",
        *,
        after_rows: int = 0,
        message: str = JobFault.message,
    ) -> None:
        """Let the next ingest job end so after some rows; the rest stays unprocessed."""
        with self._lock:
            self._jobs.append(JobFault(state, after_rows, message))

    def clear(self) -> None:
        """Switch all faults off, and let go what is held."""
        with self._lock:
            for fault in self._http:
                if fault.held is not None:
                    fault.held.release()
            self._http.clear()
            self._rows.clear()
            self._group = None
            self._alerts.clear()
            self.refused_groups.clear()
            self._jobs.clear()

    def listing(self) -> dict[str, Any]:
        """Return the faults that are on, for the admin endpoint."""
        with self._lock:
            return {
                "http": [asdict(replace(item, held=None)) for item in self._http],
                "rows": {key: {"code": item.error.code, "times": item.times} for key, item in self._rows.items()},
                "jobs": [asdict(item) for item in self._jobs],
            }

    def take_http(self, method: str, path: str) -> list[HttpFault]:
        """Return the faults that hit this call, and count them down."""
        hits = []
        with self._lock:
            for fault in self._http:
                if fault.method not in (None, method) or not fnmatchcase(path, fault.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is None or fault.times > 0:
                    hits.append(fault)
                    if fault.times is not None:
                        fault.times -= 1
            self._http = [fault for fault in self._http if fault.times != 0]
        return hits

    def find_group(self, rows: int) -> RowError | None:
        """Return the error of a transaction of so many rows, and note its size."""
        fault = self._group
        if fault is None or rows <= fault.most:
            return None
        with self._lock:
            self.refused_groups.append(rows)
        return fault.error

    def take_row(self, record_id: str, *, allow_duplicates: bool = False) -> RowError | None:
        """Return the error that a write to this record runs into, and count it down."""
        if record_id in self._alerts and not allow_duplicates:
            return DUPLICATE
        if not self._rows:
            return None
        with self._lock:
            fault = self._rows.get(record_id)
            if fault is None:
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self._rows[record_id]
            return fault.error

    def take_job(self) -> JobFault | None:
        """Return how the job that starts now ends, unless it ends well."""
        with self._lock:
            return self._jobs.pop(0) if self._jobs else None
