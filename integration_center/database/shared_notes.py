"""Notes that the consoles of an installation leave for each other: a page may be answered by any of them.

The settings of alerts that all hosts share are a note, too. A note is a row of the table of drafts that belongs to
nobody. So it is deleted like a draft that is too old, and a text in it is found and erased with a person like that of a
draft. Values of records, and secrets, are encrypted by who writes them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, update

from integration_center.database.engine import has_other_hosts, insert_if_absent, read_clock, reading, upsert, writing
from integration_center.database.tables import drafts
from integration_center.errors import ConfigurationError

NOBODY = ":"
"""Begins the owner of a note, and no user's name."""
TOKEN, AT, CONTENT = "token", "at", "content"
SEALED = "sealed"
"""The part of a note's content that is encrypted, where it has one."""
FOR_GOOD = timedelta(days=365_000)
"""The lifetime of a note that stays until somebody deletes it."""


@dataclass(frozen=True)
class Note:
    """A note as it was read.

    Attributes:
        name: what it is about.
        token: made by who wrote it. Another one means that it was written again.
        age: since it was written or renewed, by the database's clock.
    """

    name: str
    token: str
    age: timedelta
    content: Mapping[str, Any]


class SharedNotes:
    """The notes of all consoles.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def has_readers(self) -> bool:
        """Whether consoles on other hosts can read them."""
        return has_other_hosts(self._engine)

    def write(self, kind: str, name: str, token: str, content: Mapping[str, Any], *, lifetime: timedelta) -> None:
        """Write a note in place of an earlier one about the same."""
        with writing(self._engine) as connection:
            upsert(connection, drafts, ("id",), _clean_up(connection, kind, name, token, content, lifetime))

    def claim(self, kind: str, name: str, token: str, *, lifetime: timedelta) -> bool:
        """Write a note unless there is one about the same; return whether it was written."""
        return self.replace(kind, name, None, token, {}, lifetime=lifetime)

    def replace(
        self, kind: str, name: str, before: str | None, token: str, content: Mapping[str, Any], *, lifetime: timedelta
    ) -> bool:
        """Write a note in place of the one with the token `before`, unless somebody else wrote it again.

        Args:
            kind: of the note.
            name: what it is about.
            before: the token of the note that was read; None where there was none.
            token: of the new note.
            content: of the new note.
            lifetime: of the new note.

        Returns:
            Whether it was written.
        """
        with writing(self._engine) as connection:
            values = _clean_up(connection, kind, name, token, content, lifetime)
            if before is None:
                return insert_if_absent(connection, drafts, values)
            this = drafts.c.id == values["id"]
            is_still = _is_still(connection, this, before)
            if is_still:
                connection.execute(update(drafts).where(this).values(**values))
            return is_still

    def renew(self, kind: str, name: str, token: str, content: Mapping[str, Any], *, lifetime: timedelta) -> None:
        """Write more in a note. One that somebody else wrote again stays as it is."""
        this = drafts.c.id == _identify(kind, name)
        with writing(self._engine) as connection:
            if _is_still(connection, this, token):
                values = _build(kind, name, token, content, read_clock(connection), lifetime)
                connection.execute(update(drafts).where(this).values(**values))

    def read(self, kind: str, name: str) -> Note | None:
        """Return the note about something; None where there is none."""
        return next(iter(self._select(drafts.c.id == _identify(kind, name))), None)

    def list_all(self, kind: str) -> list[Note]:
        """List the notes of a kind."""
        return self._select(drafts.c.owner == f"{NOBODY}{kind}")

    def read_tokens(self, kind: str) -> dict[str, str]:
        """Return the tokens of a kind's notes by their names, also of those that are too old and not deleted yet."""
        with reading(self._engine) as connection:
            these = select(drafts.c.content).where(drafts.c.owner == f"{NOBODY}{kind}")
            return {content["name"]: content[TOKEN] for content in connection.execute(these).scalars()}

    def drop(self, kind: str, name: str, token: str) -> None:
        """Delete a note, unless somebody else wrote it again."""
        this = drafts.c.id == _identify(kind, name)
        with writing(self._engine) as connection:
            if _is_still(connection, this, token):
                connection.execute(delete(drafts).where(this))

    def _select(self, these: ColumnElement[bool]) -> list[Note]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(drafts.c.content, drafts.c.expires_at).where(these)).all()
            now = read_clock(connection) if rows else None
        return [
            Note(content["name"], content[TOKEN], now - datetime.fromisoformat(content[AT]), content[CONTENT])
            for content, expires_at in rows
            if now is not None and now < expires_at
        ]


def rotate_notes(connection: Connection, rotate: Callable[[str], str]) -> None:
    """Encrypt again what notes hold encrypted, with another key. A note that no key opens stays as it is.

    Args:
        connection: in a transaction.
        rotate: encrypts again; see `Cipher.rotate`.
    """
    notes = select(drafts.c.id, drafts.c.content).where(drafts.c.owner.startswith(NOBODY)).with_for_update()
    for note_id, said in connection.execute(notes).all():
        if SEALED not in said[CONTENT]:
            continue
        try:
            said[CONTENT][SEALED] = rotate(said[CONTENT][SEALED])
        except ConfigurationError:
            continue
        connection.execute(update(drafts).where(drafts.c.id == note_id).values(content=said))


def _is_still(connection: Connection, this: ColumnElement[bool], token: str) -> bool:
    """Return whether a note is still the one with this token, and lock it: two consoles may look at the same moment."""
    found = connection.execute(select(drafts.c.content).where(this).with_for_update()).scalar_one_or_none()
    return found is not None and found[TOKEN] == token


def _clean_up(
    connection: Connection, kind: str, name: str, token: str, content: Mapping[str, Any], lifetime: timedelta
) -> dict[str, Any]:
    """Delete the notes of the kind that are too old, and build the row of a new one."""
    now = read_clock(connection)
    connection.execute(delete(drafts).where(drafts.c.owner == f"{NOBODY}{kind}", drafts.c.expires_at <= now))
    return _build(kind, name, token, content, now, lifetime)


def _build(
    kind: str, name: str, token: str, content: Mapping[str, Any], now: datetime, lifetime: timedelta
) -> dict[str, Any]:
    said = {"name": name, TOKEN: token, AT: now.isoformat(), CONTENT: dict(content)}
    return {
        "id": _identify(kind, name),
        "owner": f"{NOBODY}{kind}",
        "content": said,
        "expires_at": now + lifetime,
    }


def _identify(kind: str, name: str) -> str:
    """Return the id of a note, as long as the column is wide."""
    return hashlib.sha256(f"{kind}\n{name}".encode()).hexdigest()
