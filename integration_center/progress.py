"""How far a step of a run has come: its phase, the rows done, and the seconds that each phase took.

Code that works for long says so with `phase` and `advance`. Who watches the step, if anybody, was set by `watched`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Any


class Phase(StrEnum):
    """What a run does, in order."""

    START = "start"
    READ = "read"
    ORG_READ = "org read"
    MATCH = "match"
    COMPARE = "compare"
    PLAN = "plan"
    SEND = "send"
    FINISH = "finish"


UNITS = {Phase.ORG_READ: "records", Phase.SEND: "records"}
"""What is counted in a phase; in the others it is rows."""


LEAST_SECONDS = 1.0
LEAST_PART = 0.05
"""From here on the pace of a phase is known."""


@dataclass(frozen=True)
class Spent:
    """The time that a phase took, in seconds: by the clock, and of the processor."""

    seconds: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.seconds + other.seconds, self.cpu + other.cpu)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.seconds - other.seconds, self.cpu - other.cpu)


@dataclass(frozen=True)
class Seen:
    """How far a step has come.

    Attributes:
        phase: what the step does now.
        done: the number of rows or records done in this phase; None when they are not counted.
        total: how many there are; None when unknown.
        share: the share of the phase that is done, where only that is known.
        note: what else there is to say, such as the state of a Bulk job. It never holds a value.
    """

    phase: Phase
    done: int | None = None
    total: int | None = None
    share: float | None = None
    note: str | None = None

    @property
    def part(self) -> float | None:
        """The share of the phase that is done, from 0 to 1; None when unknown."""
        if self.share is not None or self.done is None or not self.total:
            return self.share
        return min(self.done / self.total, 1.0)


def estimate_left(part: float | None, seconds: float) -> float | None:
    """Estimate the seconds until a phase ends, at the pace so far; None when that cannot be known."""
    if part is None or part < LEAST_PART or seconds < LEAST_SECONDS:
        return None
    return seconds * (1 - part) / part


Watcher = Callable[[Seen], None]
Note = Callable[[Mapping[str, int]], None]
"""Adds counts to a span."""
Spans = Callable[[str], AbstractContextManager[Note]]
"""Opens a span of a trace for the length of a block."""


@contextmanager
def untraced(name: str) -> Iterator[Note]:
    """Open no span: nobody traces this process."""
    yield lambda counts: None


class Progress:
    """The progress of one step.

    Phases can be inside each other; the time of the inner phase is not counted in the outer one. So the seconds of all
    phases add up to those of the step.

    Args:
        watcher: called each time when something changed, maybe thousands of times, from any thread.
        spent: the time spent before.
        spans: opens a span for each phase, and for each unit of work in one.
    """

    def __init__(self, watcher: Watcher, spent: Mapping[Phase, Spent] | None = None, spans: Spans = untraced) -> None:
        self._watcher = watcher
        self.spans = spans
        self._spent = dict(spent or {})
        self._stack: list[Seen] = []
        self._since = _now()
        self._lock = Lock()

    @property
    def spent(self) -> dict[Phase, Spent]:
        """The time that each phase took so far, in order of the phases."""
        with self._lock:
            self._charge()
            return {phase: self._spent[phase] for phase in Phase if phase in self._spent}

    @contextmanager
    def phase(self, phase: Phase, total: int | None = None) -> Iterator[None]:
        """Be in a phase for the length of the block."""
        with self._lock:
            self._charge()
            self._stack.append(Seen(phase, total=total))
        self._tell()
        with self.spans(phase.value) as note:
            try:
                yield
            finally:
                with self._lock:
                    self._charge()
                    seen = self._stack.pop()
                note({name: count for name, count in (("done", seen.done), ("total", seen.total)) if count is not None})

    def advance(self, **changes: Any) -> None:
        """Change what is seen of the present phase."""
        with self._lock:
            if not self._stack:
                return
            self._stack[-1] = replace(self._stack[-1], **changes)
        self._tell()

    def _tell(self) -> None:
        if self._stack:
            self._watcher(self._stack[-1])

    def _charge(self) -> None:
        """Count the time since the last change for the present phase."""
        now = _now()
        if self._stack:
            phase = self._stack[-1].phase
            self._spent[phase] = self._spent.get(phase, Spent()) + (now - self._since)
        self._since = now


def _now() -> Spent:
    return Spent(time.perf_counter(), time.process_time())


_watched: ContextVar[Progress | None] = ContextVar("watched", default=None)


@contextmanager
def watched(progress: Progress) -> Iterator[Progress]:
    """Let `progress` be what `phase` and `advance` speak to, in the block."""
    before = _watched.get()
    _watched.set(progress)
    try:
        yield progress
    finally:
        _watched.set(before)


@contextmanager
def phase(phase: Phase, total: int | None = None) -> Iterator[None]:
    """Be in a phase of the step for the length of the block; `total` is the number of its rows or records."""
    progress = _watched.get()
    if progress is None:
        yield
        return
    with progress.phase(phase, total):
        yield


@contextmanager
def unit(name: str, **counts: int) -> Iterator[None]:
    """Do one unit of work of the present phase, such as a Bulk job; a trace shows it with its counts."""
    progress = _watched.get()
    with (progress.spans if progress else untraced)(name) as note:
        note(counts)
        yield


def find_spent() -> dict[Phase, Spent]:
    """Return the time that each phase of the step took so far; nothing when nobody watches."""
    progress = _watched.get()
    return progress.spent if progress else {}


def advance(done: int, total: int | None = None, *, share: float | None = None) -> None:
    """Say how many rows or records of the present phase are done, of how many; or which share of them."""
    if progress := _watched.get():
        progress.advance(done=done, share=share, **({} if total is None else {"total": total}))


def note(text: str | None) -> None:
    """Say something else about the present phase, such as the state of a Bulk job. It must not hold a value."""
    if progress := _watched.get():
        progress.advance(note=text)


def describe(seen: Seen) -> str:
    """Say how far a step has come: `org read: 400,000 of 1,100,000 records`."""
    said = ", ".join(each for each in (say_count(seen), seen.note) if each)
    return f"{seen.phase}: {said}" if said else seen.phase.value


def say_count(seen: Seen) -> str | None:
    """Say how many rows or records of a phase are done: `4,000 of 9,000 records`; None when nothing is counted."""
    numbers = [number for number in (seen.done, seen.total) if number is not None]
    if not numbers:
        return None
    unit = UNITS.get(seen.phase, "rows")
    return f"{' of '.join(f'{number:,}' for number in numbers)} {unit.removesuffix('s') if numbers[-1] == 1 else unit}"
