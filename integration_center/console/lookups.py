"""Calls to orgs and report sources, off the request's thread: kept shortly, shared by all who ask, waited for briefly.

A page asks, waits a moment, and shows progress when the answer is not there yet; the browser then asks again.
"""

import secrets
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Generic, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from integration_center.database.shared_notes import SharedNotes

T = TypeVar("T")

KEPT = 300.0
"""Seconds for which an answer is used again; describe and object lists change seldom."""
WORKERS = 6
"""Calls at once, over all users."""
PATIENCE = 1.2
"""Seconds for which a page waits before it shows progress instead."""
LARGE = 4
"""Answers of one kind that are kept at most, where they are large (the rows of reports)."""
FORGOTTEN = "forgotten"
"""The kind of the notes by which other consoles learn that answers are to be looked up again."""
FORGOTTEN_FOR = timedelta(hours=2)
"""Longer than any answer is kept that is ever forgotten."""
LONGEST_PREFIX = 4
"""Parts of a key by which answers are forgotten, at most."""


@dataclass
class Answer(Generic[T]):
    """What was asked for, now or soon.

    Attributes:
        asked_at: `time.monotonic()`.
        steps: what the work said of its progress.
        forgotten: the tokens of what all consoles had forgotten of it before it was asked for.
    """

    future: Future[T]
    asked_at: float
    steps: list[str] = field(default_factory=list)
    forgotten: frozenset[str] = frozenset()
    read: bool = False

    @property
    def ready(self) -> bool:
        """Whether it is there, or has failed."""
        return self.future.done()

    @property
    def step(self) -> str:
        """What the work is at; empty when it does not say."""
        return self.steps[-1] if self.steps else ""

    def get(self) -> T:
        """The answer; waits for it. An error is given once: the next call starts the work again.

        Raises:
            Exception: what the work raised.
        """
        self.read = True
        return self.future.result()


class Lookups:
    """Answers by what was asked.

    Args:
        now: the clock, in seconds.
        notes: by which the consoles of an installation tell each other what they forgot; None where there is only one.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, notes: SharedNotes | None = None) -> None:
        self._now = now
        self._notes = notes
        self._answers: dict[Hashable, Answer[Any]] = {}
        self._lock = Lock()
        self._places = BoundedSemaphore(WORKERS)

    def ask(
        self,
        key: tuple[Hashable, ...],
        work: Callable[[Callable[[str], None]], T],
        *,
        kept: float = KEPT,
        most: int | None = None,
        lasting: bool = False,
    ) -> Answer[T]:
        """The answer to `key`, kept or begun now.

        Args:
            key: its first part is the kind of question.
            work: finds the answer; is given a function to tell its progress by.
            kept: seconds for which the answer counts.
            most: of this kind, so many answers are kept.
            lasting: whether no console ever forgets such an answer before.
        """
        now = self._now()
        forgotten = frozenset[str]() if lasting else self._read_forgotten(key)
        with self._lock:
            known = self._answers.get(key)
            if known is not None and known.forgotten == forgotten and not self._is_over(known, now, kept):
                return known
            if most is not None:
                same = [other for other in self._answers if isinstance(other, tuple) and other[0] == key[0]]
                for other in sorted(same, key=lambda other: self._answers[other].asked_at)[: len(same) - most + 1]:
                    del self._answers[other]
            answer: Answer[T] = Answer(Future(), now, forgotten=forgotten)
            self._answers[key] = answer
        Thread(target=self._work, args=(answer, work), name=f"lookup {key[0]}", daemon=True).start()
        return answer

    def find(self, key: tuple[Hashable, ...]) -> Answer[Any] | None:
        """The answer to `key` that is kept or on its way; None when nobody asked."""
        with self._lock:
            return self._answers.get(key)

    def forget(self, *parts: Hashable) -> None:
        """Drop the answers whose keys begin with `parts`, in all consoles, so that they are looked up again."""
        if self._notes is not None:
            self._notes.write(FORGOTTEN, _name(parts), secrets.token_hex(8), {}, lifetime=FORGOTTEN_FOR)
            _read_here.get(Reading()).tokens = None
        self.drop(*parts)

    def drop(self, *parts: Hashable) -> None:
        """Drop the answers whose keys begin with `parts`, here alone."""
        with self._lock:
            for key in [key for key in self._answers if isinstance(key, tuple) and key[: len(parts)] == parts]:
                del self._answers[key]

    def _read_forgotten(self, key: tuple[Hashable, ...]) -> frozenset[str]:
        """Return the tokens of all notes that an answer to `key` is to be looked up again."""
        if self._notes is None:
            return frozenset()
        read = _read_here.get(Reading())
        if read.tokens is None:
            read.tokens = self._notes.read_tokens(FORGOTTEN)
        names = [_name(key[:length]) for length in range(1, min(len(key), LONGEST_PREFIX) + 1)]
        return frozenset(read.tokens[name] for name in names if name in read.tokens)

    def _work(self, answer: Answer[T], work: Callable[[Callable[[str], None]], T]) -> None:
        with self._places:
            try:
                answer.future.set_result(work(answer.steps.append))
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is read
                answer.future.set_exception(error)

    def _is_over(self, answer: Answer[Any], now: float, kept: float) -> bool:
        if not answer.ready:
            return False
        if answer.future.exception() is not None:
            return answer.read
        return now - answer.asked_at > kept


@dataclass
class Reading:
    """What was read of the notes about forgotten answers; None before."""

    tokens: Mapping[str, str] | None = None


_read_here: ContextVar[Reading] = ContextVar("forgotten answers")


class ReadOnce:
    """ASGI middleware: a request reads the notes of all consoles once, however much its page looks up.

    Args:
        app: what comes after.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        mark = _read_here.set(Reading())
        try:
            await self.app(scope, receive, send)
        finally:
            _read_here.reset(mark)


def _name(parts: tuple[Hashable, ...]) -> str:
    """Name the answers whose keys begin with `parts`."""
    return repr(tuple(map(str, parts)))


def wait_for(answers: Iterable[Answer[Any]], seconds: float | None = None) -> bool:
    """Wait until all answers are there, or for `seconds`, `PATIENCE` if left out; whether they are."""
    _, missing = wait([answer.future for answer in answers], timeout=PATIENCE if seconds is None else seconds)
    return not missing
