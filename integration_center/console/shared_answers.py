"""Answers that somebody waits for and any console shows: the plan of a draft, what came of an erasure.

The console that was asked works for the answer, and notes for the others how far it is, and the answer itself. It
renews the note while it works; a note that grows old is that of a console that has ended. An answer may hold values of
records, so it is encrypted.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from integration_center import errors
from integration_center.accounts.encryption import Cipher
from integration_center.console.lookups import Answer, Lookups
from integration_center.database.shared_notes import SEALED, Note, SharedNotes
from integration_center.errors import ConfigurationError, IntegrationCenterError, TransientError
from integration_center.wording.remedies import read_said

T = TypeVar("T")

logger = logging.getLogger(__name__)

RENEWED_EVERY = 5.0
LOST_AFTER = timedelta(seconds=20)
"""How old the note of a console at work may be."""
MOST_TRIES = 60
"""How often a console tries to note an answer while the database is away: for five minutes."""
STEP, ERROR, SAID = "step", "error", "said"


class Lost(TransientError):
    """The console that worked for an answer has ended."""


@dataclass(frozen=True)
class SharedAnswers(Generic[T]):
    """The answers of one kind.

    Attributes:
        kind: of question.
        form: how an answer is written down.
        lookups: of this console.
        notes: of all consoles.
        cipher: of the installation.
        kept: seconds for which an answer counts.
        most: answers that this console keeps.
    """

    kind: str
    form: TypeAdapter[T]
    lookups: Lookups
    notes: SharedNotes
    cipher: Cipher
    kept: float
    most: int

    def ask(self, name: str, work: Callable[[Callable[[str], None]], T]) -> Answer[T]:
        """Begin to work for a new answer, which takes the place of an earlier one.

        Args:
            name: what it is found by.
            work: finds the answer; is given a function to tell its progress by.
        """
        token, lifetime = secrets.token_hex(8), timedelta(seconds=self.kept)

        def note(content: Mapping[str, Any]) -> None:
            self.notes.renew(self.kind, name, token, content, lifetime=lifetime)

        def share(tell: Callable[[str], None]) -> T:
            with _renewing(note) as share_step:

                def say(step: str) -> None:
                    tell(step)
                    share_step(step)

                try:
                    found = work(say)
                except BaseException as error:
                    _note_end(note, _write_error(error))
                    raise
            _note_end(note, {SEALED: self.cipher.encrypt(self.form.dump_json(found).decode())})
            return found

        self.notes.write(self.kind, name, token, {STEP: ""}, lifetime=lifetime)
        self.lookups.drop(self.kind, name)
        return self.lookups.ask((self.kind, name, token), share, kept=self.kept, most=self.most, lasting=True)

    def find(self, name: str) -> Answer[T] | None:
        """Return the newest answer, there or on its way; None when nobody asked, or it is too old.

        An answer whose console has ended fails with `Lost`.
        """
        note = self.notes.read(self.kind, name)
        if note is None:
            return None
        mine = self.lookups.find((self.kind, name, note.token))
        return mine if mine is not None else self._read(note)

    def _read(self, note: Note) -> Answer[T]:
        """Build the answer of another console."""
        future: Future[T] = Future()
        answer = Answer(future, 0.0, [note.content.get(STEP, "")])
        if SEALED in note.content:
            try:
                future.set_result(self.form.validate_json(self.cipher.decrypt(note.content[SEALED])))
            except (ValidationError, ConfigurationError):  # by a console of another version, or with another key
                future.set_exception(Lost("the console that did this has another version or key. Begin again"))
        elif ERROR in note.content:
            future.set_exception(_read_error(note.content))
        elif note.age > LOST_AFTER:
            future.set_exception(Lost("the console that worked on this has ended. Begin again"))
        return answer


@contextmanager
def _renewing(note: Callable[[Mapping[str, Any]], None]) -> Iterator[Callable[[str], None]]:
    """Renew a note while the block works. Give a function that notes the step that the block is at."""
    done, steps = Event(), [""]

    def say(step: str) -> None:
        steps.append(step)
        try:
            note({STEP: step})
        except IntegrationCenterError as error:  # the next beat says it
            logger.warning("other consoles do not know how far this is: %s", error)

    def beat() -> None:
        while not done.wait(RENEWED_EVERY):
            say(steps[-1])

    beating = Thread(target=beat, name="shared answer", daemon=True)
    beating.start()
    try:
        yield say
    finally:
        done.set()
        beating.join()


def _note_end(note: Callable[[Mapping[str, Any]], None], content: Mapping[str, Any]) -> None:
    """Note how the work ended. While the database is away, the answer is there for this console, and is noted later."""
    try:
        note(content)
    except TransientError as error:
        logger.warning("other consoles do not have an answer yet: %s", error)
        Thread(target=_note_later, args=(note, content), name="shared answer", daemon=True).start()


def _note_later(note: Callable[[Mapping[str, Any]], None], content: Mapping[str, Any]) -> None:
    for _ in range(MOST_TRIES):
        time.sleep(RENEWED_EVERY)
        with suppress(TransientError):
            note(content)
            return


def _write_error(error: BaseException) -> dict[str, str]:
    if not isinstance(error, IntegrationCenterError):
        return {ERROR: type(error).__name__}
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return {ERROR: known.__name__, SAID: error.said.store()}


def _read_error(content: Mapping[str, Any]) -> Exception:
    """Build an error again: pages go by its class and its sentence alone."""
    if SAID not in content:
        return RuntimeError(f"{content[ERROR]} in another console, whose log says more")
    kind: type[IntegrationCenterError] = getattr(errors, content[ERROR], TransientError)
    said = read_said(content[SAID])
    error = kind.__new__(kind, said.text)
    error.said = said
    return error
